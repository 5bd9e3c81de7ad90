//! Money that went back at the gateway without us: refunds by hand, chargebacks, and what came back of them.

use attempt::{Names, Returned, payment_item, remember_return, returned};
use gateways::News;
use payment::{Fact, FactKind, Failure, GatewayReference, Identity, Money};
use wire::Deadline;

use crate::Settlement;

/// Whether this kind of fact is about money on its way back, or back again.
pub(crate) fn is_return(kind: FactKind) -> bool {
    matches!(
        kind,
        FactKind::Refunded | FactKind::RefundFailed | FactKind::Disputed | FactKind::DisputeReversed
    )
}

/// Tells Cleeng of it once. A payment that no name of ours leads to is somebody else's at the same gateway.
pub(crate) async fn tell(
    settlement: &Settlement,
    news: &News,
    kind: FactKind,
    thing: &GatewayReference,
    money: Money,
    deadline: Deadline,
) -> Result<(), Failure> {
    let Some(names) = names(settlement, news, deadline).await? else {
        tracing::info!(gateway = %news.gateway, event = %news.event, "News of a payment that is not ours: kept only");
        return Ok(());
    };
    let news_of = Returned { kind, thing: thing.clone(), fact: Fact { at: news.at, money } };
    let item = match payment_item(&settlement.means, &settlement.routes, &names, deadline).await {
        Ok(item) => item,
        Err(failure) => {
            remember_return(&settlement.means, &names, &news_of).await?;
            return Err(failure);
        }
    };
    let Some(item) = item else {
        tracing::error!(
            alarm = "late_news", gateway = %news.gateway, event = %news.event, payment = ?news.payment,
            "The gateway reports `{}` for a payment that Cleeng is not known to have: tell Cleeng by hand", news.event,
        );
        return Ok(());
    };
    returned(&settlement.means, item, &news_of, deadline).await
}

/// By which names the payment can be found; `None` where it has none of ours.
pub(crate) async fn names(
    settlement: &Settlement,
    news: &News,
    deadline: Deadline,
) -> Result<Option<Names>, Failure> {
    let mut names = Names {
        external: news.payment.clone(),
        attempt: news.attempt.clone(),
        gateway: Some(news.gateway.clone()),
        ..Names::default()
    };
    if let (None, Some(payment)) = (&names.attempt, &news.payment) {
        let gateway = settlement.means.gateways.get(&news.gateway);
        let gateway = gateway
            .ok_or_else(|| Failure::alarm(format!("the gateway {} is not set up here", news.gateway)))?;
        let origin = gateway.origin(payment, deadline).await?;
        names.attempt = origin.attempt;
        names.order = origin.order;
    }
    names.order = names.order.or_else(|| names.attempt.as_ref().and_then(order_in));
    names.payment = names.attempt.as_ref().and_then(payment_in);
    let ours = names.order.is_some() || names.attempt.as_ref().and_then(ledger::Subject::of).is_some();
    Ok(ours.then_some(names))
}

/// The order in the identity of a purchase.
fn order_in(identity: &Identity) -> Option<payment::OrderId> {
    match ledger::Subject::of(identity) {
        Some(ledger::Subject::Order(order)) => Some(order),
        _ => None,
    }
}

/// The payment in the identity of a refund.
fn payment_in(identity: &Identity) -> Option<payment::PaymentId> {
    match ledger::Subject::of(identity) {
        Some(ledger::Subject::Payment(payment)) => Some(payment),
        _ => None,
    }
}
