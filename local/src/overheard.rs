//! What the parties said to each other lately, for whoever watches: who asked whom what, and what came of it.

mod about;
mod writes;

pub(crate) use writes::Watched;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use ledger::{Line, Mapping, Subject};
use serde::Serialize;
use serde_json::Value;

/// Who speaks or is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// The buyer's page.
    Page,
    /// We.
    Connector,
    /// Cleeng.
    Cleeng,
    /// A gateway.
    Gateway,
    /// Our own table.
    Ledger,
}

/// One thing that was said. Holds no token, secret, address or body.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// Counts up.
    pub id: u64,
    /// When it began, by the system's clock.
    pub at: Timestamp,
    /// Who began.
    pub from: Party,
    /// Who answered.
    pub to: Party,
    /// The peer's name, where it is one of several.
    pub peer: String,
    /// `POST /payments`, `refundPayment`.
    pub what: String,
    /// What came of it, in a few of the peer's own words.
    pub came: String,
    /// The status of the answer.
    pub status: u16,
    /// What it was about, such as `order/696713353`.
    #[serde(skip)]
    pub about: BTreeSet<String>,
    /// For a webhook: the sender's number of it, by which it can be sent again.
    #[serde(skip)]
    pub delivery: Option<u64>,
}

/// The newest things that were said; older ones make room. Deaf until someone listens, so that it costs tests nothing.
#[derive(Default)]
pub struct Overheard {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listening: bool,
    /// Counts what began.
    last: u64,
    /// Counts what ended, and what was written.
    changes: u64,
    said: VecDeque<Said>,
    /// Each item's newest version that was seen, and its history, to tell which lines a write adds.
    lines: HashMap<Subject, (u64, Vec<Line>)>,
    /// When the timer is to look at an item.
    due: HashMap<Subject, Timestamp>,
}

/// How many are kept: two renewals of a thousand subscriptions, near enough.
const KEPT_MAX: usize = 50_000;

impl Overheard {
    /// From now on.
    pub fn listen(&self) {
        self.state().listening = true;
    }

    /// Counts up with everything that is said, written, or made to happen at a peer.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Something changed at a peer without a word to us.
    pub(crate) fn changed(&self) {
        self.state().changes += 1;
    }

    /// The first hour after this one at which the timer is to look at an item that was written since someone listens.
    pub fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        self.state().due.values().copied().filter(|due| *due > after).min()
    }

    /// Everything about any of these, in the order in which it began.
    pub fn about(&self, keys: &BTreeSet<String>) -> Vec<Said> {
        let state = self.state();
        let mut found: Vec<_> =
            state.said.iter().filter(|said| !said.about.is_disjoint(keys)).cloned().collect();
        found.sort_by_key(|said| said.id);
        found
    }

    /// The newest, oldest of them first.
    pub fn newest(&self, count: usize) -> Vec<Said> {
        let state = self.state();
        state.said.iter().skip(state.said.len().saturating_sub(count)).cloned().collect()
    }

    /// What of a request is worth a line; nothing while nobody listens, and nothing of webhooks and of what people make
    /// happen at the simulators.
    pub(crate) fn asked(&self, at: Timestamp, request: &Request<Bytes>) -> Option<Asked> {
        let path = request.uri().path();
        let wanted = !path.starts_with("/webhooks/") && !path.starts_with("/_simulator/");
        if !wanted || !self.state().listening {
            return None;
        }
        Some(Asked::of(self.begins(at), request))
    }

    /// A number for what begins now.
    pub(crate) fn begins(&self, at: Timestamp) -> Begun {
        let mut state = self.state();
        state.last += 1;
        Begun { at, id: state.last }
    }

    /// A call of ours to a peer.
    pub(crate) fn called(&self, peer: &str, asked: &Asked, answer: &Response<Bytes>) {
        let replied = about::json(answer.body());
        let mut keys = about::keys(&asked.path, &asked.body);
        keys.append(&mut about::keys(&asked.path, &replied));
        // What is made by a POST to a collection has its number only in the answer.
        keys.extend(about::made(&asked.path, &replied));
        let what = format!("{} {}", asked.method, about::short(&asked.path));
        self.keep(Said {
            to: if peer == "cleeng" { Party::Cleeng } else { Party::Gateway },
            came: about::came(&asked.body, &replied),
            ..said(asked.begun, Party::Connector, peer, what, answer.status().as_u16(), keys)
        });
    }

    /// A call of the buyer's page to us.
    pub(crate) fn served(&self, asked: &Asked, answer: &Response<Bytes>) {
        let replied = about::json(answer.body());
        let mut keys = about::keys("", &asked.body);
        keys.append(&mut about::keys("", &replied));
        let mut parts = asked.path.trim_matches('/').splitn(3, '/').skip(1);
        let (peer, call) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        self.keep(Said {
            to: Party::Connector,
            came: about::page_came(&replied),
            ..said(asked.begun, Party::Page, peer, call.to_owned(), answer.status().as_u16(), keys)
        });
    }

    /// A webhook that a peer delivered to us.
    pub(crate) fn heard(&self, begun: Begun, peer: &str, delivery: u64, body: &Bytes, status: u16) {
        if !self.state().listening {
            return;
        }
        let body = about::json(body);
        let keys = about::keys("", &body);
        let from = if peer == "cleeng" { Party::Cleeng } else { Party::Gateway };
        self.keep(Said {
            to: Party::Connector,
            came: about::webhook_came(&body),
            delivery: Some(delivery),
            ..said(begun, from, peer, about::topic(&body), status, keys)
        });
    }

    /// An item as it stands in the table, before we write.
    fn seen(&self, item: &Mapping) {
        let mut state = self.state();
        let newer = state.lines.get(&item.subject).is_none_or(|(version, _)| *version < item.version);
        if state.listening && newer {
            state.lines.insert(item.subject, (item.version, item.history.clone()));
        }
    }

    /// An item that we wrote.
    fn wrote(&self, at: Timestamp, item: &Mapping) {
        if !self.state().listening {
            return;
        }
        let (_, before) = {
            let mut state = self.state();
            match item.due {
                Some(due) => state.due.insert(item.subject, due),
                None => state.due.remove(&item.subject),
            };
            // Not every write adds a line.
            state.changes += 1;
            state.lines.insert(item.subject, (item.version, item.history.clone())).unwrap_or_default()
        };
        let subject = item.subject.to_string();
        let about = BTreeSet::from([subject.replace('#', "/")]);
        for line in writes::added(&before, &item.history) {
            self.keep(Said {
                to: Party::Ledger,
                came: subject.clone(),
                ..said(self.begins(at), Party::Connector, "ledger", line.what.clone(), 200, about.clone())
            });
        }
    }

    fn keep(&self, said: Said) {
        let mut state = self.state();
        state.changes += 1;
        state.said.push_back(said);
        if state.said.len() > KEPT_MAX {
            state.said.pop_front();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a request is worth a line, taken before the request goes its way.
pub(crate) struct Asked {
    begun: Begun,
    method: String,
    path: String,
    body: Value,
}

impl Asked {
    fn of(begun: Begun, request: &Request<Bytes>) -> Self {
        let body = match about::json(request.body()) {
            Value::Null => about::form(request.body()),
            body => body,
        };
        Self { begun, method: request.method().to_string(), path: request.uri().path().to_owned(), body }
    }
}

/// When something began, and before what else.
#[derive(Clone, Copy)]
pub(crate) struct Begun {
    at: Timestamp,
    id: u64,
}

fn said(begun: Begun, from: Party, peer: &str, what: String, status: u16, about: BTreeSet<String>) -> Said {
    let (to, came) = (Party::Connector, String::new());
    let Begun { at, id } = begun;
    Said { id, at, from, to, peer: peer.to_owned(), what, came, status, about, delivery: None }
}
