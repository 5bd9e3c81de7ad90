//! The buyer pays: the order is read, the payment is written down, the gateway is asked, Cleeng is told.

use attempt::{Begun, Done, Ended, began, begin, look_again};
use bytes::Bytes;
use entrypoint::http::{CallerAddress, Refusal, answer, bearer, read_body};
use gateways::Buyer;
use http::{Request, Response};
use ledger::{ManagedBy, Mapping, Stage, Standing, Subject};
use payment::{Answer, Failure, GatewayName, Identity, Intention, OrderId, Target, Verb};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use wire::Deadline;

use crate::Shop;
use crate::order::{Payable, payable};
use crate::reply::reply;
use crate::tries::{bounded, count};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    order_id: OrderId,
    payment_method: Value,
    return_url: Url,
    #[serde(default)]
    origin: Option<Url>,
    #[serde(default)]
    browser_info: Option<Value>,
    #[serde(default)]
    billing_address: Option<Value>,
    /// What the captcha gave, where the deployment wants one.
    #[serde(default)]
    captcha: Option<String>,
}

/// `{orderId, paymentMethod, returnUrl, origin, browserInfo, billingAddress?, captcha?}` → `{"payment":…}` or `{"action":…}`.
///
/// Sent twice for one order it charges once: the second call finds the first one's payment, whatever became of it.
pub(crate) async fn serve(
    shop: &Shop,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Response<Bytes> {
    match pay(shop, gateway, request, deadline).await {
        Ok(done) => reply(gateway, &done),
        Err(refusal) => answer::<()>(Err(refusal)),
    }
}

/// The item of an order that nobody has tried to pay yet.
pub(crate) fn opened(payable: &Payable<'_>) -> Mapping {
    let Payable { order, route, .. } = payable;
    Mapping {
        managed_by: route.managed_by,
        terms: payable.terms.clone(),
        tax: order.tax.filter(|_| route.managed_by == ManagedBy::Connector),
        account: route.merchant_account.clone(),
        offer: Some(order.offer.clone()),
        country: order.country.clone(),
        currency: Some(order.price.currency),
        ..Mapping::new(
            Subject::Order(order.id),
            order.customer,
            route.payment_method_id,
            route.gateway.clone(),
            Standing::Open,
        )
    }
}

async fn pay(
    shop: &Shop,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Result<Done, Refusal> {
    let token = bearer(request)?;
    let body: Body = read_body(request.body())?;
    shop.return_urls.check(&body.return_url)?;
    let subject = Subject::Order(body.order_id);
    let failed = |failure: Failure| Refusal::from_failure(gateway, &failure);
    let (payable, kept) = futures::join!(
        payable(shop, gateway, &token, body.order_id, deadline),
        shop.means.ledger.mapping(subject)
    );
    let (payable, mut kept) = (payable?, kept.map_err(|error| failed(error.into()))?);
    let buyer = Buyer {
        payment_method: body.payment_method,
        return_url: body.return_url,
        origin: body.origin,
        browser: body.browser_info,
        ip: request.extensions().get::<CallerAddress>().map(|address| address.0),
        billing_address: body.billing_address,
        country: payable.order.country.clone(),
        known: kept.as_ref().and_then(|kept| kept.token.clone()).or_else(|| payable.known()),
    };
    let mut solved = false;
    // Whoever writes in between leaves something to decide anew from; in the end one of them pays.
    for _ in 0..ROUNDS_MAX {
        let mapping = kept.unwrap_or_else(|| opened(&payable));
        if mapping.customer != payable.order.customer {
            return Err(failed(Failure::alarm(format!("{} belongs to another customer", mapping.subject))));
        }
        match plan(&mapping) {
            Plan::Found(identity) => {
                let awaited = is_awaited(&mapping, &identity);
                let done = look_again(&shop.means, mapping, &identity, deadline).await.map_err(failed)?;
                // The bank's page was left without success: this card is another try.
                if !(awaited && matches!(done.ended, Ended::Answered { answer: Answer::Declined(_), .. })) {
                    return Ok(done);
                }
                kept = Some(done.mapping);
            }
            Plan::Try(n) if n > shop.tries_max => {
                let message = "This order was refused too often. Create a new one, or try again later.";
                return Err(Refusal::too_many(gateway, message));
            }
            Plan::Try(n) => {
                bounded(shop, gateway, &payable)?;
                // Only before a new try, and once: a repeated call finds its payment without another captcha.
                if !solved {
                    shop.captcha.check(gateway, body.captcha.as_deref(), buyer.ip, deadline).await?;
                    solved = true;
                }
                // A coupon or another payment method may have changed the order since its item was made.
                let Mapping { method, managed_by, terms, tax, .. } = opened(&payable);
                let mapping = Mapping { method, managed_by, terms, tax, ..mapping };
                let attempt = began(intention(shop, &payable, n), payable.order.price, None, None);
                match begin(&shop.means, mapping, attempt, Some(&buyer), deadline).await.map_err(failed)? {
                    Begun::Done(done) => {
                        count(shop, &payable, &done).await;
                        return Ok(*done);
                    }
                    Begun::Lost(current) => kept = current.map(|current| *current),
                }
            }
        }
    }
    Err(Refusal::later(gateway))
}

/// How often one call decides anew because others wrote in between.
const ROUNDS_MAX: usize = 4;

enum Plan {
    /// A try stands or is under way: its end is the answer.
    Found(Identity),
    /// Nothing stands: the next try.
    Try(u32),
}

/// The number of a try grows only after a definite refusal, so that an unknown one is never paid a second time.
fn plan(mapping: &Mapping) -> Plan {
    let tries = mapping.attempts.iter().filter(|attempt| attempt.intention.verb.buyer_present());
    let mut n = 1;
    for attempt in tries {
        match &attempt.stage {
            Stage::Reported(Answer::Declined(_))
            | Stage::Answered(Answer::Declined(_))
            | Stage::Withdrawn { .. } => n += 1,
            _ => return Plan::Found(attempt.intention.identity.clone()),
        }
    }
    Plan::Try(n)
}

fn is_awaited(mapping: &Mapping, identity: &Identity) -> bool {
    mapping.attempt(identity).is_some_and(|attempt| matches!(attempt.stage, Stage::AwaitingBuyer { .. }))
}

fn intention(shop: &Shop, payable: &Payable<'_>, n: u32) -> Intention {
    let Payable { order, route, money, .. } = payable;
    Intention {
        identity: Identity::purchase(order.id, n),
        verb: if money.is_zero() { Verb::Verify } else { Verb::Purchase },
        gateway: route.gateway.clone(),
        account: route.merchant_account.clone(),
        customer: order.customer,
        money: *money,
        target: Target::Buyer,
        order: Some(order.id),
        began: shop.means.clock.now(),
    }
}
