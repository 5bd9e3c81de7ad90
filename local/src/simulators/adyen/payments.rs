//! `/payments` and `/payments/details`: how a payment begins, and what it comes to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use payment::Money;
use serde_json::{Map, Value, json};

use super::AdyenAccount;
use super::answer::Answer;
use super::cards::{self, Behaviour, Card, EXPIRY, Refusal};
use super::notifications::{Notice, notify, notify_token};
use super::state::{Payment, Standing, State, Stored};

/// Adyen's bounds on what we send.
const REFERENCE_MAX: usize = 80;
const SHOPPER_MIN: usize = 3;

/// `POST /payments`
pub(super) fn pay(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    body: &Value,
    base: &str,
) -> Answer {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (reference, return_url, shopper) = (text("reference"), text("returnUrl"), text("shopperReference"));
    if !(1..=REFERENCE_MAX).contains(&reference.len()) {
        return broken(state, "130", "Reference is missing or too long");
    }
    if !return_url.starts_with("http") {
        return broken(state, "14_030", "Return URL is missing.");
    }
    let keep = body.get("storePaymentMethod").and_then(Value::as_bool).unwrap_or_default();
    if keep && (shopper.len() < SHOPPER_MIN || text("recurringProcessingModel").is_empty()) {
        return broken(state, "14_012", "A card is kept for a shopper and a model");
    }
    let Some(asked) = money(body) else { return broken(state, "100", "No amount specified") };
    let (card, token) = match paid_with(state, body, shopper) {
        Ok(paid_with) => paid_with,
        Err(answer) => return answer,
    };
    let absent = text("shopperInteraction") == "ContAuth";
    if absent == token.is_none() {
        return broken(state, "807", "Shopper interaction and payment method do not fit together");
    }
    let psp = state.next_id("PSP");
    let strings = |name: &str| body.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let manual = strings("additionalData").get("manualCapture").and_then(Value::as_str) == Some("true");
    let metadata =
        strings("metadata").into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    state.add(Payment {
        psp: psp.clone(),
        account: text("merchantAccount").to_owned(),
        reference: reference.to_owned(),
        shopper: (!shopper.is_empty()).then(|| shopper.to_owned()),
        asked,
        created: now,
        standing: Standing::Pending,
        manual,
        held: 0,
        captures: Vec::new(),
        refunds: Vec::new(),
        disputed: 0,
        dispute: None,
        keep,
        stored: token,
        brand: card.brand.to_owned(),
        last_four: card.last_four.to_owned(),
        later: card.later,
        later_times: card.times,
        result: None,
        return_url: return_url.to_owned(),
        metadata: metadata.collect::<BTreeMap<_, _>>(),
    });
    let waits = match card.now {
        Behaviour::Approve => return settle(account, state, now, &psp, Standing::Authorised),
        Behaviour::Refuse(refusal) => return settle(account, state, now, &psp, Standing::Refused(refusal)),
        Behaviour::Error => return settle(account, state, now, &psp, Standing::Error),
        Behaviour::Pending => Standing::Pending,
        Behaviour::Challenge => Standing::AwaitingFingerprint,
        Behaviour::Frictionless => Standing::AwaitingFingerprintAlone,
        Behaviour::Redirect => Standing::AwaitingRedirect,
    };
    if let Some(payment) = state.payment(&psp) {
        payment.standing = waits.clone();
    }
    waiting(&psp, reference, &waits, base)
}

/// `POST /payments/details`
pub(super) fn details(account: &AdyenAccount, state: &mut State, now: Timestamp, body: &Value) -> Answer {
    let details = body.get("details").and_then(Value::as_object);
    let said = details.and_then(|details| details.values().find_map(Value::as_str)).unwrap_or_default();
    let (psp, result) =
        said.split_once('.').map_or((said, None), |(psp, result)| (psp, Some(result.to_owned())));
    let Some(payment) = state.payment(psp) else {
        return Answer::invalid("14_0408", "The details belong to no payment");
    };
    if payment.standing == Standing::AwaitingFingerprint {
        payment.standing = Standing::AwaitingChallenge;
        let (psp, reference) = (payment.psp.clone(), payment.reference.clone());
        return waiting(&psp, &reference, &Standing::AwaitingChallenge, "");
    }
    if !matches!(
        payment.standing,
        Standing::AwaitingFingerprintAlone | Standing::AwaitingChallenge | Standing::AwaitingRedirect
    ) {
        return Answer::invalid("704", "request already processed or in progress");
    }
    let result = result.or_else(|| payment.result.clone());
    let psp = payment.psp.clone();
    settle(account, state, now, &psp, standing(result.as_deref()))
}

/// What a result means: `authorised` where none was chosen.
pub(super) fn standing(result: Option<&str>) -> Standing {
    let refusal = |code: &str| Refusal { code: code.to_owned(), raw: None, advice: None };
    match result {
        None | Some("authorised") => Standing::Authorised,
        Some("cancelled") => Standing::Cancelled,
        Some("error") => Standing::Error,
        Some(other) => match Behaviour::read(other) {
            Some(Behaviour::Refuse(refusal)) => Standing::Refused(refusal),
            _ => Standing::Refused(refusal("11")),
        },
    }
}

/// Ends a payment: money is held or taken, the card kept, and webhooks leave.
pub(super) fn settle(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    psp: &str,
    standing: Standing,
) -> Answer {
    let (token, capture) = (state.next_id("TOK"), state.next_id("CAP"));
    let Some(payment) = state.payment(psp) else { return Answer::error(500, "000", "internal", "Lost") };
    payment.standing = standing.clone();
    let mut kept = None;
    if standing == Standing::Authorised {
        if payment.manual {
            payment.held = payment.asked.minor;
        } else if payment.asked.minor > 0 {
            let (reference, minor) = (payment.reference.clone(), payment.asked.minor);
            payment.captures.push(super::state::Modification {
                psp: capture,
                reference,
                minor,
                failed: false,
            });
        }
        if let (true, Some(shopper)) = (payment.keep, payment.shopper.clone()) {
            payment.stored = Some(token.clone());
            kept = Some(Stored {
                shopper,
                account: payment.account.clone(),
                brand: payment.brand.clone(),
                last_four: payment.last_four.clone(),
                behaviour: payment.later.clone(),
                times: payment.later_times,
                disabled: false,
            });
        }
    }
    let payment = payment.clone();
    let data = additional_data(&payment, kept.is_some());
    let (reason, answer) = told(&payment, &data);
    let notice = Notice {
        original: None,
        reason: &reason,
        data: with_metadata(data, &payment),
        ..Notice::of(&payment, "AUTHORISATION", standing == Standing::Authorised, &payment.psp)
    };
    notify(account, &mut state.outbox, now, notice);
    if let Some(stored) = kept {
        let event = ("recurring.token.created", payment.psp.as_str());
        notify_token(account, &mut state.outbox, now, event, &stored.account, &stored.shopper, &token);
        state.stored.insert(token, stored);
    }
    answer
}

/// The reason in the webhook, and the synchronous answer.
fn told(payment: &Payment, data: &Map<String, Value>) -> (String, Answer) {
    let mut body = json!({
        "additionalData": data,
        "pspReference": payment.psp,
        "merchantReference": payment.reference,
        "amount": {"value": payment.asked.minor, "currency": payment.asked.currency.as_str()},
        "paymentMethod": {"type": "scheme", "brand": payment.brand},
    });
    let (code, reason, refusal) = match &payment.standing {
        Standing::Authorised => ("Authorised", format!("098871:{}:{EXPIRY}", payment.last_four), None),
        Standing::Refused(refusal) => {
            let words = cards::words(&refusal.code).unwrap_or("Refused");
            ("Refused", words.to_owned(), Some((refusal.code.clone(), words)))
        }
        Standing::Cancelled => ("Cancelled", "Cancelled".to_owned(), Some(("15".to_owned(), "Cancelled"))),
        _ => ("Error", "Acquirer Error".to_owned(), Some(("4".to_owned(), "Acquirer Error"))),
    };
    if let Some(body) = body.as_object_mut() {
        body.insert("resultCode".to_owned(), json!(code));
        if let Some((code, words)) = refusal {
            body.insert("refusalReasonCode".to_owned(), json!(code));
            body.insert("refusalReason".to_owned(), json!(words));
        }
    }
    (reason, Answer::json(200, &body))
}

fn additional_data(payment: &Payment, kept: bool) -> Map<String, Value> {
    let mut data = Map::new();
    let mut put = |name: &str, value: &str| data.insert(name.to_owned(), json!(value));
    put("cardSummary", &payment.last_four);
    put("expiryDate", EXPIRY);
    put("paymentMethod", &payment.brand);
    if let Standing::Refused(refusal) = &payment.standing {
        if let Some(raw) = &refusal.raw {
            put("refusalCodeRaw", raw);
            put("refusalReasonRaw", &format!("{raw} : simulated"));
        }
        if let Some(advice) = &refusal.advice {
            put("merchantAdviceCode", &format!("{advice} : simulated"));
        }
    }
    if let (true, Some(shopper), Some(id)) = (kept, &payment.shopper, &payment.stored) {
        put("tokenization.shopperReference", shopper);
        put("tokenization.storedPaymentMethodId", id);
        put("tokenization.store.operationType", "created");
    }
    data
}

fn with_metadata(mut data: Map<String, Value>, payment: &Payment) -> Map<String, Value> {
    data.extend(payment.metadata.iter().map(|(name, value)| (format!("metadata.{name}"), json!(value))));
    data
}

/// The answer that makes the page act, or wait.
fn waiting(psp: &str, reference: &str, standing: &Standing, base: &str) -> Answer {
    let three_ds = |subtype: &str| {
        json!({"type": "threeDS2", "subtype": subtype, "paymentMethodType": "scheme", "token": psp,
               "paymentData": psp, "authorisationToken": psp})
    };
    let body = match standing {
        Standing::AwaitingFingerprint | Standing::AwaitingFingerprintAlone => {
            json!({"resultCode": "IdentifyShopper", "action": three_ds("fingerprint")})
        }
        Standing::AwaitingChallenge => {
            json!({"resultCode": "ChallengeShopper", "action": three_ds("challenge")})
        }
        Standing::AwaitingRedirect => json!({
            "resultCode": "RedirectShopper",
            "pspReference": psp,
            "merchantReference": reference,
            "action": {"type": "redirect", "method": "GET", "paymentMethodType": "scheme",
                       "url": format!("{base}/_simulator/redirect/{psp}")},
        }),
        _ => json!({"resultCode": "Pending", "pspReference": psp, "merchantReference": reference}),
    };
    Answer::json(200, &body)
}

/// The card that pays, and the stored card it is, if it is one.
fn paid_with(state: &mut State, body: &Value, shopper: &str) -> Result<(Card, Option<String>), Answer> {
    let method = body.get("paymentMethod").and_then(Value::as_object).cloned().unwrap_or_default();
    let text = |name: &str| method.get(name).and_then(Value::as_str);
    if method.contains_key("number") || method.contains_key("cvc") {
        return Err(broken(state, "101", "A bare card number"));
    }
    if let Some(id) = text("storedPaymentMethodId") {
        let stored = state.stored.get_mut(id).filter(|stored| stored.shopper == shopper && !stored.disabled);
        let Some(stored) = stored else { return Err(Answer::invalid("803", "PaymentDetail not found")) };
        let now = stored.charge();
        let brand = if stored.brand == "mc" { "test_mastercard" } else { "test_visa" };
        let card = cards::card(brand).map(|card| Card { now, ..card });
        return card
            .map(|card| (card, Some(id.to_owned())))
            .ok_or_else(|| Answer::invalid("803", "PaymentDetail not found"));
    }
    let name = match text("type") {
        Some("applepay" | "googlepay") => "test_visa",
        _ => text("encryptedCardNumber").unwrap_or_default(),
    };
    cards::card(name).map(|card| (card, None)).ok_or_else(|| Answer::invalid("101", "Invalid card number"))
}

fn money(body: &Value) -> Option<Money> {
    let amount = body.get("amount")?;
    let minor = amount.get("value")?.as_i64().filter(|minor| *minor >= 0)?;
    Some(Money { minor, currency: amount.get("currency")?.as_str()?.parse().ok()? })
}

/// A refusal that a correct client never meets.
fn broken(state: &mut State, code: &str, message: &str) -> Answer {
    state.violate(format!("payments: {message}"));
    Answer::invalid(code, message)
}
