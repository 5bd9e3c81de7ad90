//! Captures, voids and refunds: answered `received`, done by the webhook that follows.

use jiff::Timestamp;
use payment::Money;
use serde_json::{Value, json};

use super::AdyenAccount;
use super::answer::Answer;
use super::notifications::{Notice, notify};
use super::state::{Modification, Payment, Standing, State};

const NOT_ENOUGH: &str = "Insufficient balance on payment";

/// `POST /payments/{psp}/captures`: what is not captured is let go.
pub(super) fn capture(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    psp: &str,
    body: &Value,
) -> Answer {
    modify(account, state, now, (psp, "CAPTURE"), body, |payment, step| {
        let possible = step.minor > 0 && step.minor <= payment.held;
        if possible {
            payment.held = 0;
            payment.captures.push(step);
        }
        possible
    })
}

/// `POST /payments/{psp}/cancels`
pub(super) fn cancel(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    psp: &str,
    body: &Value,
) -> Answer {
    modify(account, state, now, (psp, "CANCELLATION"), body, |payment, _| release(payment))
}

/// `POST /payments/{psp}/refunds`
pub(super) fn refund(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    psp: &str,
    body: &Value,
) -> Answer {
    modify(account, state, now, (psp, "REFUND"), body, |payment, step| {
        let possible = step.minor > 0 && step.minor <= payment.captured().saturating_sub(payment.refunded());
        if possible {
            payment.refunds.push(step);
        }
        possible
    })
}

/// `POST /cancels`: by our own reference; voids whatever of that name is held or not finished.
pub(super) fn cancel_by_reference(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    body: &Value,
) -> Answer {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let wanted = text("paymentReference");
    let psp = state.next_id("MOD");
    let place = state.payments.iter().rposition(|payment| payment.reference == wanted);
    match place.and_then(|place| state.payments.get_mut(place)) {
        Some(payment) => {
            let done = release(payment);
            let reason = if done { "" } else { "Payment cannot be cancelled" };
            let notice = Notice { reason, ..Notice::of(payment, "TECHNICAL_CANCEL", done, &psp) };
            notify(account, &mut state.outbox, now, notice);
        }
        None => {
            let Ok(currency) = "EUR".parse() else { return Answer::empty(500) };
            let notice = Notice {
                event: "TECHNICAL_CANCEL",
                success: false,
                psp: &psp,
                original: None,
                account: text("merchantAccount"),
                reference: wanted,
                money: Money { minor: 0, currency },
                brand: "",
                reason: "Transaction not found",
                data: serde_json::Map::new(),
            };
            notify(account, &mut state.outbox, now, notice);
        }
    }
    let mut answer = json!({
        "merchantAccount": text("merchantAccount"),
        "paymentReference": wanted,
        "pspReference": psp,
        "status": "received",
    });
    if let (Some(reference), Some(answer)) = (body.get("reference"), answer.as_object_mut()) {
        answer.insert("reference".to_owned(), reference.clone());
    }
    Answer::json(201, &answer)
}

/// Lets go what is held or not finished; whether there was something to let go.
pub(super) fn release(payment: &mut Payment) -> bool {
    let free = payment.standing == Standing::Authorised && payment.captures.is_empty();
    let possible = payment.held > 0 || payment.is_open() || (free && payment.asked.minor == 0);
    if possible {
        payment.held = 0;
        payment.standing = Standing::Cancelled;
    }
    possible
}

fn modify(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    (psp, event): (&str, &str),
    body: &Value,
    act: impl FnOnce(&mut Payment, Modification) -> bool,
) -> Answer {
    let own = state.next_id("MOD");
    let Some(payment) = state.payment(psp) else {
        return Answer::invalid("167", "Original pspReference required for this operation");
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    if text("merchantAccount") != Some(payment.account.as_str()) {
        return Answer::error(403, "901", "security", "Invalid Merchant Account");
    }
    let amount = body.get("amount");
    let minor = amount.and_then(|amount| amount.get("value")).and_then(Value::as_i64).unwrap_or_default();
    let currency = amount.and_then(|amount| amount.get("currency")).and_then(Value::as_str);
    if currency.is_some_and(|currency| currency != payment.asked.currency.as_str()) {
        return Answer::invalid("137", "Invalid amount specified");
    }
    let reference = text("reference").unwrap_or(&payment.reference).to_owned();
    let done =
        act(payment, Modification { psp: own.clone(), reference: reference.clone(), minor, failed: false });
    let mut answer = json!({
        "merchantAccount": payment.account,
        "paymentPspReference": psp,
        "pspReference": own,
        "reference": reference,
        "status": "received",
    });
    if let (Some(amount), Some(answer)) = (amount, answer.as_object_mut()) {
        answer.insert("amount".to_owned(), amount.clone());
    }
    let payment = payment.clone();
    let money = if amount.is_some() { Money { minor, ..payment.asked } } else { payment.asked };
    let reason = if done { "" } else { NOT_ENOUGH };
    let notice = Notice { reference: &reference, money, reason, ..Notice::of(&payment, event, done, &own) };
    notify(account, &mut state.outbox, now, notice);
    Answer::json(201, &answer)
}
