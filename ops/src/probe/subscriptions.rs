//! Subscriptions: when one appears, how it ends, whether one can be revived; and the end of everything that was made.

use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use payment::Failure;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::ask::{Answer, Api, EXTERNAL, id};
use super::payments::{Paid, fresh};
use super::{Seen, Verdict};

/// The customer's subscriptions that are looked through, page by page.
const ROWS: usize = 100;
const PAGES_MAX: usize = 20;
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

/// What a new active record of a token does to the subscription; the record is removed again.
pub(super) async fn new_details(
    api: &Api<'_>,
    subscription: Option<u64>,
    seen: &mut Vec<Seen>,
) -> Result<(), Failure> {
    const ITEM: &str = "what a new active record of a token does";
    let Some(number) = subscription else {
        seen.push(Seen::new(ITEM, Verdict::Unclear, "no subscription appeared that could use it"));
        return Ok(());
    };
    let token = json!({
        "customerId": api.sandbox.customer, "token": format!("{EXTERNAL}{number}"), "paymentMethodId": api.method,
        "active": true,
    });
    let made = api.post("/payment_details", &token).await?;
    let Some(new) = id(made.resource("paymentDetails").0, "id").filter(|_| made.is_success()) else {
        seen.push(Seen::new(ITEM, Verdict::Unclear, format!("refused: {}", made.told())));
        return Ok(());
    };
    let path = format!("/subscriptions/{number}");
    let used = id(api.get(&path).await?.resource("subscription").0, "paymentDetailsId");
    let (verdict, saw) = match used == Some(new) {
        true => (Verdict::AsAssumed, "the subscription uses it at once".to_owned()),
        false => {
            let set = api.patch(&path, &json!({ "paymentDetailsId": new })).await?;
            match set.is_success() {
                true => (
                    Verdict::AsAssumed,
                    "nothing by itself; it is set on the subscription, which is taken".to_owned(),
                ),
                false => (Verdict::Otherwise, format!("nothing, and setting it is refused: {}", set.told())),
            }
        }
    };
    seen.push(Seen::new(ITEM, verdict, saw));
    api.ask(Method::DELETE, &format!("/payment_details/{new}"), None).await.map(drop)
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
                "customerId": api.sandbox.customer, "offerId": api.sandbox.offer,
                "paymentMethodId": api.external_method, "externalId": format!("{external}-emp"), "expiresAt": in_hours(24),
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
    // It may be a new one that lives now.
    end(api, id(revived.resource("subscription").0, "replacedBy").unwrap_or(number)).await
}

/// What is left when everything was ended that probing made, now or earlier.
pub(super) struct Tidied {
    /// How many subscriptions were ended.
    pub(super) ended: usize,
    /// Payments whose subscription has not appeared yet.
    pub(super) missing: usize,
}

/// Ends every subscription that probing made; those of the last payments appear some seconds later, and are waited for.
pub(super) async fn tidy_up(api: &Api<'_>) -> Result<Tidied, Failure> {
    let (began, mut ended) = (Instant::now(), 0);
    loop {
        let found = ours(api).await?;
        for (subscription, _, status) in &found {
            if status != "terminated" {
                end(api, *subscription).await?;
                ended += 1;
            }
        }
        let mut waited_for = api.recorded();
        waited_for.retain(|external| !found.iter().any(|(_, theirs, _)| theirs == external));
        if waited_for.is_empty() || began.elapsed().as_secs() >= api.sandbox.wait_seconds {
            return Ok(Tidied { ended, missing: waited_for.len() });
        }
        sleep(PAUSE).await;
    }
}

/// The customer's subscriptions whose payment or external id is of probing: id, that name, status.
async fn ours(api: &Api<'_>) -> Result<Vec<(u64, String, String)>, Failure> {
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for page in 0..PAGES_MAX {
        let (customer, offset) = (api.sandbox.customer, page * ROWS);
        let path = format!("/subscriptions?customerId={customer}&offset={offset}&limit={ROWS}");
        let answer = api.get(&path).await?;
        let rows = answer.rows();
        found.extend(rows.iter().filter_map(|row| {
            let names = [text(row, "latestPaymentExternalId"), text(row, "subscriptionExternalId")];
            let name = names.into_iter().find(|name| name.starts_with(EXTERNAL))?;
            Some((id(row, "subscriptionId")?, name, text(row, "status")))
        }));
        if rows.len() < ROWS {
            break;
        }
    }
    Ok(found)
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
