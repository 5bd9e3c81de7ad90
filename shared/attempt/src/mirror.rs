//! Mirrors to Cleeng what we manage ourselves (externally managed purchases): the payment, then what it paid for.
//!
//! Cleeng has no idempotency here and no order to look at, so whoever comes a second time looks for the payment by the
//! gateway's id, for the subscription by ours, and for a renewal by its end. Where a payment cannot be looked for it is
//! not posted again: one that is missing can be added by hand, one that is there twice is money nobody has.

use cleeng::{
    Cleeng, NewExternalPayment, NewPass, NewSubscription, Paging, PaymentStatus, Renewal, Subscription,
    SubscriptionFilter, SubscriptionStatus,
};
use jiff::{SignedDuration, Timestamp};
use ledger::{Mapping, Subject, Terms};
use payment::{Answer, OrderId, PaymentId, Price, SubscriptionId};
use rust_decimal::Decimal;
use wire::Deadline;

use crate::apply::Told;
use crate::tell::{Telling, Untold, external, untold, was_told};

/// How far a telling came that did not come to its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Partly {
    /// Cleeng's record of the payment, if that was made.
    pub(crate) payment: Option<PaymentId>,
    /// Whether Cleeng has certainly heard nothing.
    pub(crate) unsent: bool,
}

/// What we call a subscription or pass at Cleeng: one for each order.
pub(crate) fn external_id(order: OrderId) -> String {
    format!("order-{order}")
}

/// Tells Cleeng of an answer: `POST /payments`, then `POST /subscriptions`, `/passes` or `/subscriptions/{id}/renew`.
pub(crate) async fn mirror(telling: Telling<'_>) -> Result<Told, (Untold, Partly)> {
    let Telling { mapping, attempt, answer, .. } = telling;
    let payment = match record(telling).await {
        Ok(payment) => payment,
        Err(Recorded::Never(why)) => return Err((Untold::Never(why), Partly::default())),
        Err(Recorded::Failed { error, unsent }) => {
            return Err((untold(error), Partly { payment: None, unsent }));
        }
    };
    let told = Told { payment, ..Told::default() };
    if matches!(answer, Answer::Declined(_)) {
        return Ok(told);
    }
    let granted = match (mapping.subject, attempt.order()) {
        (Subject::Subscription(subscription), _) => prolong(telling, subscription, payment).await,
        (_, Some(order)) if is_subscription(mapping) => {
            subscribe(telling, order, payment).await.map(|()| None)
        }
        (_, Some(order)) => give_pass(telling, order, payment).await.map(|()| None),
        (_, None) => Err(Untold::Never("it is not known what was bought".to_owned())),
    };
    let partly = Partly { payment, unsent: false };
    granted.map(|became| Told { became, ..told }).map_err(|untold| (untold, partly))
}

fn is_subscription(mapping: &Mapping) -> bool {
    mapping.offer.as_ref().is_some_and(payment::OfferId::is_subscription)
}

enum Recorded {
    Never(String),
    Failed {
        error: cleeng::Error,
        /// Whether nobody has ever posted it, this worker included.
        unsent: bool,
    },
}

/// The payment's record, made once. `None` where nothing was paid, or where it cannot be seen whether it was recorded.
async fn record(telling: Telling<'_>) -> Result<Option<PaymentId>, Recorded> {
    let Telling { cleeng, mapping, attempt, answer, .. } = telling;
    if attempt.payment.is_some() {
        return Ok(attempt.payment);
    }
    let (status, named, rejected_reason) = match answer {
        Answer::Approved(approval) if approval.money.is_zero() => return Ok(None),
        Answer::Approved(approval) => (PaymentStatus::Captured, Some(approval.reference.clone()), None),
        Answer::Declined(decline) => (
            PaymentStatus::Rejected,
            external(attempt, decline.reference.as_ref()),
            Some(decline.rejected_reason()),
        ),
    };
    let unknown = |what: &str| Recorded::Never(format!("the {what} of {} is not known", mapping.subject));
    let tax = tax(mapping).ok_or_else(|| unknown("tax"))?;
    let new = NewExternalPayment {
        customer: mapping.customer,
        offer: mapping.offer.clone().ok_or_else(|| unknown("offer"))?,
        method: mapping.method,
        status,
        net: Price { amount: attempt.price.amount - tax, ..attempt.price },
        tax,
        external: named.ok_or_else(|| unknown("gateway's id"))?,
        country: mapping.country.clone(),
        rejected_reason,
        subscription: match mapping.subject {
            Subject::Subscription(id) => Some(id),
            _ => None,
        },
    };
    if telling.look {
        let known = cleeng.external_payments(&new.external, telling.deadline).await;
        // A look that does not get through says nothing of what was posted before.
        let Some(known) = known.map_err(|error| Recorded::Failed { error, unsent: false })? else {
            tracing::error!(
                alarm = "unclear_payment", attempt = %attempt.intention.identity,
                "Whether Cleeng has recorded `{}` cannot be seen: compare with the gateway's {} by hand",
                attempt.intention.identity, new.external,
            );
            return Ok(None);
        };
        if let Some(payment) = known.iter().find(|payment| was_told(&new.status, &payment.status)) {
            return Ok(Some(payment.id));
        }
    }
    match cleeng.create_external_payment(&new, telling.deadline).await {
        Ok(payment) => Ok(Some(payment.id)),
        Err(error) => {
            let unsent = !telling.look && !error.may_have_happened();
            Err(Recorded::Failed { error, unsent })
        }
    }
}

/// The tax in what an attempt takes: a purchase's order says it, a renewal's terms do.
fn tax(mapping: &Mapping) -> Option<Decimal> {
    match mapping.subject {
        Subject::Order(_) => mapping.tax,
        _ => mapping.terms.as_ref().map(|terms| terms.tax),
    }
}

/// What Cleeng hears later than this after the payment counts from then on.
const SOON: SignedDuration = SignedDuration::from_hours(1);

/// A subscription for a first payment, or for a card that was verified.
async fn subscribe(telling: Telling<'_>, order: OrderId, payment: Option<PaymentId>) -> Result<(), Untold> {
    let Telling { cleeng, mapping, attempt, now, deadline, .. } = telling;
    let missing = || Untold::Never(format!("nothing is agreed for {}", mapping.subject));
    let (Some(terms), Some(offer)) = (&mapping.terms, &mapping.offer) else { return Err(missing()) };
    // Paid long ago: the customer could not watch before Cleeng heard of it.
    let began = attempt.intention.began;
    let began = if now.duration_since(began) > SOON { now } else { began };
    let began = Timestamp::from_second(began.as_second()).map_err(|_| missing())?;
    let first_end = terms.first_end(began).ok_or_else(missing)?;
    let new = NewSubscription {
        customer: mapping.customer,
        offer: offer.clone(),
        method: mapping.method,
        external_id: external_id(order),
        expires: Some(terms.access_end(first_end)),
        in_trial: terms.trial.is_some(),
        payment,
    };
    if telling.look && of_order(cleeng, mapping, order, deadline).await.map_err(untold)?.is_some() {
        return Ok(());
    }
    match cleeng.create_subscription(&new, deadline).await {
        Ok(_) => Ok(()),
        // Cleeng takes no second one of the same external id.
        Err(refused) if refused.is_refusal() => {
            let known = of_order(cleeng, mapping, order, deadline).await.map_err(untold)?;
            if known.is_some() { Ok(()) } else { Err(Untold::Never(refused.to_string())) }
        }
        Err(error) => Err(untold(error)),
    }
}

/// The subscription that was made for an order.
pub(crate) async fn of_order(
    cleeng: &Cleeng,
    mapping: &Mapping,
    order: OrderId,
    deadline: Deadline,
) -> Result<Option<Subscription>, cleeng::Error> {
    let external_id = external_id(order);
    let filter = SubscriptionFilter {
        customer: Some(mapping.customer),
        external_id: Some(external_id.clone()),
        ..SubscriptionFilter::default()
    };
    let found = cleeng.subscriptions(&filter, Paging::default(), deadline).await?.items;
    // Nobody else's is ever taken, whatever a filter did.
    let ours = |it: &Subscription| it.external_id.as_ref() == Some(&external_id);
    Ok(found.into_iter().find(ours))
}

/// A pass for a first payment. Passes cannot be listed: a refusal at a second visit means that the first one made it.
async fn give_pass(telling: Telling<'_>, order: OrderId, payment: Option<PaymentId>) -> Result<(), Untold> {
    let Telling { cleeng, mapping, attempt, deadline, .. } = telling;
    let offer = mapping.offer.clone();
    let new = NewPass {
        customer: mapping.customer,
        offer: offer.ok_or_else(|| Untold::Never("it is not known what was bought".to_owned()))?,
        method: mapping.method,
        external_id: external_id(order),
        expires: None,
        payment,
    };
    match cleeng.create_pass(&new, deadline).await {
        Ok(_) => Ok(()),
        Err(refused) if refused.is_refusal() && telling.look => {
            let identity = &attempt.intention.identity;
            tracing::warn!(attempt = %identity, "The pass of `{identity}` is taken to be there: {refused}");
            Ok(())
        }
        Err(error) => Err(untold(error)),
    }
}

/// One more period. One that Cleeng let lapse while nobody knew whether it was paid is revived, which makes a new
/// subscription in its place; one that somebody ended meanwhile is not, and the money goes back.
async fn prolong(
    telling: Telling<'_>,
    subscription: SubscriptionId,
    payment: Option<PaymentId>,
) -> Result<Option<SubscriptionId>, Untold> {
    let Telling { cleeng, mapping, deadline, .. } = telling;
    let renewal = renewal(mapping, payment)
        .ok_or_else(|| Untold::Never(format!("nothing is agreed for {}", mapping.subject)))?;
    if telling.look {
        let theirs = cleeng.subscription(subscription, deadline).await.map_err(untold)?;
        if let Some(done) = theirs.as_ref().and_then(|theirs| prolonged(theirs, renewal.expires)) {
            return Ok(done);
        }
    }
    let refused = match cleeng.renew_subscription(subscription, &renewal, deadline).await {
        Ok(_) => return Ok(None),
        Err(refused) if refused.is_refusal() => refused,
        Err(error) => return Err(untold(error)),
    };
    let theirs = cleeng.subscription(subscription, deadline).await.map_err(untold)?;
    let Some(theirs) = theirs else { return Err(Untold::Never(refused.to_string())) };
    if let Some(done) = prolonged(&theirs, renewal.expires) {
        return Ok(done);
    }
    let lapsed = theirs.status == SubscriptionStatus::Terminated
        && theirs.ends.is_some_and(|ends| ends <= telling.now)
        && mapping.standing == ledger::Standing::Active;
    if !lapsed {
        return Err(Untold::Never(refused.to_string()));
    }
    let revived = cleeng.revive_subscription(subscription, &renewal, deadline).await.map_err(untold)?;
    let new = revived.replaced_by.unwrap_or(revived.id);
    Ok((new != subscription).then_some(new))
}

/// Whether a subscription has the period already; the inner one is that which took its place.
fn prolonged(theirs: &Subscription, expires: Timestamp) -> Option<Option<SubscriptionId>> {
    let has_it = theirs.ends.is_some_and(|ends| ends >= expires);
    match theirs.status {
        SubscriptionStatus::Terminated => theirs.replaced_by.map(Some),
        _ => has_it.then_some(None),
    }
}

fn renewal(mapping: &Mapping, payment: Option<PaymentId>) -> Option<Renewal> {
    let terms: &Terms = mapping.terms.as_ref()?;
    let period_end = mapping.period_end?;
    let after_trial = terms.trial.is_some() && terms.anchor == Some(period_end);
    let next_end = terms.next_end(period_end)?;
    Some(Renewal { expires: terms.access_end(next_end), payment, convert_trial: after_trial })
}
