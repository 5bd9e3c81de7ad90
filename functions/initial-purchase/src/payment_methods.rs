//! What the page needs before the buyer pays.

use bytes::Bytes;
use entrypoint::http::{Refusal, bearer, read_body};
use gateways::Checkout;
use http::Request;
use ledger::{Mapping, Subject, Written};
use payment::{GatewayName, OrderId};
use serde::Deserialize;
use serde_json::Value;
use wire::Deadline;

use crate::Shop;
use crate::initial_payment::opened;
use crate::order::{Payable, payable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    order_id: OrderId,
}

/// `{orderId}` → amount, currency, country, the gateway's public key and methods.
pub(crate) async fn serve(
    shop: &Shop,
    gateway: &GatewayName,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Result<Value, Refusal> {
    let token = bearer(request)?;
    let body: Body = read_body(request.body())?;
    let failed = |failure: payment::Failure| Refusal::from_failure(gateway, &failure);
    let subject = Subject::Order(body.order_id);
    let (payable, kept) = futures::join!(
        payable(shop, gateway, &token, body.order_id, deadline),
        shop.means.ledger.mapping(subject)
    );
    let (payable, kept) = (payable?, kept.map_err(|error| failed(error.into()))?);
    let Payable { order, route, money } = &payable;
    let ask = Checkout {
        customer: order.customer,
        order: Some(order.id),
        money: *money,
        country: order.country.clone(),
        account: route.merchant_account.clone(),
        known: kept.as_ref().and_then(|kept| kept.token.clone()),
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
