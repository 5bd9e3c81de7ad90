//! Payments: what a record takes, where an order's are listed, and what a repetition does.

use payment::{Failure, OrderId};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::ask::{Answer, Api, id};
use super::{Seen, Verdict, orders};

/// A payment that was recorded as captured; no money moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paid {
    pub(super) order: OrderId,
    pub(super) payment: u64,
    pub(super) price: Decimal,
}

/// Records a payment with the token inside; `None` where nothing can be recorded at all.
pub(super) async fn inline_details(
    api: &Api<'_>,
    order: OrderId,
    seen: &mut Vec<Seen>,
) -> Result<Option<Paid>, Failure> {
    const ITEM: &str = "keys of inline payment details";
    let made = record(api, order, "initial-payment").await?;
    let paid = read(api, order, &made).await?;
    let kept = id(made.resource("payment").0, "paymentDetailsId").is_some();
    let (verdict, saw) = match (&paid, kept) {
        (Some(_), true) => (Verdict::AsAssumed, "taken, and a record of the token was made".to_owned()),
        (Some(_), false) => (Verdict::Otherwise, "taken, and no record of the token was made".to_owned()),
        (None, _) => (Verdict::Otherwise, format!("refused: {}", made.told())),
    };
    seen.push(Seen::new(ITEM, verdict, saw));
    Ok(paid)
}

/// A new order, paid.
pub(super) async fn fresh(api: &Api<'_>) -> Result<Paid, Failure> {
    let (order, _) = orders::read(&orders::create(api, &api.sandbox.offer, true).await?)?;
    let made = record(api, order, "initial-payment").await?;
    let paid = read(api, order, &made).await?;
    paid.ok_or_else(|| Failure::refuse(format!("the sandbox records no payment: {}", made.told())))
}

async fn record(api: &Api<'_>, order: OrderId, operation: &str) -> Result<Answer, Failure> {
    let answer = api.post("/payments", &payment_body(api, order, operation)).await?;
    if answer.is_success() {
        api.remember(Api::external(order));
    }
    Ok(answer)
}

fn payment_body(api: &Api<'_>, order: OrderId, operation: &str) -> Value {
    let external = Api::external(order);
    json!({
        "orderId": order, "status": "captured", "paymentOperation": operation, "externalPaymentId": external,
        "paymentDetails": {
            "token": external, "paymentMethodId": api.method, "active": true,
            "paymentMethodSpecificParams": { "variant": "visa", "lastCardFourDigits": "4242" },
        },
    })
}

async fn read(api: &Api<'_>, order: OrderId, made: &Answer) -> Result<Option<Paid>, Failure> {
    let Some(payment) = id(made.resource("payment").0, "id").filter(|_| made.is_success()) else {
        return Ok(None);
    };
    let got = api.get(&format!("/orders/{order}")).await?;
    let price = got.resource("order").0.get("totalPrice").map(ToString::to_string);
    let price = price.and_then(|text| Decimal::from_str_exact(text.trim_matches('"')).ok());
    let price = price.ok_or_else(|| Failure::refuse("the sandbox's order has no price"))?;
    Ok(Some(Paid { order, payment, price }))
}

/// Where the payments of an order are listed.
pub(super) async fn payments_path(api: &Api<'_>, paid: &Paid, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "path of an order's payments";
    const NAME: &str = "CLEENG_ORDER_PAYMENTS_PATH";
    let known = api.setting(NAME);
    let candidates = [
        known.as_str(),
        "/orders/{orderId}/payments",
        "/payments?orderId={orderId}",
        "/payments/orders/{orderId}",
        "/orders/{orderId}/payment",
    ];
    for path in candidates {
        let answer = api.get(&path.replace("{orderId}", &paid.order.to_string())).await?;
        let one = answer.resource("payment").0;
        let listed = answer.rows().iter().chain([one]).any(|row| id(row, "id") == Some(paid.payment));
        if answer.is_success() && listed {
            let verdict = if path == known { Verdict::AsAssumed } else { Verdict::Otherwise };
            seen.push(Seen::new(ITEM, verdict, format!("{path} lists it")).setting(NAME, path));
            return Ok(());
        }
    }
    seen.push(Seen::new(ITEM, Verdict::Unclear, "none of the likely paths lists it: ask Cleeng"));
    Ok(())
}

/// The same payment once more.
pub(super) async fn repeated(api: &Api<'_>, paid: &Paid, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    let again = record(api, paid.order, "initial-payment").await?;
    let (verdict, saw) = match again.status {
        409 => (Verdict::AsAssumed, "409, which is looked after before anything is posted again".to_owned()),
        _ if again.is_success() => (
            Verdict::AsAssumed,
            "recorded twice: the look before a repetition is needed, and made".to_owned(),
        ),
        _ => (Verdict::AsAssumed, format!("refused: {}; the look before finds it first", again.told())),
    };
    seen.push(Seen::new("a payment recorded twice, and a 409", verdict, saw));
    Ok(())
}

/// Under which operation a first payment without an amount is recorded.
pub(super) async fn free_operation(api: &Api<'_>, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "operation of a first payment without an amount";
    const NAME: &str = "CLEENG_FREE_PAYMENT_OPERATION";
    let Some(offer) = &api.sandbox.trial_offer else {
        seen.push(Seen::new(ITEM, Verdict::Unclear, "give `--trial-offer`, an offer with a free trial"));
        return Ok(());
    };
    let (order, _) = orders::read(&orders::create(api, offer, true).await?)?;
    let known = api.setting(NAME);
    let mut refusals = Vec::new();
    for operation in [known.as_str(), "initial-free-transaction", "free-transaction", "initial-payment"] {
        let answer = record(api, order, operation).await?;
        if answer.is_success() {
            let verdict = if operation == known { Verdict::AsAssumed } else { Verdict::Otherwise };
            seen.push(Seen::new(ITEM, verdict, format!("`{operation}` is taken")).setting(NAME, operation));
            return Ok(());
        }
        refusals.push(format!("`{operation}`: {}", answer.told()));
    }
    seen.push(Seen::new(ITEM, Verdict::Unclear, refusals.join(", ")));
    Ok(())
}

/// A capture that failed late, and was made good after all.
pub(super) async fn late_failure(api: &Api<'_>, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "a captured payment rejected late, and captured again";
    let paid = fresh(api).await?;
    let path = format!("/payments/{}", paid.payment);
    let failed = json!({ "orderId": paid.order, "status": "rejected", "rejectedReason": "probe" });
    let failed = api.patch(&path, &failed).await?;
    let again = api.patch(&path, &json!({ "orderId": paid.order, "status": "captured" })).await?;
    let (verdict, saw) = match (failed.is_success(), again.is_success()) {
        (true, true) => (Verdict::AsAssumed, "both are taken".to_owned()),
        (true, false) => (
            Verdict::Otherwise,
            format!("rejected is taken, captured again is not ({}): it rings", again.told()),
        ),
        (false, _) => (Verdict::Otherwise, format!("refused ({}): late failures ring", failed.told())),
    };
    seen.push(Seen::new(ITEM, verdict, saw));
    Ok(())
}
