//! Subscriptions: when one appears, how it ends, whether one can be revived; and the end of everything that was made.

use std::time::Duration;

use jiff::SignedDuration;
use payment::Failure;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::ask::{Answer, Api, EXTERNAL, id};
use super::payments::{Paid, fresh};
use super::{Seen, Verdict};

/// How often a subscription is looked for.
const PAUSE: Duration = Duration::from_secs(2);

/// Looks for the subscription of a payment until it is there.
pub(super) async fn appears(
    api: &Api<'_>,
    paid: &Paid,
    seen: &mut Vec<Seen>,
) -> Result<Option<u64>, Failure> {
    const ITEM: &str = "when a subscription appears after its first payment";
    let began = Instant::now();
    let external = Api::external(paid.order);
    loop {
        let found = ours(api).await?.into_iter().find(|(_, theirs, _)| *theirs == external);
        let waited = began.elapsed();
        if let Some((subscription, ..)) = found {
            let saw = format!("within {} s", waited.as_secs() + 1);
            seen.push(Seen::new(ITEM, Verdict::AsAssumed, saw));
            return Ok(Some(subscription));
        }
        if waited.as_secs() >= api.sandbox.wait_seconds {
            let saw =
                format!("not within {} s; the connector looks on for two days", api.sandbox.wait_seconds);
            seen.push(Seen::new(ITEM, Verdict::Unclear, saw));
            return Ok(None);
        }
        sleep(PAUSE).await;
    }
}

/// Which call ends a subscription, and what a second one is answered.
pub(super) async fn termination(
    api: &Api<'_>,
    subscription: Option<u64>,
    seen: &mut Vec<Seen>,
) -> Result<(), Failure> {
    const ITEM: &str = "call that ends a subscription";
    const NAME: &str = "CLEENG_TERMINATION";
    let Some(id) = subscription else {
        seen.push(Seen::new(ITEM, Verdict::Unclear, "no subscription appeared that could be ended"));
        return Ok(());
    };
    let known = api.setting(NAME);
    let post = end_by_post(api, id).await?;
    let (way, told) = match post.is_success() {
        true => (Some("post"), String::new()),
        false => {
            let patch = end_by_patch(api, id).await?;
            let told = format!("POST: {}, PATCH: {}", post.told(), patch.told());
            (patch.is_success().then_some("patch"), told)
        }
    };
    let Some(way) = way else {
        seen.push(Seen::new(ITEM, Verdict::Unclear, told));
        return Ok(());
    };
    let verdict = if way == known { Verdict::AsAssumed } else { Verdict::Otherwise };
    seen.push(Seen::new(ITEM, verdict, format!("`{way}` is taken")).setting(NAME, way));
    let again = if way == "post" { end_by_post(api, id).await? } else { end_by_patch(api, id).await? };
    let saw = match again.is_success() {
        true => "taken again; nothing changes".to_owned(),
        false => format!("refused ({}); the subscription is then read, and is ended", again.told()),
    };
    seen.push(Seen::new("a second termination", Verdict::AsAssumed, saw));
    Ok(())
}

/// An externally managed subscription is made, ended and revived, with the body of a renewal.
pub(super) async fn revival(api: &Api<'_>, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "body of POST subscriptions/{id}/revive";
    let paid = fresh(api).await?;
    let external = Api::external(paid.order);
    let in_hours =
        |hours| api.now().checked_add(SignedDuration::from_hours(hours)).unwrap_or_default().as_second();
    let made = api
        .post(
            "/subscriptions",
            &json!({
                "customerId": api.sandbox.customer, "offerId": api.sandbox.offer, "paymentMethodId": api.method,
                "externalId": format!("{external}-emp"), "expiresAt": in_hours(24),
            }),
        )
        .await?;
    let number = id(made.resource("subscription").0, "subscriptionId");
    let Some(number) = number.filter(|_| made.is_success()) else {
        let saw = format!("no externally managed subscription could be made: {}", made.told());
        seen.push(Seen::new(ITEM, Verdict::Unclear, saw));
        return Ok(());
    };
    end(api, number).await?;
    let revived =
        api.post(&format!("/subscriptions/{number}/revive"), &json!({ "expiresAt": in_hours(48) })).await?;
    let (verdict, saw) = match revived.is_success() {
        true => (Verdict::AsAssumed, "{\"expiresAt\"} revives it".to_owned()),
        false => (Verdict::Otherwise, format!("refused: {}", revived.told())),
    };
    seen.push(Seen::new(ITEM, verdict, saw));
    end(api, number).await
}

/// Ends every subscription that probing made, now or earlier, and answers how many.
pub(super) async fn tidy_up(api: &Api<'_>) -> Result<usize, Failure> {
    let mut count = 0;
    for (subscription, _, status) in ours(api).await? {
        if status != "terminated" {
            end(api, subscription).await?;
            count += 1;
        }
    }
    Ok(count)
}

/// The customer's subscriptions whose payment or external id is of probing: id, that name, status.
async fn ours(api: &Api<'_>) -> Result<Vec<(u64, String, String)>, Failure> {
    let answer = api.get(&format!("/subscriptions?customerId={}&limit=100", api.sandbox.customer)).await?;
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows = answer.rows().iter().filter_map(|row| {
        let names = [text(row, "latestPaymentExternalId"), text(row, "subscriptionExternalId")];
        let name = names.into_iter().find(|name| name.starts_with(EXTERNAL))?;
        Some((id(row, "subscriptionId")?, name, text(row, "status")))
    });
    Ok(rows.collect())
}

async fn end(api: &Api<'_>, subscription: u64) -> Result<(), Failure> {
    if !end_by_post(api, subscription).await?.is_success() {
        end_by_patch(api, subscription).await?;
    }
    Ok(())
}

async fn end_by_post(api: &Api<'_>, id: u64) -> Result<Answer, Failure> {
    api.post(&format!("/subscriptions/{id}/terminate"), &json!({ "terminationType": "paymentCancel" })).await
}

async fn end_by_patch(api: &Api<'_>, id: u64) -> Result<Answer, Failure> {
    api.patch(&format!("/subscriptions/{id}"), &json!({ "status": "terminated" })).await
}
