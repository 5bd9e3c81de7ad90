//! Ends a subscription: nothing new may be charged, what is open is let go or returned, and Cleeng takes the access away.

use cleeng::{Cleeng, Subscription, SubscriptionStatus, TerminationKind};
use ledger::{Mapping, Standing, Subject, Written};
use payment::{Answer, Failure, SubscriptionId, Token, Verb};
use wire::Deadline;

use crate::apply::{begin_end, is_renewal_taken, learn};
use crate::cards::subscriptions_of;
use crate::release::release;
use crate::returns::returned_of;
use crate::run::Means;
use crate::write::{change, write};

/// Why a subscription ends, and what becomes of its card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What Cleeng is told; `None` where it has ended it itself.
    pub kind: Option<TerminationKind>,
    /// Whether the card is removed, at the gateway and at Cleeng, if no other subscription pays with it.
    pub forget_card: bool,
}

/// Ends a subscription. The item is marked first, so that a renewal which starts at the same moment either sees the mark or
/// is seen here; then what is open is let go beside the word to Cleeng. May be done again at any time.
pub async fn end(means: &Means, mapping: Mapping, ending: Ending, deadline: Deadline) -> Result<(), Failure> {
    let Subject::Subscription(subscription) = mapping.subject else {
        return Err(Failure::alarm(format!("{} is no subscription", mapping.subject)));
    };
    let Some(mapping) = mark(means, mapping).await? else {
        return Err(Failure::retry(format!("another worker changes {subscription}")));
    };
    let told = async {
        match ending.kind {
            Some(kind) => end_at_cleeng(&means.cleeng, subscription, kind, deadline).await,
            None => Ok(()),
        }
    };
    let (released, told) = futures::join!(release(means, mapping, deadline), told);
    told?;
    let mapping = released?;
    if ending.forget_card {
        forget_card(means, &mapping, deadline).await?;
    }
    let now = means.clock.now();
    change(means, mapping, |mapping| {
        mapping.standing = Standing::Closed;
        mapping.wake = None;
        mapping.tell(now, "ended");
    })
    .await
    .map(drop)
}

/// Marks a renewal that was taken for a subscription which Cleeng has ended without giving anything for it: it had not heard of
/// the payment by then. It is returned when the subscription ends here.
pub async fn mark_unserved(
    means: &Means,
    mapping: Mapping,
    theirs: &Subscription,
) -> Result<Mapping, Failure> {
    let unserved = theirs.status == SubscriptionStatus::Terminated
        && theirs.ends.zip(mapping.period_end).is_some_and(|(gave, due)| gave <= due);
    if !unserved || !mapping.attempts.iter().any(|attempt| is_renewal_taken(attempt) && !attempt.late) {
        return Ok(mapping);
    }
    let mut returned = Vec::new();
    for attempt in mapping.attempts.iter().filter(|attempt| is_renewal_taken(attempt)) {
        returned.push((attempt.intention.identity.clone(), returned_of(means, attempt).await?));
    }
    change(means, mapping, |mapping| {
        for (identity, returned) in &returned {
            for news in returned {
                learn(mapping, identity, news.kind, news.thing.clone(), news.fact.clone());
            }
        }
        for attempt in mapping.attempts.iter_mut().filter(|attempt| is_renewal_taken(attempt)) {
            attempt.late = true;
        }
    })
    .await
}

/// Marks the item; `None` if somebody wrote in between.
async fn mark(means: &Means, mut mapping: Mapping) -> Result<Option<Mapping>, Failure> {
    if mapping.standing == Standing::Ending {
        return Ok(Some(mapping));
    }
    begin_end(&mut mapping, means.clock.now());
    match write(means, mapping).await? {
        Written::Done(mapping) => Ok(Some(mapping)),
        Written::Lost(_) => Ok(None),
    }
}

/// Tells Cleeng. One that has ended already is as good. Looked at where Cleeng refuses, or its answer may be anybody's.
pub async fn end_at_cleeng(
    cleeng: &Cleeng,
    subscription: SubscriptionId,
    kind: TerminationKind,
    deadline: Deadline,
) -> Result<(), Failure> {
    let refusal = match cleeng.terminate(subscription, kind, deadline).await {
        Ok(true) => return Ok(()),
        Ok(false) => None,
        Err(error) if error.is_refusal() => Some(error),
        Err(error) => return Err(error.into()),
    };
    let theirs = cleeng.subscription(subscription, deadline).await?;
    match (theirs, refusal) {
        (None, _) => Ok(()),
        (Some(it), _) if it.status == SubscriptionStatus::Terminated => Ok(()),
        (_, Some(error)) => Err(Failure::alarm(format!("Cleeng will not end {subscription}")).because(error)),
        (_, None) => Err(Failure::retry(format!("Cleeng has not ended {subscription} yet"))),
    }
}

/// Why it ends: Cleeng asks for no renewal of a subscription that its customer stopped, so tries that were refused
/// tell the one from the other without another call.
pub fn reason(mapping: &Mapping) -> TerminationKind {
    let refused = mapping.attempts.iter().any(|attempt| {
        matches!(attempt.intention.verb, Verb::Authorise | Verb::Charge | Verb::Capture)
            && matches!(attempt.answer(), Some(Answer::Declined(_)))
    });
    if refused && !is_taken(mapping) { TerminationKind::PaymentCancel } else { TerminationKind::UserCancel }
}

/// Whether the period's renewal has been taken.
pub fn is_taken(mapping: &Mapping) -> bool {
    mapping.attempts.iter().any(is_renewal_taken)
}

/// Whether another subscription of the customer's is, or may be, paid with this card. One that was never renewed (its customer
/// switched to it) has no item here: what Cleeng says of its payment details counts.
async fn pays_for_more(
    means: &Means,
    ended: &Mapping,
    token: &Token,
    deadline: Deadline,
) -> Result<bool, Failure> {
    let theirs = subscriptions_of(&means.cleeng, ended.customer, deadline).await?;
    for it in theirs {
        let subject = Subject::Subscription(it.id);
        if subject == ended.subject {
            continue;
        }
        let item = means.ledger.mapping(subject).await?;
        let pays = match item {
            Some(item) => {
                matches!(item.standing, Standing::Open | Standing::Active)
                    && (item.token.as_ref() == Some(token)
                        || (item.details.is_some() && item.details == ended.details))
            }
            None => {
                it.status != SubscriptionStatus::Terminated
                    && (it.details.is_none() || it.details == ended.details)
            }
        };
        if pays {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes the card of an ended subscription at the gateway, then Cleeng's record of it, unless something else of the
/// customer's pays with it. Removing it twice is harmless.
async fn forget_card(means: &Means, ended: &Mapping, deadline: Deadline) -> Result<(), Failure> {
    let Some(token) = &ended.token else { return Ok(()) };
    if pays_for_more(means, ended, token, deadline).await? {
        return Ok(());
    }
    let gateway = means.gateways.get(&ended.gateway);
    let gateway =
        gateway.ok_or_else(|| Failure::alarm(format!("the gateway {} is not set up here", ended.gateway)))?;
    gateway.forget(token, ended.customer, ended.account.as_ref(), deadline).await?;
    if let Some(details) = ended.details {
        means.cleeng.delete_details(details, deadline).await?;
    }
    let own = means.ledger.mapping(Subject::Customer(ended.customer)).await?;
    if let Some(own) = own.filter(|own| own.token.as_ref() == Some(token)) {
        change(means, own, |own| {
            if own.token.as_ref() == Some(token) {
                (own.token, own.details) = (None, None);
            }
        })
        .await?;
    }
    Ok(())
}
