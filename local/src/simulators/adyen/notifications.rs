//! Webhooks: built, signed as Adyen signs them, and sent again until they are acknowledged.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use payment::Money;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::AdyenAccount;
use super::state::Payment;
use crate::simulators::Delivery;
use crate::simulators::travel::Habits;

/// Webhooks on their way.
pub(super) struct Outbox {
    last: u64,
    waiting: BTreeMap<(Timestamp, u64), Waiting>,
    due: HashMap<u64, Timestamp>,
    habits: Habits,
}

impl Default for Outbox {
    /// A webhook leaves a second after what it tells.
    fn default() -> Self {
        let habits = Habits { delay_seconds: 1, ..Habits::default() };
        Self { last: 0, waiting: BTreeMap::new(), due: HashMap::new(), habits }
    }
}

struct Waiting {
    delivery: Delivery,
    created: Timestamp,
    tries: usize,
}

/// Adyen's pauses between tries, in seconds; the last one repeats for thirty days.
const PAUSES: [i64; 11] = [9, 18, 27, 120, 300, 600, 900, 1800, 3600, 7200, 14_400];
const LAST_PAUSE: i64 = 28_800;
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Outbox {
    /// Everything due by now, oldest first.
    pub(super) fn due(&self, now: Timestamp) -> Vec<Delivery> {
        self.waiting.range(..=(now, u64::MAX)).map(|(_, waiting)| waiting.delivery.clone()).collect()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Changes how webhooks travel.
    pub(super) fn travel(&mut self, habits: Habits) {
        self.habits = habits;
    }

    /// Acknowledged with any 2xx, or sent again later; whether there was such a delivery.
    pub(super) fn acknowledge(&mut self, id: u64, status: u16, now: Timestamp) -> bool {
        let Some(mut waiting) = self.due.remove(&id).and_then(|due| self.waiting.remove(&(due, id))) else {
            return false;
        };
        let pause = PAUSES.get(waiting.tries).copied().unwrap_or(LAST_PAUSE);
        let next = now.saturating_add(SignedDuration::from_secs(pause)).unwrap_or(Timestamp::MAX);
        let given_up = next.duration_since(waiting.created) > GIVEN_UP_AFTER;
        if !(200..300).contains(&status) && !given_up {
            waiting.tries = waiting.tries.saturating_add(1);
            waiting.delivery.due = next;
            self.due.insert(id, next);
            self.waiting.insert((next, id), waiting);
        }
        true
    }

    fn send(&mut self, now: Timestamp, headers: &[(String, String)], body: &Bytes) {
        for _ in 0..self.habits.copies {
            self.last = self.last.saturating_add(1);
            let id = self.last;
            let due = self.habits.due(now, id);
            let delivery = Delivery { id, due, headers: headers.to_vec(), body: body.clone() };
            self.due.insert(id, due);
            self.waiting.insert((due, id), Waiting { delivery, created: now, tries: 0 });
        }
    }
}

/// One item of a standard notification.
pub(super) struct Notice<'a> {
    pub(super) event: &'a str,
    pub(super) success: bool,
    pub(super) psp: &'a str,
    pub(super) original: Option<&'a str>,
    pub(super) account: &'a str,
    pub(super) reference: &'a str,
    pub(super) money: Money,
    pub(super) brand: &'a str,
    pub(super) reason: &'a str,
    pub(super) data: Map<String, Value>,
}

impl<'a> Notice<'a> {
    /// News of something done to a payment.
    pub(super) fn of(payment: &'a Payment, event: &'a str, success: bool, psp: &'a str) -> Self {
        Self {
            event,
            success,
            psp,
            original: Some(&payment.psp),
            account: &payment.account,
            reference: &payment.reference,
            money: payment.asked,
            brand: &payment.brand,
            reason: "",
            data: Map::new(),
        }
    }
}

/// Signs and queues a standard notification.
pub(super) fn notify(account: &AdyenAccount, outbox: &mut Outbox, now: Timestamp, notice: Notice<'_>) {
    let Notice {
        event,
        success,
        psp,
        original,
        account: merchant,
        reference,
        money,
        brand,
        reason,
        mut data,
    } = notice;
    let text = format!(
        "{psp}:{}:{merchant}:{reference}:{}:{}:{event}:{success}",
        original.unwrap_or_default(),
        money.minor,
        money.currency
    );
    data.insert("hmacSignature".to_owned(), json!(sign(account, text.as_bytes())));
    let mut item = json!({
        "additionalData": data,
        "amount": {"value": money.minor, "currency": money.currency.as_str()},
        "eventCode": event,
        "eventDate": now.to_string(),
        "merchantAccountCode": merchant,
        "merchantReference": reference,
        "paymentMethod": brand,
        "pspReference": psp,
        "reason": reason,
        "success": success.to_string(),
    });
    if let (Some(original), Some(item)) = (original, item.as_object_mut()) {
        item.insert("originalReference".to_owned(), json!(original));
    }
    let body = json!({
        "live": account.live.to_string(),
        "notificationItems": [{"NotificationRequestItem": item}],
    });
    outbox.send(now, &headers(account, None), &Bytes::from(body.to_string()));
}

/// Signs and queues a token's webhook: signed over the raw body, in a header.
pub(super) fn notify_token(
    account: &AdyenAccount,
    outbox: &mut Outbox,
    now: Timestamp,
    event: (&str, &str),
    merchant: &str,
    shopper: &str,
    id: &str,
) {
    let (kind, event_id) = event;
    let mut data = json!({
        "merchantAccount": merchant,
        "shopperReference": shopper,
        "storedPaymentMethodId": id,
        "type": "visastandarddebit",
    });
    if let (Some((_, operation)), Some(data)) =
        (kind.rsplit_once('.').filter(|(_, operation)| *operation != "disabled"), data.as_object_mut())
    {
        data.insert("operation".to_owned(), json!(operation));
    }
    let body = Bytes::from(
        json!({
            "createdAt": now.to_string(),
            "environment": if account.live { "live" } else { "test" },
            "eventId": event_id,
            "type": kind,
            "data": data,
        })
        .to_string(),
    );
    let signature = sign(account, &body);
    outbox.send(now, &headers(account, Some(signature)), &body);
}

fn headers(account: &AdyenAccount, signature: Option<String>) -> Vec<(String, String)> {
    let mut headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    if let Some((user, password)) = &account.webhook_login {
        let login = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        headers.push(("authorization".to_owned(), format!("Basic {login}")));
    }
    headers.extend(signature.map(|signature| ("hmacsignature".to_owned(), signature)));
    headers
}

/// Base64 of HMAC-SHA256 with the account's key; empty where the key is not hexadecimal.
fn sign(account: &AdyenAccount, text: &[u8]) -> String {
    let key = hex::decode(account.hmac_key.expose_secret()).unwrap_or_default();
    Hmac::<Sha256>::new_from_slice(&key)
        .map(|mac| STANDARD.encode(mac.chain_update(text).finalize().into_bytes()))
        .unwrap_or_default()
}
