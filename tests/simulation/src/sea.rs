//! The network of a life: the simulated one, with seeded weather, and requests that arrive when nobody waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tokio::time::Instant;
use wire::simulated::{Fate, Fault, Network, Peer, Weather};
use wire::{Reply, Transport};

use crate::chance::{Chance, Kind};
use crate::story;

/// What can happen to a request.
const FAULTS: [Kind; 9] = [
    Kind::Refused,
    Kind::RequestLost,
    Kind::AnswerLost,
    Kind::LateRequest,
    Kind::Doubled,
    Kind::Cut,
    Kind::Instead,
    Kind::InsteadAfter,
    Kind::Throttled,
];
/// A late request is at most this much later; longer than any worker waits, within a key's life.
const LATE_SECONDS_MAX: u64 = 7200;
/// What Cleeng has no key for may be late by less than the connector waits before it looks and asks again (30 s, by the
/// clock of whoever looks); a later or doubled one is written down twice there, and nobody but Cleeng could prevent it.
const UNGUARDED_SECONDS_MAX: u64 = 28;
/// A peer is away for at most so many minutes; one time in eight, hours.
const AWAY_MINUTES_MAX: u64 = 30;
/// Longer than Stripe remembers a key, and shorter than it takes until a person is asked.
const AWAY_HOURS_MAX: u64 = 60;
/// From the middle of a renewal on it is at least this long; what has a grace of a day lapses meanwhile.
const AWAY_HOURS_MIN: u64 = 12;
/// Between two absences of hours: two on end would last until a person is asked.
const BETWEEN_LONG: Duration = Duration::from_secs(7 * 24 * 3600);
/// An exchange takes between one and this many milliseconds.
const LATENCY_MS_MAX: u64 = 700;

/// The network.
#[derive(Clone)]
pub(crate) struct Sea {
    network: Network,
    peers: Arc<[(String, Arc<dyn Peer>)]>,
    chance: Chance,
    away: Arc<Mutex<BTreeMap<String, Away>>>,
    late_unguarded_seconds_max: u64,
    refused: Arc<Mutex<BTreeSet<String>>>,
}

/// A peer that cannot be reached.
#[derive(Clone, Copy)]
struct Away {
    until: Instant,
    /// Whether it takes no connection; else what is sent is lost.
    refuses: bool,
    /// Until when it does not go away for hours again.
    rests_until: Option<Instant>,
}

impl Sea {
    /// A network of these peers.
    pub(crate) fn new(peers: Vec<(String, Arc<dyn Peer>)>, chance: Chance, skew_seconds: i64) -> Self {
        let weather = Arc::new(Seeded(chance.clone()));
        Self {
            network: Network::new(peers.clone(), weather),
            peers: peers.into(),
            chance,
            away: Arc::default(),
            late_unguarded_seconds_max: UNGUARDED_SECONDS_MAX.saturating_sub(skew_seconds.unsigned_abs()),
            refused: Arc::default(),
        }
    }

    /// Payments that Cleeng would not write down: their order was paid or had expired, or their subscription had ended.
    pub(crate) fn refused(&self) -> BTreeSet<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_refusal(&self, body: &[u8], reply: &Reply) {
        let Reply::Answered(answer) = reply else { return };
        let news: Value = serde_json::from_slice(body).unwrap_or_default();
        let external = news.get("externalPaymentId").and_then(Value::as_str);
        if let (422, Some(external)) = (answer.status().as_u16(), external) {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(external.to_owned());
        }
    }

    /// Whether a peer is away now, or goes now.
    fn away(&self, host: &str) -> Option<Away> {
        let now = Instant::now();
        let struck = self.chance.strikes(&format!("{host} away"), &[Kind::Away]);
        let mut all = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, how)) = struck {
            let minutes = if how.is_multiple_of(8) {
                how / 8 % (AWAY_HOURS_MAX * 60)
            } else {
                how / 8 % AWAY_MINUTES_MAX
            };
            leave(&mut all, host, minutes, how);
        }
        all.get(host).copied().filter(|away| away.until > now && !self.chance.is_calm())
    }
}

/// A peer goes away, unless it is away already or was for hours not long ago.
fn leave(all: &mut BTreeMap<String, Away>, host: &str, minutes: u64, how: u64) {
    let (now, long) = (Instant::now(), minutes > AWAY_MINUTES_MAX);
    let last = all.get(host);
    let rests_until = last.and_then(|last| last.rests_until);
    if last.is_some_and(|last| last.until > now) || long && rests_until.is_some_and(|until| until > now) {
        return;
    }
    let until = now + Duration::from_secs(60 * minutes);
    let rests_until = if long { Some(until + BETWEEN_LONG) } else { rests_until };
    let refuses = (how / 1024).is_multiple_of(2);
    all.insert(host.to_owned(), Away { until, refuses, rests_until });
}

impl Sea {
    /// Whether somebody goes away in the middle of this renewal: the gateway that is asked, or Cleeng, which is to be told.
    fn is_left_alone(&self, request: &Request<Bytes>) -> bool {
        if !is_a_renewal(request) {
            return false;
        }
        let struck = self.chance.strikes("a renewal", &[Kind::AwayInTheMiddle]);
        let Some((_, how)) = struck else { return false };
        let hours = AWAY_HOURS_MIN + how / 2048 % (AWAY_HOURS_MAX - AWAY_HOURS_MIN);
        let gateway = request.uri().host().filter(|_| how % 2 == 0);
        let host = gateway.unwrap_or("cleeng.test");
        let mut all = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        leave(&mut all, host, 60 * hours, how);
        gateway.is_some()
    }
}

#[async_trait]
impl Transport for Sea {
    async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Reply {
        let place = place(&request);
        match self.away(request.uri().host().unwrap_or_default()) {
            Some(Away { refuses: true, .. }) => return Reply::NotSent("the peer is away".to_owned()),
            Some(_) => {
                tokio::time::sleep(timeout).await;
                return Reply::Unknown("no answer in time".to_owned());
            }
            None => {}
        }
        let left_alone = self.is_left_alone(&request);
        let late = self.chance.strikes(&format!("{place} late"), &[Kind::LateRequest]);
        let peer = self.peers.iter().find(|(name, _)| Some(name.as_str()) == request.uri().host());
        if let (Some((_, how)), Some((_, peer))) = (late, peer) {
            let max = if is_unguarded(&request) { self.late_unguarded_seconds_max } else { LATE_SECONDS_MAX };
            let (peer, after) = (peer.clone(), Duration::from_secs(how.checked_rem(max).unwrap_or(0)));
            tokio::task::spawn_local(async move {
                tokio::time::sleep(timeout + after).await;
                let answer = peer.handle(request);
                story::tell(|| format!("   {place} arrives late: {}", answer.status().as_u16()));
            });
            tokio::time::sleep(timeout).await;
            return Reply::Unknown("no answer in time".to_owned());
        }
        let shown = story::is_told().then(|| String::from_utf8_lossy(request.body()).into_owned());
        let news = is_unguarded(&request).then(|| request.body().clone());
        let reply = self.network.send(request, timeout).await;
        if let Some(news) = news {
            self.note_refusal(&news, &reply);
        }
        if left_alone {
            tokio::time::sleep(timeout).await;
            return Reply::Unknown("no answer in time".to_owned());
        }
        story::tell(|| format!("   {place} {} → {}", shown.unwrap_or_default(), told(&reply)));
        reply
    }
}

fn told(reply: &Reply) -> String {
    match reply {
        Reply::Answered(answer) => {
            let body: String = String::from_utf8_lossy(answer.body()).chars().take(200).collect();
            format!("{} {body}", answer.status().as_u16())
        }
        Reply::NotSent(why) => format!("not sent: {why}"),
        Reply::Unknown(why) => format!("unknown: {why}"),
    }
}

struct Seeded(Chance);

impl Weather for Seeded {
    fn fate(&self, _: &str, request: &Request<Bytes>) -> Fate {
        let place = place(request);
        let latency = Duration::from_millis(1 + self.0.below(&place, LATENCY_MS_MAX));
        let struck = self.0.strikes(&place, &FAULTS);
        let struck = struck.filter(|(kind, _)| *kind != Kind::Doubled || !is_unguarded(request));
        Fate { latency, fault: struck.and_then(|(kind, how)| fault(kind, how)) }
    }
}

fn fault(kind: Kind, how: u64) -> Option<Fault> {
    const PAGE: &str = "<html><body>Bad gateway</body></html>";
    let page = match how % 6 {
        0 => (500, ""),
        1 => (502, PAGE),
        2 => (503, PAGE),
        3 => (504, ""),
        4 => (200, PAGE),
        _ => (200, ""),
    };
    Some(match kind {
        Kind::Refused => Fault::Refused,
        Kind::RequestLost => Fault::RequestLost,
        Kind::AnswerLost => Fault::AnswerLost,
        Kind::Doubled => Fault::Doubled,
        Kind::Cut => Fault::Cut(usize::try_from(how % 200).unwrap_or(0)),
        Kind::Instead => Fault::Instead(page.0, page.1),
        Kind::InsteadAfter => Fault::InsteadAfter(page.0, page.1),
        Kind::Throttled => {
            Fault::Instead(429, r#"{"error":{"type":"invalid_request_error","code":"rate_limit"}}"#)
        }
        _ => return None,
    })
}

/// Cleeng's records of payments: written under no key. A refund in parts is told twice as one of twice as much.
fn is_unguarded(request: &Request<Bytes>) -> bool {
    let uri = request.uri();
    let writes = request.method() != http::Method::GET;
    let path = uri.path();
    uri.host() == Some("cleeng.test") && writes && (path.contains("/payments") || path.ends_with("/revive"))
}

/// A gateway is asked for a renewal's money.
fn is_a_renewal(request: &Request<Bytes>) -> bool {
    let elsewhere = request.uri().host() != Some("cleeng.test");
    let body = request.body();
    elsewhere && request.method() == http::Method::POST && body.windows(8).any(|part| part == b"renewal.")
}

/// Host, method and path without ids.
fn place(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let words = uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty() && !part.bytes().any(|byte| byte.is_ascii_digit()));
    let path: Vec<_> = words.collect();
    format!("{} {} {}", uri.host().unwrap_or_default(), request.method(), path.join("/"))
}
