//! The buyer is back from 3-D Secure or a redirect: the gateway itself is asked what came of it.

use attempt::{Done, Ended, finish, resume};
use bytes::Bytes;
use entrypoint::http::{Refusal, answer, bearer, read_body};
use http::{Request, Response};
use ledger::{Mapping, Subject};
use payment::{Failure, GatewayName, OrderId};
use serde::Deserialize;
use serde_json::{Value, json};
use wire::Deadline;

use crate::Shop;
use crate::order::customer;
use crate::reply::reply;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    order_id: OrderId,
    #[serde(default)]
    details: Value,
    #[serde(default)]
    payment_data: Option<Value>,
}

/// `{orderId, details, paymentData?}` → `{"payment":…}`, or `{"action":…}` once more.
pub(crate) async fn serve(
    shop: &Shop,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Response<Bytes> {
    match finalize(shop, gateway, request, deadline).await {
        Ok(done) => reply(gateway, &done),
        Err(refusal) => answer::<()>(Err(refusal)),
    }
}

async fn finalize(
    shop: &Shop,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Result<Done, Refusal> {
    let token = bearer(request)?;
    let body: Body = read_body(request.body())?;
    let failed = |failure: Failure| Refusal::from_failure(gateway, &failure);
    let subject = Subject::Order(body.order_id);
    let (customer, kept) =
        futures::join!(customer(shop, gateway, &token, deadline), shop.means.ledger.mapping(subject));
    let (customer, kept) = (customer?, kept.map_err(|error| failed(error.into()))?);
    let none = || {
        Refusal::order(gateway, "There is no payment under way for this order. Start with initial-payment.")
    };
    let mapping =
        kept.filter(|kept| kept.customer == customer && kept.gateway == *gateway).ok_or_else(none)?;
    let identity = latest(&mapping).ok_or_else(none)?;
    let awaiting =
        mapping.attempt(&identity).is_some_and(|it| matches!(it.stage, ledger::Stage::AwaitingBuyer { .. }));
    let done = if awaiting {
        let details = match body.payment_data {
            Some(data) => json!({ "details": body.details, "paymentData": data }),
            None => json!({ "details": body.details }),
        };
        resume(&shop.means, mapping, &identity, details, deadline).await
    } else {
        finish(&shop.means, mapping, &identity, deadline).await
    };
    let done = done.map_err(failed)?;
    // It certainly never happened: there is nothing to ask for again.
    if matches!(done.ended, Ended::Withdrawn) { Err(none()) } else { Ok(done) }
}

/// The try that is under way or was last.
fn latest(mapping: &Mapping) -> Option<payment::Identity> {
    let mut tries = mapping.attempts.iter().filter(|attempt| attempt.intention.verb.buyer_present());
    tries.next_back().map(|attempt| attempt.intention.identity.clone())
}
