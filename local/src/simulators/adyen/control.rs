//! `/_simulator/…`: what a person, a test or the console makes happen at Adyen, at banks and at schemes.

use bytes::Bytes;
use http::{Method, Request, Response};
use jiff::Timestamp;
use payment::Money;
use serde_json::{Value, json};

use super::AdyenAccount;
use super::answer::Answer;
use super::bank;
use super::cards::Behaviour;
use super::faults::Fault;
use super::modifications::release;
use super::notifications::{Notice, notify, notify_token};
use super::payments::{settle, standing};
use super::state::{Modification, Payment, Standing, State};
use crate::simulators::travel::Habits;

/// Answers a control request.
pub(super) fn control(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    route: &str,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let body = match request.body().is_empty() {
        true => json!({}),
        false => serde_json::from_slice(request.body()).unwrap_or_default(),
    };
    let parts: Vec<_> = route.split('/').collect();
    let answer = match (request.method(), parts.as_slice()) {
        (&Method::GET, ["state"]) => Some(seen(state)),
        (&Method::GET, ["redirect", psp]) => bank::page(state, psp),
        (&Method::POST, ["next"]) => read::<Fault>(&body).map(|fault| {
            state.faults.push_back(fault);
            done()
        }),
        (&Method::POST, ["webhooks"]) => read::<Habits>(&body).map(|habits| {
            state.outbox.travel(habits);
            done()
        }),
        (&Method::POST, ["deliveries", id]) => acknowledge(state, id, &body, now),
        (&Method::POST, ["stored", id]) => behave(state, id, &body),
        (&Method::POST, ["stored", id, what]) => token_event(account, state, now, id, what),
        (&Method::POST, ["payments", psp, "result"]) => decide(account, state, now, psp, &body),
        (&Method::POST, ["payments", psp, what]) => happen(account, state, now, (psp, what), &body),
        _ => None,
    };
    answer.unwrap_or_else(|| Answer::json(404, &json!({"error": "no such route, or not now"}))).sent(&[])
}

fn read<T: serde::de::DeserializeOwned>(body: &Value) -> Option<T> {
    serde_json::from_value(body.clone()).ok()
}

fn done() -> Answer {
    Answer::json(200, &json!({"done": true}))
}

fn seen(state: &State) -> Answer {
    Answer::json(
        200,
        &json!({
            "payments": state.payments,
            "stored": state.stored,
            "webhooksWaiting": state.outbox.waiting(),
            "violations": state.violations,
        }),
    )
}

fn acknowledge(state: &mut State, id: &str, body: &Value, now: Timestamp) -> Option<Answer> {
    let status = body.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok())?;
    state.outbox.acknowledge(id.parse().ok()?, status, now).then(done)
}

fn behave(state: &mut State, id: &str, body: &Value) -> Option<Answer> {
    let behaviour = Behaviour::read(body.get("behaviour")?.as_str()?)?;
    let card = state.stored.get_mut(id)?;
    card.behaviour = behaviour;
    card.times = body.get("times").and_then(Value::as_u64).and_then(|times| u32::try_from(times).ok());
    Some(done())
}

fn token_event(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    id: &str,
    what: &str,
) -> Option<Answer> {
    let kind = match what {
        "disabled" => "recurring.token.disabled",
        "updated" => "recurring.token.updated",
        _ => return None,
    };
    let card = state.stored.get_mut(id)?;
    card.disabled |= what == "disabled";
    let (merchant, shopper) = (card.account.clone(), card.shopper.clone());
    let event = state.next_id("EVT");
    notify_token(account, &mut state.outbox, now, (kind, &event), &merchant, &shopper, id);
    Some(done())
}

/// Chooses what 3-D Secure will come to; what is merely pending is settled at once.
fn decide(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    psp: &str,
    body: &Value,
) -> Option<Answer> {
    let result = body.get("result").and_then(Value::as_str)?.to_owned();
    let payment = state.payment(psp).filter(|payment| payment.is_open())?;
    if payment.standing == Standing::Pending {
        return Some(settle(account, state, now, psp, standing(Some(&result))));
    }
    payment.result = Some(result);
    Some(done())
}

/// What banks, schemes and people do to a payment, with the webhook that tells it.
fn happen(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    (psp, what): (&str, &str),
    body: &Value,
) -> Option<Answer> {
    let own = state.next_id("EVT");
    let asked = body.get("minor").and_then(Value::as_i64);
    let payment = state.payment(psp)?;
    let (event, thing, reference, minor) = match what {
        "capture-failed" => late("CAPTURE_FAILED", &mut payment.captures)?,
        "refund-failed" => late("REFUND_FAILED", &mut payment.refunds)?,
        "capture-retried" => {
            let failed = payment.captures.last().filter(|step| step.failed).cloned()?;
            let step = Modification { psp: own.clone(), failed: false, ..failed };
            let told = ("CAPTURE", own, step.reference.clone(), step.minor);
            payment.captures.push(step);
            told
        }
        "refund" => {
            let left = payment.captured().saturating_sub(payment.refunded());
            let minor = asked.unwrap_or(left);
            let reference = payment.reference.clone();
            let fits = minor > 0 && minor <= left;
            let step = Modification { psp: own.clone(), reference: reference.clone(), minor, failed: false };
            fits.then(|| payment.refunds.push(step))?;
            ("REFUND", own, reference, minor)
        }
        "chargeback" | "second-chargeback" => {
            let minor = asked.unwrap_or_else(|| payment.captured().saturating_sub(payment.refunded()));
            payment.disputed = (minor > 0).then_some(minor)?;
            let dispute = payment.dispute.get_or_insert(own).clone();
            let event = if what == "chargeback" { "CHARGEBACK" } else { "SECOND_CHARGEBACK" };
            (event, dispute, payment.reference.clone(), minor)
        }
        "chargeback-reversed" => {
            let minor = std::mem::take(&mut payment.disputed);
            ("CHARGEBACK_REVERSED", payment.dispute.clone()?, payment.reference.clone(), minor)
        }
        "expire" => {
            let minor = payment.held;
            (minor > 0 && release(payment)).then_some(())?;
            ("EXPIRE", own, payment.reference.clone(), minor)
        }
        _ => return None,
    };
    let payment: Payment = payment.clone();
    let money = Money { minor, ..payment.asked };
    let notice = Notice { reference: &reference, money, ..Notice::of(&payment, event, true, &thing) };
    notify(account, &mut state.outbox, now, notice);
    Some(done())
}

/// The last one that stands fails late; a failed capture takes the money back.
fn late(event: &'static str, steps: &mut [Modification]) -> Option<(&'static str, String, String, i64)> {
    let step = steps.iter_mut().rev().find(|step| !step.failed)?;
    step.failed = true;
    Some((event, step.psp.clone(), step.reference.clone(), step.minor))
}
