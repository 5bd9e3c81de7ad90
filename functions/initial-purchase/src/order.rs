//! Whose order it is and what it costs: nothing is charged before both are certain.

use cleeng::Order;
use entrypoint::connectors::customer_of;
use entrypoint::http::Refusal;
use gateways::Route;
use ledger::{ManagedBy, Mapping, Subject, Terms};
use payment::{CustomerId, GatewayName, Money, MoneyError, OfferKind, OrderId, Token};
use secrecy::SecretString;
use wire::Deadline;

use crate::Shop;

/// An order that this customer may pay now.
pub(crate) struct Payable<'a> {
    pub(crate) order: Order,
    pub(crate) route: &'a Route,
    pub(crate) money: Money,
    /// What its renewals will cost and when they are due, where we manage them ourselves.
    pub(crate) terms: Option<Terms>,
    /// The customer's own item: how often they tried cards, and with which they pay.
    pub(crate) buyer: Option<Mapping>,
}

impl Payable<'_> {
    /// What the customer's own card changes left at this gateway, so that its customer is found again.
    pub(crate) fn known(&self) -> Option<Token> {
        let buyer = self.buyer.as_ref().filter(|buyer| buyer.gateway == self.route.gateway)?;
        buyer.token.clone()
    }
}

/// Proves the customer's token, then reads their item, while the order is read beside it, and checks one against the other.
///
/// An order that does not exist and one of another customer get the same answer, so that nobody can probe for orders.
pub(crate) async fn payable<'a>(
    shop: &'a Shop,
    gateway: &GatewayName,
    token: &SecretString,
    id: OrderId,
    deadline: Deadline,
) -> Result<Payable<'a>, Refusal> {
    // The read of the customer's item costs no time: Cleeng's answer about the order takes longer.
    let buyer = async {
        let customer = customer(shop, gateway, token, deadline).await?;
        let kept = shop.means.ledger.mapping(Subject::Customer(customer)).await;
        kept.map(|kept| (customer, kept)).map_err(|error| Refusal::from_failure(gateway, &error.into()))
    };
    let (buyer, order) = futures::join!(buyer, shop.means.cleeng.order(id, deadline));
    let (customer, buyer) = buyer?;
    let order = match order {
        Ok(order) if order.customer == customer => order,
        Ok(_) | Err(cleeng::Error::NotFound { .. }) => {
            return Err(Refusal::order(
                gateway,
                "There is no such order for this customer. Create a new one.",
            ));
        }
        Err(error) => return Err(Refusal::from_failure(gateway, &error.into())),
    };
    if order.is_expired(shop.means.clock.now()) {
        return Err(Refusal::order(gateway, "The order has expired. Create a new one."));
    }
    if !order.requires_details {
        return Err(Refusal::order(
            gateway,
            "Nothing needs to be paid for this order, so that no payment is taken.",
        ));
    }
    let route = route(shop, gateway, &order, deadline).await?;
    let money = money(shop, gateway, &order)?;
    let terms = terms(shop, gateway, &order, route)?;
    Ok(Payable { order, route, money, terms, buyer })
}

/// The customer that the token proves.
pub(crate) async fn customer(
    shop: &Shop,
    gateway: &GatewayName,
    token: &SecretString,
    deadline: Deadline,
) -> Result<CustomerId, Refusal> {
    customer_of(&shop.media_store, gateway, token, shop.means.clock.now(), deadline).await
}

/// Where the order's payment method leads. An order without one gets the first that leads to this gateway: one call
/// more, which only front ends cause that chose no method.
async fn route<'a>(
    shop: &'a Shop,
    gateway: &GatewayName,
    order: &Order,
    deadline: Deadline,
) -> Result<&'a Route, Refusal> {
    let other = || {
        Refusal::order(
            gateway,
            "The order's payment method is not served by this gateway. Choose another method.",
        )
    };
    match order.method {
        Some(method) => shop.routes.get(method).filter(|route| route.gateway == *gateway).ok_or_else(other),
        None => {
            let route = shop.routes.to_gateway(gateway).ok_or_else(other)?;
            let set = shop.means.cleeng.set_payment_method(order.id, route.payment_method_id, deadline).await;
            set.map(|_| route).map_err(|error| Refusal::from_failure(gateway, &error.into()))
        }
    }
}

/// Nothing is charged of ours to manage before it is certain what the next periods cost, and that Cleeng can be given what
/// was bought: it takes subscriptions and passes, and nothing else.
fn terms(shop: &Shop, gateway: &GatewayName, order: &Order, route: &Route) -> Result<Option<Terms>, Refusal> {
    if route.managed_by == ManagedBy::Cleeng {
        return Ok(None);
    }
    let terms = match order.offer.kind() {
        _ if order.tax.is_none() => Err("Cleeng does not say what tax is in its price".to_owned()),
        OfferKind::Subscription => shop.offers.terms(order, &shop.dunning).map(Some),
        OfferKind::Pass => Ok(None),
        OfferKind::Other => Err("only subscriptions and passes can be sold by it".to_owned()),
    };
    terms.map_err(|why| {
        let (id, method) = (order.id, route.payment_method_id);
        tracing::error!(alarm = "unpayable", order_id = %id, "The order `{id}` cannot be sold by the payment method {method}: {why}");
        Refusal::order(gateway, "This offer cannot be paid this way at the moment. Choose another payment method.")
    })
}

/// The order's price in the gateway's own units, exactly or not at all.
fn money(shop: &Shop, gateway: &GatewayName, order: &Order) -> Result<Money, Refusal> {
    let currency = order.price.currency;
    let units = shop.means.gateways.get(gateway).and_then(|gateway| gateway.minor_units(currency));
    let unknown = MoneyError::UnknownCurrency { gateway: gateway.to_string(), currency };
    units.ok_or(unknown).and_then(|units| Money::from_price(order.price, units)).map_err(|error| {
        tracing::error!(alarm = "unpayable", order_id = %order.id, "The order `{}` cannot be charged: {error}", order.id);
        Refusal::order(gateway, format!("The order's price cannot be charged here: {error}."))
    })
}
