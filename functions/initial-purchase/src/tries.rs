//! One customer's tries over all their orders, so that nobody can test stolen cards by making an order for each.

use attempt::{Done, Ended, count_try, may_try};
use entrypoint::connectors::too_many_cards;
use entrypoint::http::Refusal;
use ledger::{Mapping, Standing, Subject, Written};
use payment::{Answer, GatewayName};

use crate::Shop;
use crate::order::Payable;

/// Refuses a try beyond the bound.
pub(crate) fn bounded(shop: &Shop, gateway: &GatewayName, payable: &Payable<'_>) -> Result<(), Refusal> {
    let now = shop.means.clock.now();
    let fits = payable
        .buyer
        .as_ref()
        .is_none_or(|buyer| may_try(&buyer.card_tries, now, shop.tries_per_customer_hour_max));
    if fits { Ok(()) } else { Err(too_many_cards(gateway)) }
}

/// Others that write the same item in between.
const ROUNDS_MAX: usize = 3;

/// Counts a try that did not pay at once. One that did costs its buyer money and costs no write here; so many calls as
/// run at the same moment may pass the bound together, and no more.
pub(crate) async fn count(shop: &Shop, payable: &Payable<'_>, done: &Done) {
    if matches!(done.ended, Ended::Answered { answer: Answer::Approved(_), .. }) {
        return;
    }
    let mut buyer = payable.buyer.clone();
    for _ in 0..ROUNDS_MAX {
        let mut item = buyer.unwrap_or_else(|| opened(payable));
        count_try(&mut item, shop.means.clock.now());
        match attempt::write(&shop.means, item).await {
            Ok(Written::Done(_)) => return,
            Ok(Written::Lost(current)) => buyer = current,
            Err(failure) => {
                tracing::warn!("A try could not be counted: {}", failure.chain());
                return;
            }
        }
    }
}

fn opened(payable: &Payable<'_>) -> Mapping {
    let (customer, route) = (payable.order.customer, payable.route);
    let (method, gateway) = (route.payment_method_id, route.gateway.clone());
    Mapping {
        account: route.merchant_account.clone(),
        ..Mapping::new(Subject::Customer(customer), customer, method, gateway, Standing::Active)
    }
}
