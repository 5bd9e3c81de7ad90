//! Webhooks on their way: signed anew for each try, and tried again until they are acknowledged or given up.

use std::collections::BTreeMap;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::Sha256;

use crate::simulators::Delivery;
use crate::simulators::travel::Habits;

/// All that are not acknowledged yet.
#[derive(Default)]
pub(super) struct Deliveries {
    last_id: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// `(due, id)`, so that what is due is found without looking at the rest.
    by_due: std::collections::BTreeSet<(Timestamp, u64)>,
    habits: Habits,
}

struct Waiting {
    due: Timestamp,
    tries: usize,
    body: Bytes,
}

/// The pauses between tries; three days in all, as at Stripe.
const PAUSES_MINUTES: [i64; 10] = [1, 5, 30, 60, 120, 240, 480, 720, 1440, 1440];

impl Deliveries {
    /// Puts an event on its way.
    pub(super) fn push(&mut self, now: Timestamp, event: &Value) {
        let body = Bytes::from(event.to_string());
        for _ in 0..self.habits.copies {
            self.last_id += 1;
            let due = self.habits.due(now, self.last_id);
            self.waiting.insert(self.last_id, Waiting { due, tries: 0, body: body.clone() });
            self.by_due.insert((due, self.last_id));
        }
    }

    /// Changes how webhooks travel from now on.
    pub(super) fn travel(&mut self, habits: Habits) {
        self.habits = habits;
    }

    /// What is due by now, oldest first, signed at this hour.
    pub(super) fn due(&self, now: Timestamp, secret: &str) -> Vec<Delivery> {
        let due = self.by_due.range(..=(now, u64::MAX));
        due.filter_map(|(due, id)| {
            let body = self.waiting.get(id)?.body.clone();
            let headers = vec![
                ("content-type".to_owned(), "application/json; charset=utf-8".to_owned()),
                ("stripe-signature".to_owned(), signature(secret, now, &body)),
                ("user-agent".to_owned(), "Stripe/1.0 (+https://stripe.com/docs/webhooks)".to_owned()),
            ];
            Some(Delivery { id: *id, due: *due, headers, body })
        })
        .collect()
    }

    /// Notes what the endpoint answered: 2xx ends it, anything else brings it again later.
    pub(super) fn acknowledge(&mut self, now: Timestamp, id: u64, status: u64) -> bool {
        let Some(mut waiting) = self.waiting.remove(&id) else {
            return false;
        };
        self.by_due.remove(&(waiting.due, id));
        let pause = PAUSES_MINUTES.get(waiting.tries).map(|minutes| SignedDuration::from_mins(*minutes));
        if let (false, Some(pause)) = ((200..300).contains(&status), pause) {
            waiting.due = now.checked_add(pause).unwrap_or(now);
            waiting.tries += 1;
            self.by_due.insert((waiting.due, id));
            self.waiting.insert(id, waiting);
        }
        true
    }
}

fn signature(secret: &str, now: Timestamp, body: &[u8]) -> String {
    let stamp = now.as_second();
    let made = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mut mac| {
        mac.update(format!("{stamp}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    });
    format!("t={stamp},v1={}", made.unwrap_or_default())
}
