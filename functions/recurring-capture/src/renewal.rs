//! What both kinds of renewal share: whose it is, which card pays, its order and its intention.

use attempt::{
    Begun, Ended, Means, bar_elsewhere, began, begin, beyond, left_over, open_period, refuse, wait_a_moment,
};
use cleeng::NewRenewalOrder;
use cleeng::webhook::Billing;
use gateways::Route;
use jiff::Timestamp;
use ledger::{Attempt, Mapping, Standing, Subject};
use payment::{
    Answer, Decline, DeclineClass, DeclineReason, Failure, Identity, Intention, Money, MoneyError, Target,
    Verb,
};
use wire::Deadline;

use crate::Renewals;

/// How often one message decides anew because others wrote in between.
pub(crate) const ROUNDS_MAX: usize = 6;

/// A new try of a renewal.
pub(crate) struct Try {
    pub(crate) identity: Identity,
    pub(crate) period_end: Timestamp,
    pub(crate) asked: Timestamp,
    pub(crate) verb: Verb,
}

/// The subscription's item, where there is one: the one consistent read that decides.
pub(crate) async fn mapping(renewals: &Renewals, billing: &Billing) -> Result<Option<Mapping>, Failure> {
    Ok(renewals.means.ledger.mapping(Subject::Subscription(billing.subscription)).await?)
}

/// Whether the payment method leads to a gateway of this deployment. Two connectors may hear the same events.
pub(crate) fn is_ours(renewals: &Renewals, billing: &Billing, mapping: Option<&Mapping>) -> bool {
    let ours = route(renewals, billing, mapping).is_some();
    if !ours {
        let subscription = billing.subscription;
        tracing::info!(%subscription, "Not ours: the payment method of `{subscription}` belongs to another connector");
    }
    ours
}

/// The end of the period that ends; asked of Cleeng where neither the event nor the item tells it, because a guess
/// would make one period into two.
pub(crate) async fn period_end(
    renewals: &Renewals,
    billing: &Billing,
    mapping: Option<&Mapping>,
    deadline: Deadline,
) -> Result<Timestamp, Failure> {
    if let Some(end) = billing.period_end.or(mapping.and_then(|mapping| mapping.period_end)) {
        return Ok(end);
    }
    let subscription = renewals.means.cleeng.subscription(billing.subscription, deadline).await?;
    subscription.and_then(|subscription| subscription.ends).ok_or_else(|| {
        Failure::alarm(format!("nobody says when the period of {} ends", billing.subscription))
    })
}

/// The request that an item stands for when the timer makes up for it.
pub(crate) fn billing_of(mapping: &Mapping, asked: Timestamp) -> Result<Billing, Failure> {
    let (Subject::Subscription(subscription), Some(offer)) = (mapping.subject, mapping.offer.clone()) else {
        return Err(Failure::alarm(format!("{} cannot be renewed: its offer is not known", mapping.subject)));
    };
    Ok(Billing {
        subscription,
        customer: mapping.customer,
        offer,
        details: mapping.details,
        method: Some(mapping.method),
        token: mapping.token.clone(),
        asked,
        period_end: mapping.period_end,
        currency: mapping.currency,
        country: mapping.country.clone(),
        active: None,
    })
}

/// Creates the order, which alone knows the amount, and carries the try out. The order comes before the claim, because
/// the claim carries its amount; of two duplicates at the same instant one leaves its order unpaid, which harms nobody.
pub(crate) async fn start(
    renewals: &Renewals,
    billing: &Billing,
    mapping: Option<Mapping>,
    new: Try,
    deadline: Deadline,
) -> Result<Begun, Failure> {
    let means = &renewals.means;
    let route = route(renewals, billing, mapping.as_ref())
        .ok_or_else(|| Failure::alarm("the payment method leads nowhere"))?;
    if let Some(kept) = mapping.as_ref().filter(|kept| kept.period_end != Some(new.period_end))
        && let Some(void) = left_over(kept, means.clock.now())
    {
        return let_go(means, kept.clone(), void, deadline).await;
    }
    let mut mapping = current(billing, mapping, route)?;
    wait_a_moment(&mapping, means.clock.now())?;
    let order = means.cleeng.create_renewal_order(&new_order(billing, &mapping)?, deadline).await?;
    if order.customer != mapping.customer {
        return Err(Failure::alarm(format!("the order {} is another customer's", order.id)));
    }
    let gateway = means
        .gateways
        .get(&route.gateway)
        .ok_or_else(|| Failure::alarm(format!("the gateway {} is not set up", route.gateway)))?;
    let units = gateway.minor_units(order.price.currency).ok_or(MoneyError::UnknownCurrency {
        gateway: route.gateway.to_string(),
        currency: order.price.currency,
    });
    let money = units.and_then(|units| Money::from_price(order.price, units));
    let now = means.clock.now();
    let refusal = refusal(renewals, &mapping, money.as_ref().err());
    let intention = Intention {
        identity: new.identity,
        verb: new.verb,
        gateway: route.gateway.clone(),
        account: route.merchant_account.clone(),
        customer: mapping.customer,
        money: money.unwrap_or(Money { minor: 0, currency: order.price.currency }),
        target: mapping.token.clone().map_or(Target::Buyer, Target::Token),
        order: Some(order.id),
        began: now,
    };
    mapping.currency = Some(order.price.currency);
    open_period(&mut mapping, new.period_end);
    mapping.capture_asked = None;
    let attempt = began(intention, order.price, Some(new.asked), None);
    carry_out(means, mapping, attempt, refusal, deadline).await
}

/// A period that never came (the customer paused it away) is still held for: one call more, before another is held. Where
/// it cannot be let go now the message comes back.
async fn let_go(means: &Means, kept: Mapping, void: Attempt, deadline: Deadline) -> Result<Begun, Failure> {
    match begin(means, kept, void, None, deadline).await? {
        Begun::Done(done) if matches!(done.ended, Ended::Answered { told: true, .. }) => {
            Ok(Begun::Lost(Some(Box::new(done.mapping))))
        }
        Begun::Done(_) => Err(Failure::retry("what is held for an earlier period is not let go yet")),
        lost => Ok(lost),
    }
}

/// Writes a new try down and charges the card, or writes it down as refused; a refusal for good counts wherever the card pays.
pub(crate) async fn carry_out(
    means: &Means,
    mapping: Mapping,
    attempt: Attempt,
    refusal: Option<Decline>,
    deadline: Deadline,
) -> Result<Begun, Failure> {
    if let Some(refusal) = refusal {
        return refuse(means, mapping, attempt, refusal, deadline).await;
    }
    let begun = begin(means, mapping, attempt, None, deadline).await?;
    if let Begun::Done(done) = &begun
        && matches!(&done.ended, Ended::Answered { answer: Answer::Declined(decline), .. } if decline.class.forbids_retry())
    {
        bar_elsewhere(means, &done.mapping, deadline).await;
    }
    Ok(begun)
}

/// What is answered without asking the gateway: no card, a barred card, one that was refused too often or is tried too soon,
/// an amount that it cannot count.
pub(crate) fn refusal(
    renewals: &Renewals,
    mapping: &Mapping,
    unpayable: Option<&MoneyError>,
) -> Option<Decline> {
    let now = renewals.means.clock.now();
    never(mapping, unpayable).or_else(|| beyond(mapping, renewals.caps, now))
}

fn never(mapping: &Mapping, unpayable: Option<&MoneyError>) -> Option<Decline> {
    let ours =
        |class, reason, codes: String| Decline { class, reason, codes, reference: None, retry_after: None };
    if let Some(error) = unpayable {
        tracing::error!(alarm = "unpayable", subject = %mapping.subject, "A renewal of `{}` cannot be charged: {error}", mapping.subject);
        return Some(ours(DeclineClass::Ours, DeclineReason::InvalidAmount, error.to_string()));
    }
    if mapping.token.is_none() {
        return Some(ours(DeclineClass::Customer, DeclineReason::TokenMissing, String::new()));
    }
    mapping.barred.clone().map(|barred| Decline { reference: None, ..barred })
}

/// The item as the request finds it: made if there is none, and with the card that pays from now on.
fn current(billing: &Billing, mapping: Option<Mapping>, route: &Route) -> Result<Mapping, Failure> {
    let mut mapping = mapping.unwrap_or_else(|| Mapping {
        account: route.merchant_account.clone(),
        offer: Some(billing.offer.clone()),
        country: billing.country.clone(),
        details: billing.details,
        token: billing.token.clone(),
        ..Mapping::new(
            Subject::Subscription(billing.subscription),
            billing.customer,
            route.payment_method_id,
            route.gateway.clone(),
            Standing::Active,
        )
    });
    if mapping.customer != billing.customer {
        return Err(Failure::alarm(format!(
            "{} belongs to another customer than the event says",
            mapping.subject
        )));
    }
    adopt_details(&mut mapping, billing);
    mapping.offer = Some(billing.offer.clone());
    mapping.country = billing.country.clone().or(mapping.country);
    mapping.method = route.payment_method_id;
    mapping.gateway = route.gateway.clone();
    mapping.account = route.merchant_account.clone();
    Ok(mapping)
}

/// The customer's newest card pays. An event that names details which were replaced is older than what we have; one
/// that names details which we never saw is newer.
fn adopt_details(mapping: &mut Mapping, billing: &Billing) {
    let Some(named) = billing.details else { return };
    let known = mapping.details == Some(named);
    match (&billing.token, mapping.details) {
        (Some(token), _) if known => mapping.token = mapping.token.take().or(Some(token.clone())),
        (Some(token), replaced) if !mapping.superseded.contains(&named) => {
            mapping.superseded.extend(replaced);
            mapping.details = Some(named);
            mapping.token = Some(token.clone());
            mapping.clear_declines();
        }
        _ => {}
    }
}

fn new_order(billing: &Billing, mapping: &Mapping) -> Result<NewRenewalOrder, Failure> {
    let unknown = |what| Failure::alarm(format!("the {what} of {} is not known", mapping.subject));
    Ok(NewRenewalOrder {
        customer: mapping.customer,
        offer: billing.offer.clone(),
        currency: billing.currency.or(mapping.currency).ok_or_else(|| unknown("currency"))?,
        country: mapping.country.clone().ok_or_else(|| unknown("country"))?,
        method: mapping.method,
        subscription: billing.subscription,
    })
}

/// An event that names replaced details is older than the card here, and so is the payment method that it names.
fn route<'a>(renewals: &'a Renewals, billing: &Billing, mapping: Option<&Mapping>) -> Option<&'a Route> {
    let replaced =
        |mapping: &&Mapping| billing.details.is_some_and(|named| mapping.superseded.contains(&named));
    let kept = mapping.filter(replaced).map(|mapping| mapping.method);
    renewals.routes.get(kept.or(billing.method).or(mapping.map(|mapping| mapping.method))?)
}
