//! Ties a paid order to the subscription that Cleeng made of it.

use cleeng::{Paging, Subscription, SubscriptionFilter};
use jiff::Timestamp;
use ledger::{ManagedBy, Mapping, Standing, Subject, Terms, Written};
use payment::{Failure, GatewayReference, SubscriptionId, Verb};
use wire::Deadline;

use crate::apply::later;
use crate::due::{due, pause};
use crate::mirror::of_order;
use crate::run::Means;
use crate::write::change;

/// What came of looking for an order's subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// It is known, and has its own item.
    Found(SubscriptionId),
    /// Cleeng does not show it yet; the order stays due.
    NotYet,
}

/// After so many looks a paid order without a subscription rings: the buyer paid and has nothing.
const LOOKS_BEFORE_ALARM: u32 = 3;

/// Looks for the subscription of a paid order, writes its mapping and closes the order.
pub async fn link(means: &Means, order: Mapping, deadline: Deadline) -> Result<Linked, Failure> {
    let found = match (order.managed_by, order.subject) {
        (ManagedBy::Connector, Subject::Order(id)) => of_order(&means.cleeng, &order, id, deadline).await?,
        _ => {
            let filter = SubscriptionFilter {
                customer: Some(order.customer),
                offer: order.offer.clone(),
                ..Default::default()
            };
            let found = means.cleeng.subscriptions(&filter, Paging::default(), deadline).await?.items;
            of_this_order(&order, found)
        }
    };
    let now = means.clock.now();
    let Some(subscription) = found else {
        return not_yet(means, order, now).await;
    };
    write_mapping(means, &order, &subscription).await?;
    let id = subscription.id;
    change(means, order, |order| {
        order.standing = Standing::Closed;
        order.became = Some(id);
        order.wake = None;
        order.tell(now, format!("became the subscription {id}"));
    })
    .await?;
    Ok(Linked::Found(id))
}

/// The one whose latest payment is ours; else the youngest that began after we charged.
fn of_this_order(order: &Mapping, found: Vec<Subscription>) -> Option<Subscription> {
    let (paid, began) = purchase(order)?;
    let mut candidates: Vec<_> = found
        .into_iter()
        .filter(|it| it.latest_payment.as_ref() == Some(paid) || it.latest_payment.is_none())
        .filter(|it| it.latest_payment.is_some() || it.began.is_some_and(|from| from >= began))
        .collect();
    candidates.sort_by_key(|it| (it.latest_payment.is_some(), it.began));
    candidates.pop()
}

fn purchase(order: &Mapping) -> Option<(&GatewayReference, Timestamp)> {
    let paid = order.attempts.iter().rfind(|attempt| {
        matches!(attempt.intention.verb, Verb::Purchase | Verb::Verify)
            && attempt.is_finished()
            && attempt.reference.is_some()
    })?;
    Some((paid.reference.as_ref()?, paid.intention.began))
}

async fn not_yet(means: &Means, order: Mapping, now: Timestamp) -> Result<Linked, Failure> {
    if order.looks >= LOOKS_BEFORE_ALARM {
        tracing::error!(alarm = "unlinked_purchase", subject = %order.subject, "A paid order has no subscription at Cleeng: `{}`", order.subject);
    }
    change(means, order, |order| {
        order.wake = Some(later(now, pause(order.looks)));
        order.looks = order.looks.saturating_add(1);
    })
    .await?;
    Ok(Linked::NotYet)
}

/// From here on our own schedule decides: it looks at once when the first renewal is due. Where Cleeng has made the
/// subscription later than it was paid, its first period ends, and the others are counted, as Cleeng has it.
fn begin_calendar(mapping: &mut Mapping, order: &Mapping, subscription: &Subscription, now: Timestamp) {
    let paid = purchase(order).and_then(|(_, began)| Timestamp::from_second(began.as_second()).ok());
    if let Some((began, terms)) = paid.zip(order.terms.as_ref())
        && let Some(end) = terms.first_end(began)
    {
        let given = subscription.ends.map_or(end, |ends| terms.given_until(ends).max(end));
        let counts_from_end = terms.trial.is_some() || given != end;
        let anchor = Some(if counts_from_end { given } else { began });
        mapping.period_end = Some(given);
        mapping.terms = mapping.terms.take().map(|terms| Terms { anchor, ..terms });
    }
    mapping.wake = Some(now);
}

/// A renewal event may have come first and made the item: then only what it could not know is added.
async fn write_mapping(means: &Means, order: &Mapping, subscription: &Subscription) -> Result<(), Failure> {
    // Another card than the purchase's: the customer changed it meanwhile, and Cleeng's events bring its token.
    let changed = subscription.details.is_some_and(|now| order.details.is_some_and(|paid| paid != now));
    let mut mapping = Mapping {
        subject: Subject::Subscription(subscription.id),
        version: 0,
        standing: Standing::Active,
        offer: subscription.offer.clone().or(order.offer.clone()),
        country: subscription.country.clone().or(order.country.clone()),
        details: subscription.details.or(order.details),
        token: order.token.clone().filter(|_| !changed),
        tax: None,
        wake: None,
        looks: 0,
        attempts: Vec::new(),
        history: Vec::new(),
        ..order.clone()
    };
    if order.managed_by == ManagedBy::Connector {
        begin_calendar(&mut mapping, order, subscription, means.clock.now());
    }
    mapping.tell(means.clock.now(), format!("made from {}", order.subject));
    mapping.fence = fastrand::u64(..);
    mapping.due = due(&mapping);
    match means.ledger.write(&mapping).await? {
        Written::Done(_) | Written::Lost(None) => Ok(()),
        Written::Lost(Some(existing)) if existing.token.is_some() => Ok(()),
        Written::Lost(Some(existing)) => {
            let (token, details) = (mapping.token, mapping.details);
            change(means, existing, |existing| {
                existing.token = existing.token.take().or(token.clone());
                existing.details = existing.details.or(details);
            })
            .await
            .map(drop)
        }
    }
}
