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
    last: u64,
    said: VecDeque<Said>,
    /// Each item's history as it was last seen, to tell which lines a write adds.
    lines: HashMap<Subject, Vec<Line>>,
}

/// How many are kept: two renewals of a thousand subscriptions, near enough.
const KEPT_MAX: usize = 50_000;

impl Overheard {
    /// From now on.
    pub fn listen(&self) {
        self.state().listening = true;
    }

    /// Counts up with everything that is said.
    pub fn last(&self) -> u64 {
        self.state().last
    }

    /// Everything about any of these, oldest first.
    pub fn about(&self, keys: &BTreeSet<String>) -> Vec<Said> {
        self.state().said.iter().filter(|said| !said.about.is_disjoint(keys)).cloned().collect()
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
        (wanted && self.state().listening).then(|| Asked::of(at, request))
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
            ..said(asked.at, Party::Connector, peer, what, answer.status().as_u16(), keys)
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
            ..said(asked.at, Party::Page, peer, call.to_owned(), answer.status().as_u16(), keys)
        });
    }

    /// A webhook that a peer delivered to us.
    pub(crate) fn heard(&self, at: Timestamp, peer: &str, delivery: u64, body: &Bytes, status: u16) {
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
            ..said(at, from, peer, about::topic(&body), status, keys)
        });
    }

    /// An item as it stands in the table, before we write.
    fn seen(&self, item: &Mapping) {
        let mut state = self.state();
        if state.listening {
            state.lines.insert(item.subject, item.history.clone());
        }
    }

    /// An item that we wrote.
    fn wrote(&self, at: Timestamp, item: &Mapping) {
        if !self.state().listening {
            return;
        }
        let before = self.state().lines.insert(item.subject, item.history.clone()).unwrap_or_default();
        let subject = item.subject.to_string();
        let about = BTreeSet::from([subject.replace('#', "/")]);
        for line in writes::added(&before, &item.history) {
            self.keep(Said {
                to: Party::Ledger,
                came: subject.clone(),
                ..said(at, Party::Connector, "ledger", line.what.clone(), 200, about.clone())
            });
        }
    }

    fn keep(&self, said: Said) {
        let mut state = self.state();
        state.last += 1;
        let id = state.last;
        state.said.push_back(Said { id, ..said });
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
    at: Timestamp,
    method: String,
    path: String,
    body: Value,
}

impl Asked {
    fn of(at: Timestamp, request: &Request<Bytes>) -> Self {
        let body = match about::json(request.body()) {
            Value::Null => about::form(request.body()),
            body => body,
        };
        Self { at, method: request.method().to_string(), path: request.uri().path().to_owned(), body }
    }
}

fn said(at: Timestamp, from: Party, peer: &str, what: String, status: u16, about: BTreeSet<String>) -> Said {
    let (to, came) = (Party::Connector, String::new());
    Said { id: 0, at, from, to, peer: peer.to_owned(), what, came, status, about, delivery: None }
}
