//! The customer is back from 3-D Secure: the gateway itself is asked what came of it.

use attempt::{Done, Ended, finish, resume};
use bytes::Bytes;
use entrypoint::connectors::customer_of;
use entrypoint::http::{Refusal, answer, bearer, read_body};
use http::{Request, Response};
use ledger::{Attempt, Mapping, Stage, Subject};
use payment::{Failure, GatewayName, PaymentMethodId};
use serde::Deserialize;
use serde_json::{Value, json};
use wire::Deadline;

use crate::Desk;
use crate::reply::reply;
use crate::spread::spread;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    payment_method_id: PaymentMethodId,
    #[serde(default)]
    details: Value,
    #[serde(default)]
    payment_data: Option<Value>,
}

/// `{paymentMethodId, details, paymentData?}` → `{"paymentDetails":…}`, or `{"action":…}` once more.
pub(crate) async fn serve(
    desk: &Desk,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Response<Bytes> {
    match finalize(desk, gateway, request, deadline).await {
        Ok(done) => reply(gateway, &spread(desk, done, deadline).await),
        Err(refusal) => answer::<()>(Err(refusal)),
    }
}

async fn finalize(
    desk: &Desk,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Result<Done, Refusal> {
    let token = bearer(request)?;
    let body: Body = read_body(request.body())?;
    let failed = |failure: Failure| Refusal::from_failure(gateway, &failure);
    let means = &desk.means;
    let customer = customer_of(&desk.media_store, gateway, &token, means.clock.now(), deadline).await?;
    let kept = means.ledger.mapping(Subject::Customer(customer)).await;
    let kept = kept.map_err(|error| failed(error.into()))?;
    let none =
        || Refusal::order(gateway, "There is no card that is being added. Start with payment-details.");
    let item = kept.ok_or_else(none)?;
    let attempt = latest(&item, gateway, body.payment_method_id).ok_or_else(none)?;
    let identity = attempt.intention.identity.clone();
    let done = if is_awaiting(attempt) {
        let details = match body.payment_data {
            Some(data) => json!({ "details": body.details, "paymentData": data }),
            None => json!({ "details": body.details }),
        };
        resume(means, item, &identity, details, deadline).await
    } else {
        finish(means, item, &identity, deadline).await
    };
    let done = done.map_err(failed)?;
    // It certainly never happened: there is nothing to ask for again.
    if matches!(done.ended, Ended::Withdrawn) { Err(none()) } else { Ok(done) }
}

/// The newest check that waits for the customer, else the newest of all: a repeated return brings the same result.
fn latest<'a>(item: &'a Mapping, gateway: &GatewayName, method: PaymentMethodId) -> Option<&'a Attempt> {
    let here = |it: &&Attempt| it.intention.gateway == *gateway && it.method == Some(method);
    let waiting = item.attempts.iter().filter(here).rfind(|it| is_awaiting(it));
    waiting.or_else(|| item.attempts.iter().rfind(here))
}

fn is_awaiting(attempt: &Attempt) -> bool {
    matches!(attempt.stage, Stage::AwaitingBuyer { .. })
}
