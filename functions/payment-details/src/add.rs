//! A customer gives a card: it is written down, checked at zero amount, and told to Cleeng.

use attempt::{Begun, Done, began, begin, count_try, finish, known_of, may_try};
use bytes::Bytes;
use entrypoint::connectors::{customer_of, too_many_cards};
use entrypoint::http::{CallerAddress, Refusal, answer, bearer, read_body};
use gateways::{Buyer, Route};
use http::{Request, Response};
use jiff::Timestamp;
use ledger::{Attempt, Mapping, Stage, Standing, Subject};
use payment::{
    Answer, Currency, CustomerId, Failure, GatewayName, Identity, Intention, Money, PaymentMethodId, Price,
    Target, Verb,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use wire::Deadline;

use crate::reply::reply;
use crate::spread::spread;
use crate::{Desk, route};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    payment_method_id: PaymentMethodId,
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

/// `{paymentMethodId, paymentMethod, returnUrl, origin?, browserInfo?, billingAddress?, captcha?}` → `{"paymentDetails":…}` or
/// `{"action":…}`.
///
/// Unlike a payment, a card may be given again at any time: nothing is charged, and the newest one counts. Only a
/// repetition while the first is still on its way finds that one.
pub(crate) async fn serve(
    desk: &Desk,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Response<Bytes> {
    match add(desk, gateway, request, deadline).await {
        Ok(done) => reply(gateway, &spread(desk, done, deadline).await),
        Err(refusal) => answer::<()>(Err(refusal)),
    }
}

async fn add(
    desk: &Desk,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Result<Done, Refusal> {
    let token = bearer(request)?;
    let body: Body = read_body(request.body())?;
    desk.return_urls.check(&body.return_url)?;
    let route = route(desk, gateway, body.payment_method_id)?;
    let failed = |failure: Failure| Refusal::from_failure(gateway, &failure);
    let means = &desk.means;
    let customer = customer_of(&desk.media_store, gateway, &token, means.clock.now(), deadline).await?;
    let kept = means.ledger.mapping(Subject::Customer(customer)).await;
    let mut kept = kept.map_err(|error| failed(error.into()))?;
    let known = known_of(means, customer, kept.as_ref(), gateway, deadline).await.map_err(failed)?;
    let currency = known.currency.unwrap_or(desk.currency);
    let buyer = Buyer {
        payment_method: body.payment_method,
        return_url: body.return_url,
        origin: body.origin,
        browser: body.browser_info,
        ip: request.extensions().get::<CallerAddress>().map(|address| address.0),
        billing_address: body.billing_address,
        country: known.country,
        known: known.token,
    };
    let mut solved = false;
    for _ in 0..ROUNDS_MAX {
        let now = means.clock.now();
        let mut item = kept.unwrap_or_else(|| opened(customer, route));
        if let Some(identity) = on_its_way(&item, now) {
            return finish(means, item, &identity, deadline).await.map_err(failed);
        }
        if !may_try(&item.card_tries, now, desk.tries_max) {
            return Err(too_many_cards(gateway));
        }
        if !solved {
            desk.captcha.check(gateway, body.captcha.as_deref(), buyer.ip, deadline).await?;
            solved = true;
        }
        count_try(&mut item, now);
        item.card_tries.count = item.card_tries.count.saturating_add(1);
        make_room(&mut item);
        let attempt = check(customer, route, item.card_tries.count, currency, now);
        match begin(means, item, attempt, Some(&buyer), deadline).await.map_err(failed)? {
            Begun::Done(done) => return Ok(*done),
            Begun::Lost(current) => kept = current.map(|current| *current),
        }
    }
    Err(Refusal::later(gateway))
}

/// How often one call decides anew because others wrote in between.
const ROUNDS_MAX: usize = 4;

/// The item of a customer who never changed a card.
fn opened(customer: CustomerId, route: &Route) -> Mapping {
    let (method, gateway) = (route.payment_method_id, route.gateway.clone());
    Mapping {
        account: route.merchant_account.clone(),
        ..Mapping::new(Subject::Customer(customer), customer, method, gateway, Standing::Active)
    }
}

/// A check that another call is carrying out right now.
fn on_its_way(item: &Mapping, now: Timestamp) -> Option<Identity> {
    let last = item.attempts.last()?;
    let busy = last.stage == Stage::Intended && last.wait_until.is_some_and(|until| until > now);
    busy.then(|| last.intention.identity.clone())
}

/// What is over makes room, but for the newest card: an older one that is approved after it must find it there.
fn make_room(item: &mut Mapping) {
    let approved = |attempt: &Attempt| matches!(attempt.answer(), Some(Answer::Approved(_)));
    let newest = item.attempts.iter().rfind(|attempt| approved(attempt));
    let newest = newest.map(|attempt| attempt.intention.identity.clone());
    item.attempts
        .retain(|attempt| !attempt.is_finished() || Some(&attempt.intention.identity) == newest.as_ref());
}

/// Check number `n` of this customer's cards.
fn check(customer: CustomerId, route: &Route, n: u32, currency: Currency, now: Timestamp) -> Attempt {
    let intention = Intention {
        identity: Identity::details(customer, n),
        verb: Verb::Verify,
        gateway: route.gateway.clone(),
        account: route.merchant_account.clone(),
        customer,
        money: Money { minor: 0, currency },
        target: Target::Buyer,
        order: None,
        began: now,
    };
    let nothing = Price { amount: Decimal::ZERO, currency };
    Attempt { method: Some(route.payment_method_id), ..began(intention, nothing, None, None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateways::CaptureMode;

    fn now() -> Timestamp {
        "2027-01-04T09:00:00Z".parse().unwrap()
    }

    fn tried(stages: impl IntoIterator<Item = Stage>) -> Mapping {
        let route = Route {
            payment_method_id: "194856795".parse().unwrap(),
            gateway: "stripe".parse().unwrap(),
            merchant_account: None,
            capture: CaptureMode::Manual,
            managed_by: payment::ManagedBy::Cleeng,
        };
        let customer = "362344331".parse().unwrap();
        let mut item = opened(customer, &route);
        for (n, stage) in (1..).zip(stages) {
            item.card_tries.count = n;
            let attempt = check(customer, &route, n, "EUR".parse().unwrap(), now());
            item.attempts.push(Attempt { stage, ..attempt });
        }
        item
    }

    fn kept() -> Stage {
        Stage::Reported(Answer::Approved(payment::Approval {
            reference: "seti_1".parse().unwrap(),
            money: Money { minor: 0, currency: "EUR".parse().unwrap() },
            captured: false,
            token: None,
            card: None,
            capture_before: None,
        }))
    }

    #[test]
    fn a_check_that_is_on_its_way_is_not_begun_again_and_one_that_was_left_is() {
        let item = tried([Stage::Intended]);
        assert_eq!(on_its_way(&item, now()), Some(item.attempts[0].intention.identity.clone()));
        let later = now() + jiff::SignedDuration::from_mins(2);
        assert_eq!(on_its_way(&item, later), None);
        assert_eq!(on_its_way(&tried([Stage::AwaitingBuyer { since: now() }]), now()), None);
    }

    #[test]
    fn only_the_newest_card_and_what_is_open_stay() {
        let given_up = Stage::Withdrawn { why: "no trace".to_owned() };
        let open = Stage::AwaitingBuyer { since: now() };
        let mut item = tried([kept(), open, kept(), given_up]);
        make_room(&mut item);
        let left: Vec<_> = item.attempts.iter().map(|it| it.intention.identity.to_string()).collect();
        assert_eq!(left, ["details/362344331/2", "details/362344331/3"]);
    }
}
