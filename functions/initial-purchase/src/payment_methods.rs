//! What the page needs before the buyer pays.

use attempt::known_of;
use bytes::Bytes;
use entrypoint::http::{Refusal, bearer, read_body};
use gateways::Checkout;
use http::Request;
use ledger::{Mapping, Subject, Written};
use payment::{GatewayName, Money, OrderId, PaymentMethodId};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use wire::Deadline;

use crate::Shop;
use crate::initial_payment::opened;
use crate::order::{Payable, customer, payable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    order_id: Option<OrderId>,
    #[serde(default)]
    payment_method_id: Option<PaymentMethodId>,
}

/// `{orderId}` → amount, currency, country, the gateway's public key and methods; `{}` or `{paymentMethodId}` → the same
/// at zero, for a card that is only added.
pub(crate) async fn serve(
    shop: &Shop,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Result<Value, Refusal> {
    let token = bearer(request)?;
    let body: Body = read_body(request.body())?;
    match body.order_id {
        Some(order) => of_order(shop, gateway, &token, order, deadline).await,
        None => of_card(shop, gateway, &token, body.payment_method_id, deadline).await,
    }
}

/// For an order.
async fn of_order(
    shop: &Shop,
    gateway: &GatewayName,
    token: &SecretString,
    order: OrderId,
    deadline: Deadline,
) -> Result<Value, Refusal> {
    let failed = |failure: payment::Failure| Refusal::from_failure(gateway, &failure);
    let subject = Subject::Order(order);
    let (payable, kept) =
        futures::join!(payable(shop, gateway, token, order, deadline), shop.means.ledger.mapping(subject));
    let (payable, kept) = (payable?, kept.map_err(|error| failed(error.into()))?);
    let Payable { order, route, money, .. } = &payable;
    let ask = Checkout {
        customer: order.customer,
        order: Some(order.id),
        money: *money,
        country: order.country.clone(),
        account: route.merchant_account.clone(),
        known: kept.as_ref().and_then(|kept| kept.token.clone()).or_else(|| payable.known()),
    };
    let party = shop.means.gateways.get(gateway).ok_or_else(|| Refusal::later(gateway))?;
    let page = party.checkout(&ask, deadline).await.map_err(|error| Refusal::from_gateway(gateway, error))?;
    // Worth a write: the payment that follows then needs one call less while the buyer waits.
    if page.known.is_some() && kept.is_none() {
        let mapping = Mapping { token: page.known, ..opened(&payable) };
        match attempt::write(&shop.means, mapping).await.map_err(failed)? {
            Written::Done(_) | Written::Lost(_) => {}
        }
    }
    Ok(page.page)
}

/// For a card that a customer adds, which is checked at zero.
async fn of_card(
    shop: &Shop,
    gateway: &GatewayName,
    token: &SecretString,
    method: Option<PaymentMethodId>,
    deadline: Deadline,
) -> Result<Value, Refusal> {
    let failed = |failure: payment::Failure| Refusal::from_failure(gateway, &failure);
    let route = method.map_or_else(|| shop.routes.to_gateway(gateway), |method| shop.routes.get(method));
    let route = route.filter(|route| route.gateway == *gateway).ok_or_else(|| {
        Refusal::unservable(
            gateway,
            "The payment method is not served by this gateway. Choose another method.",
        )
    })?;
    let customer = customer(shop, gateway, token, deadline).await?;
    let kept = shop.means.ledger.mapping(Subject::Customer(customer)).await;
    let kept = kept.map_err(|error| failed(error.into()))?;
    let known = known_of(&shop.means, customer, kept.as_ref(), gateway, deadline).await.map_err(failed)?;
    let ask = Checkout {
        customer,
        order: None,
        money: Money { minor: 0, currency: known.currency.unwrap_or(shop.currency) },
        country: known.country,
        account: route.merchant_account.clone(),
        known: known.token,
    };
    let party = shop.means.gateways.get(gateway).ok_or_else(|| Refusal::later(gateway))?;
    let page = party.checkout(&ask, deadline).await.map_err(|error| Refusal::from_gateway(gateway, error))?;
    Ok(page.page)
}
