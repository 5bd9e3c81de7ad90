//! The outbox: webhooks signed and on their way, retried with back-off until they are answered with exactly 200.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::calendar::seconds;
use super::state::State;
use crate::simulators::Delivery;

/// Pauses before a webhook is sent again; after the last one it is given up.
const PAUSES_SECONDS: [i64; 5] = [60, 300, 1800, 7200, 43_200];
/// Finished deliveries are kept so that they can be sent again by hand; older ones make room.
const FINISHED_KEPT_MAX: usize = 2000;

#[derive(Default)]
pub(super) struct Outbox {
    last: u64,
    letters: BTreeMap<u64, Letter>,
    waiting: BTreeSet<(Timestamp, u64)>,
    finished: BTreeSet<u64>,
}

#[derive(Clone)]
struct Letter {
    topic: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    due: Timestamp,
    tries: usize,
    standing: Standing,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Waiting,
    Acknowledged,
    GivenUp,
}

/// A line of the list of deliveries.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line<'a> {
    id: u64,
    topic: &'a str,
    due: Timestamp,
    tries: usize,
    standing: Standing,
}

impl Outbox {
    fn send(&mut self, letter: Letter) -> u64 {
        self.last += 1;
        self.waiting.insert((letter.due, self.last));
        self.letters.insert(self.last, letter);
        self.last
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.first().map(|(due, _)| *due)
    }

    pub(super) fn due_by(&self, now: Timestamp) -> Vec<Delivery> {
        let due = self.waiting.range(..=(now, u64::MAX));
        due.filter_map(|(_, id)| self.letters.get(id).map(|letter| (*id, letter)))
            .map(|(id, letter)| Delivery {
                id,
                due: letter.due,
                headers: letter.headers.clone(),
                body: letter.body.clone(),
            })
            .collect()
    }

    /// What the receiver answered. Exactly 200 ends it; anything else brings it back later. Whether there is such a delivery.
    pub(super) fn acknowledge(&mut self, id: u64, status: u16, now: Timestamp) -> bool {
        let Some(letter) = self.letters.get_mut(&id) else { return false };
        if !self.waiting.remove(&(letter.due, id)) {
            return true;
        }
        if status == 200 {
            letter.standing = Standing::Acknowledged;
        } else if let Some(pause) = PAUSES_SECONDS.get(letter.tries) {
            letter.tries += 1;
            letter.due = seconds(now, *pause);
            self.waiting.insert((letter.due, id));
            return true;
        } else {
            letter.standing = Standing::GivenUp;
        }
        self.finished.insert(id);
        if self.finished.len() > FINISHED_KEPT_MAX
            && let Some(oldest) = self.finished.pop_first()
        {
            self.letters.remove(&oldest);
        }
        true
    }

    /// Sends a delivery once more, finished or not; its new id.
    pub(super) fn again(&mut self, id: u64, now: Timestamp) -> Option<u64> {
        let letter = self.letters.get(&id)?.clone();
        Some(self.send(Letter { due: now, tries: 0, standing: Standing::Waiting, ..letter }))
    }

    /// All deliveries that are still kept, oldest first.
    pub(super) fn lines<'a>(&'a self) -> Vec<Line<'a>> {
        let line = |(id, letter): (&u64, &'a Letter)| {
            let Letter { topic, due, tries, standing, .. } = letter;
            Line { id: *id, topic, due: *due, tries: *tries, standing: *standing }
        };
        self.letters.iter().map(line).collect()
    }
}

/// Sends an event to every endpoint of its topic whose filters it passes. A filter on a member that the payload lacks
/// drops it, as Cleeng does.
pub(super) fn emit(state: &mut State, topic: &str, data: Map<String, Value>) {
    let endpoints = state.endpoints.get(topic).cloned().unwrap_or_default();
    let wanted: Vec<_> = endpoints.iter().filter(|endpoint| passes(endpoint, &data)).collect();
    let body =
        json!({"broadcasterId": state.settings.publisher_id, "topic": topic, "data": data}).to_string();
    for endpoint in wanted {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.push(("user-agent".to_owned(), "Cleeng webhooks".to_owned()));
        if let Some(url) = endpoint.get("url").and_then(Value::as_str) {
            headers.push(("x-simulator-endpoint".to_owned(), url.to_owned()));
        }
        if let Some(secret) = secret(endpoint) {
            headers
                .push(("x-cleeng-signature".to_owned(), hex::encode(hmac_sha256(secret, body.as_bytes()))));
        }
        let body = Bytes::from(body.clone());
        let standing = Standing::Waiting;
        state.outbox.send(Letter {
            topic: topic.to_owned(),
            headers,
            body,
            due: state.now,
            tries: 0,
            standing,
        });
    }
}

fn passes(endpoint: &Map<String, Value>, data: &Map<String, Value>) -> bool {
    let filters = endpoint.get("filters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    filters.iter().all(|filter| {
        let name = filter.get("name").and_then(Value::as_str).unwrap_or_default();
        let wanted = filter.get("options").and_then(|options| options.get("value"));
        data.get(name).zip(wanted).is_some_and(|(given, wanted)| text(given) == text(wanted))
    })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn secret(endpoint: &Map<String, Value>) -> Option<&str> {
    endpoint.get("verification")?.get("options")?.get("sharedSecret")?.as_str()
}

/// HMAC-SHA256, for webhooks and customers' tokens alike.
pub(super) fn hmac_sha256(secret: &str, message: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().to_vec(),
        // HMAC takes keys of any length; without one there is no signature.
        Err(_) => Vec::new(),
    }
}
