//! Refunds: the names of amount and type, parts or sums, and what is shown of the reason.
//!
//! A name that Cleeng does not know is ignored there, so a name is tried with a value that must be refused if it is read.

use http::Method;
use payment::Failure;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::ask::{Answer, Api, id};
use super::payments::{Paid, fresh};
use super::{Seen, Verdict};

const AMOUNT: &str = "CLEENG_REFUNDED_AMOUNT_FIELD";
const TYPE: &str = "CLEENG_REFUND_TYPE_FIELD";
/// Longer than any reason of the connector's own.
const REASON_LENGTH: usize = 255;

/// Settles the items of refunds on payments of its own.
pub(super) async fn refunds(api: &Api<'_>, paid: Paid, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    let Some((amount, paid)) = amount_field(api, paid, seen).await? else { return Ok(()) };
    type_field(api, &paid, &amount, seen).await?;
    parts(api, &amount, seen).await?;
    reason(api, &amount, seen).await
}

/// More than was paid must be refused, where the amount is read.
async fn amount_field(
    api: &Api<'_>,
    paid: Paid,
    seen: &mut Vec<Seen>,
) -> Result<Option<(String, Paid)>, Failure> {
    const ITEM: &str = "name of the refunded amount";
    let known = api.setting(AMOUNT);
    let mut paid = paid;
    for name in [known.as_str(), "refundedAmount", "refundAmount", "amount"] {
        let more = paid.price + Decimal::ONE;
        let answer = refund(api, &paid, &[(name, number(more))]).await?;
        if answer.is_refusal() {
            let verdict = if name == known { Verdict::AsAssumed } else { Verdict::Otherwise };
            let saw = format!("`{name}` is read: more than was paid is refused");
            seen.push(Seen::new(ITEM, verdict, saw).setting(AMOUNT, name));
            return Ok(Some((name.to_owned(), paid)));
        }
        // Ignored: all of it counts as returned now, so the next name needs another payment.
        paid = fresh(api).await?;
    }
    seen.push(Seen::new(
        ITEM,
        Verdict::Unclear,
        "every likely name is ignored: look at the payments in the dashboard",
    ));
    Ok(None)
}

/// A type that does not exist must be refused, where the type is read.
async fn type_field(api: &Api<'_>, paid: &Paid, amount: &str, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "name of the refund's type";
    let known = api.setting(TYPE);
    for name in [known.as_str(), "refundType", "type", "refundedType"] {
        let little = number(Decimal::new(1, 2));
        let answer = refund(api, paid, &[(amount, little), (name, r#""no-such-type""#.to_owned())]).await?;
        if answer.is_refusal() {
            let verdict = if name == known { Verdict::AsAssumed } else { Verdict::Otherwise };
            let saw = format!("`{name}` is read: a type that does not exist is refused");
            seen.push(Seen::new(ITEM, verdict, saw).setting(TYPE, name));
            return Ok(());
        }
    }
    let saw = "no likely name is checked: refund 0.01 as `chargeback`, look in the dashboard which it shows";
    seen.push(Seen::new(ITEM, Verdict::Unclear, saw));
    Ok(())
}

/// After two quarters, seven tenths are too much if each is a part, and not if the last names the sum.
async fn parts(api: &Api<'_>, amount: &str, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "second partial return: part or sum";
    let paid = fresh(api).await?;
    let share = |of: Decimal| number((paid.price * of).round_dp(2));
    let first = refund(api, &paid, &[(amount, share(Decimal::new(25, 2)))]).await?;
    let shape = match (first.is_success(), id(first.resource("payment").0, "id"), first.resource("payment").1)
    {
        (false, ..) => format!("refused: {}", first.told()),
        (true, Some(_), true) => "a payment in its envelope".to_owned(),
        (true, Some(_), false) => "a bare payment".to_owned(),
        (true, None, _) => "no payment; it is taken at its word".to_owned(),
    };
    let verdict = if first.is_success() { Verdict::AsAssumed } else { Verdict::Unclear };
    seen.push(Seen::new("what PATCH payment answers with", verdict, shape));
    let second = refund(api, &paid, &[(amount, share(Decimal::new(25, 2)))]).await?;
    let third = refund(api, &paid, &[(amount, share(Decimal::new(7, 1)))]).await?;
    let (verdict, saw) = match (second.is_success(), third.is_refusal(), third.is_success()) {
        (true, true, _) => (Verdict::AsAssumed, "each is a part of its own"),
        (true, _, true) => (
            Verdict::Otherwise,
            "the last one names the sum: the connector reports parts, and must be changed",
        ),
        _ => (Verdict::Unclear, "the amounts were not taken: look in the dashboard"),
    };
    seen.push(Seen::new(ITEM, verdict, saw));
    Ok(())
}

async fn reason(api: &Api<'_>, amount: &str, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "whether the reason of a return is shown, and how long it may be";
    let paid = fresh(api).await?;
    let long = "r".repeat(REASON_LENGTH);
    let little = (amount, number(Decimal::new(1, 2)));
    let answer = told(api, &paid, &long, &[little]).await?;
    if !answer.is_success() {
        let saw = format!("{REASON_LENGTH} characters are refused: {}", answer.told());
        seen.push(Seen::new(ITEM, Verdict::Unclear, saw));
        return Ok(());
    }
    let got = api.get(&format!("/payments/{}", paid.payment)).await?;
    let shown = got.resource("payment").0.get("refundedReason").and_then(Value::as_str).unwrap_or_default();
    let (verdict, saw) = match shown.len() {
        REASON_LENGTH => (Verdict::AsAssumed, format!("shown, all {REASON_LENGTH} characters")),
        0 => (
            Verdict::Otherwise,
            "not shown: of several parts, one that was told may be told again by a person only".to_owned(),
        ),
        length => (Verdict::Otherwise, format!("shown, cut after {length} characters")),
    };
    seen.push(Seen::new(ITEM, verdict, saw));
    Ok(())
}

async fn refund(api: &Api<'_>, paid: &Paid, more: &[(&str, String)]) -> Result<Answer, Failure> {
    told(api, paid, "probe", more).await
}

/// The body is put together as text, so that an amount keeps exactly its digits.
async fn told(api: &Api<'_>, paid: &Paid, reason: &str, more: &[(&str, String)]) -> Result<Answer, Failure> {
    let base = json!({
        "orderId": paid.order, "status": "refunded", "paymentOperation": "initial-payment", "refundedReason": reason,
    });
    let more: String = more.iter().map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
    let body = format!("{}{more}}}", base.to_string().trim_end_matches('}'));
    api.ask(Method::PATCH, &format!("/payments/{}", paid.payment), Some(body)).await
}

/// An amount as a JSON number.
fn number(amount: Decimal) -> String {
    amount.normalize().to_string()
}
