//! Renewals of what we manage ourselves: our own calendar decides, whoever asks (the timer, a webhook, a new card).

use attempt::{Begun, Ended, Means, OwnPlan, began, change, end, finish, open_period, plan_own, reason};
use cleeng::{Subscription, SubscriptionStatus, TerminationKind};
use jiff::{SignedDuration, Timestamp};
use ledger::{ManagedBy, Mapping, Standing, Subject, Terms, Written};
use payment::{
    FactKind, Failure, Identity, Intention, Money, MoneyError, SubscriptionId, Target, Verb, WhoActs,
};
use wire::Deadline;

use crate::Renewals;
use crate::renewal::{ROUNDS_MAX, carry_out, refusal};

/// While a charge is under way the timer looks for its attempt, not for the calendar.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(15);
/// What waits for somebody else is looked at this often; the due date of a paused subscription moves along.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Whether our own schedule decides about this item.
pub(crate) fn is_ours(mapping: &Mapping) -> bool {
    mapping.managed_by == ManagedBy::Connector
}

/// Whether it still has something to decide: an end that did not come to its own is gone through with.
pub(crate) fn goes_on(mapping: &Mapping) -> bool {
    is_ours(mapping) && mapping.standing != Standing::Closed
}

/// Does what the calendar asks for now, and sets when to look next.
pub(crate) async fn serve(
    renewals: &Renewals,
    mut mapping: Mapping,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &renewals.means;
    for _ in 0..ROUNDS_MAX {
        if let Some(new) = mapping.became {
            return hand_over(means, mapping, new).await;
        }
        if mapping.standing == Standing::Ending {
            let kind = cause(means, &mapping, deadline).await?;
            return end(means, mapping, renewals.ending(kind), deadline).await;
        }
        let now = means.clock.now();
        let begun = match plan_own(&mapping, &renewals.dunning, now) {
            OwnPlan::Wait(at) => return wake(means, mapping, Some(at)).await,
            OwnPlan::Nothing => return nothing(means, mapping).await,
            OwnPlan::End => {
                return end(means, mapping, renewals.ending(Some(TerminationKind::PaymentCancel)), deadline)
                    .await;
            }
            OwnPlan::Finish(identity) => {
                let done = finish(means, mapping, &identity, deadline).await?;
                match done.ended {
                    Ended::Answered { told: true, .. } | Ended::Withdrawn => {
                        Begun::Lost(Some(Box::new(done.mapping)))
                    }
                    Ended::Busy => return Err(Failure::retry(format!("another worker has {identity}"))),
                    _ => return look_later(means, done.mapping).await,
                }
            }
            OwnPlan::Charge { identity, period_end, asked } => {
                let new = Own { identity, period_end, asked };
                let look = match look(renewals, &mapping, period_end, deadline).await {
                    // Written down, so that a Cleeng that is away for days is not asked anew by a message each minute.
                    Err(failure) if matches!(failure.who_acts(), WhoActs::Retry { .. }) => {
                        tracing::warn!(subject = %mapping.subject, "`{}` is not renewed yet: {}", mapping.subject, failure.chain());
                        // Whoever wrote in between has set the next look themselves.
                        let wake = now.checked_add(UNDER_WAY).ok();
                        return attempt::write(means, Mapping { wake, ..mapping }).await.map(drop);
                    }
                    look => look?,
                };
                match look {
                    Look::Charge => charge(renewals, mapping, new, deadline).await?,
                    Look::Wait(at) => return wake(means, mapping, Some(at)).await,
                    Look::Postpone => match postpone(means, mapping).await? {
                        Written::Done(_) => return Ok(()),
                        Written::Lost(current) => Begun::Lost(current.map(Box::new)),
                    },
                    Look::Move(due) => {
                        let what = format!("Cleeng has it until {due}: due then");
                        match move_due(means, mapping, due, now, &what).await? {
                            Written::Done(moved) => Begun::Lost(Some(Box::new(moved))),
                            Written::Lost(current) => Begun::Lost(current.map(Box::new)),
                        }
                    }
                    Look::End(kind) => {
                        return end(means, mapping, renewals.ending(kind), deadline).await;
                    }
                }
            }
        };
        mapping = match begun {
            Begun::Done(done) => match done.ended {
                Ended::Answered { told: true, .. } => done.mapping,
                // Durable and due.
                _ => return Ok(()),
            },
            Begun::Lost(Some(current)) => *current,
            Begun::Lost(None) => return Err(Failure::alarm("the item of a subscription of ours is gone")),
        };
    }
    Err(Failure::retry("too many workers on one subscription"))
}

/// Why what was begun to be ended ends: who stopped has done it themselves, whatever was refused before. `None` where Cleeng
/// has ended it.
async fn cause(
    means: &Means,
    mapping: &Mapping,
    deadline: Deadline,
) -> Result<Option<TerminationKind>, Failure> {
    let Subject::Subscription(id) = mapping.subject else { return Ok(Some(reason(mapping))) };
    let theirs = means.cleeng.subscription(id, deadline).await?;
    Ok(match theirs.map(|theirs| theirs.status) {
        Some(SubscriptionStatus::Terminated) => None,
        Some(SubscriptionStatus::Stopped) => Some(TerminationKind::UserCancel),
        _ => Some(reason(mapping)),
    })
}

/// An attempt is under way, and due by itself. News of the gateway's may finish it without a look at the calendar, which is
/// therefore looked at again.
pub(crate) async fn look_later(means: &Means, mapping: Mapping) -> Result<(), Failure> {
    let at = means.clock.now().checked_add(UNDER_WAY).ok();
    change(means, mapping, |mapping| mapping.wake = at).await.map(drop)
}

/// Ended, or a person must look first: the calendar is looked at daily until they have.
async fn nothing(means: &Means, mapping: Mapping) -> Result<(), Failure> {
    if matches!(mapping.standing, Standing::Ending | Standing::Closed) {
        return wake(means, mapping, None).await;
    }
    if mapping.terms.is_none() || mapping.period_end.is_none() {
        tracing::error!(subject = %mapping.subject, alarm = "review", "`{}` is ours to renew, and nothing is agreed for it", mapping.subject);
    }
    let at = means.clock.now().checked_add(DAY).ok();
    wake(means, mapping, at).await
}

/// Sets the next look; a card that came meanwhile has been considered.
async fn wake(means: &Means, mapping: Mapping, at: Option<Timestamp>) -> Result<(), Failure> {
    if mapping.wake == at && mapping.capture_asked.is_none() {
        return Ok(());
    }
    let considered = mapping.capture_asked;
    change(means, mapping, |mapping| {
        mapping.wake = at;
        // A newer card has a wish of its own.
        if mapping.capture_asked == considered {
            mapping.capture_asked = None;
        }
    })
    .await
    .map(drop)
}

/// By how much Cleeng's due date may differ from ours before it is another.
const SAME_DATE: SignedDuration = SignedDuration::from_hours(1);

/// A try of ours.
struct Own {
    identity: Identity,
    period_end: Timestamp,
    asked: Timestamp,
}

/// What Cleeng says of the subscription before it is charged.
enum Look {
    Charge,
    Wait(Timestamp),
    Postpone,
    Move(Timestamp),
    End(Option<TerminationKind>),
}

/// Asks Cleeng first, one call more than a renewal of Cleeng's takes: no webhook tells us that the customer has stopped,
/// paused or ended what we manage ourselves.
async fn look(
    renewals: &Renewals,
    mapping: &Mapping,
    due: Timestamp,
    deadline: Deadline,
) -> Result<Look, Failure> {
    let Subject::Subscription(id) = mapping.subject else {
        return Err(Failure::alarm(format!("{} is no subscription", mapping.subject)));
    };
    let theirs: Option<Subscription> = renewals.means.cleeng.subscription(id, deadline).await?;
    let theirs =
        theirs.ok_or_else(|| Failure::alarm(format!("Cleeng does not know the subscription {id}")))?;
    let now = renewals.means.clock.now();
    let given = mapping.terms.as_ref().zip(theirs.ends).map_or(due, |(terms, end)| terms.given_until(end));
    let moved = given.duration_since(due).abs() > SAME_DATE;
    // What was given for it counts from the date that is paid again; the dates after that are Cleeng's.
    let failed_late = mapping.period_end == Some(due)
        && mapping.attempts.iter().any(|attempt| attempt.facts.has(FactKind::CaptureFailed));
    Ok(match theirs.status {
        SubscriptionStatus::Terminated => {
            if let Some(new) = theirs.replaced_by {
                tracing::error!(subscription = %id, alarm = "review", "`{id}` was replaced by `{new}` at Cleeng: who renews that one?");
            }
            Look::End(None)
        }
        // A payment that failed late had given a period, which stays: whoever stopped is not asked for it again.
        SubscriptionStatus::Stopped if now < given => Look::Wait(given),
        SubscriptionStatus::Stopped => Look::End(Some(TerminationKind::UserCancel)),
        SubscriptionStatus::Paused => Look::Postpone,
        // It was paused and goes on, or somebody gave it more time.
        SubscriptionStatus::Active if moved && !failed_late => Look::Move(given),
        SubscriptionStatus::Active | SubscriptionStatus::Other(_) => Look::Charge,
    })
}

/// Nothing is due while it is paused: the due date moves along.
async fn postpone(means: &Means, mapping: Mapping) -> Result<Written, Failure> {
    let later = means.clock.now().checked_add(DAY).unwrap_or(Timestamp::MAX);
    let later = Timestamp::from_second(later.as_second()).unwrap_or(later);
    move_due(means, mapping, later, later, "paused at Cleeng: nothing is charged").await
}

/// The due date is another from now on, and periods count from there. Only where nobody wrote since the item was read: what
/// Cleeng has by now may be the renewal that another worker is telling it, and that one counts from the date it was charged for.
async fn move_due(
    means: &Means,
    mut mapping: Mapping,
    due: Timestamp,
    wake: Timestamp,
    why: &str,
) -> Result<Written, Failure> {
    open_period(&mut mapping, due);
    if let Some(terms) = &mut mapping.terms {
        terms.anchor = Some(due);
    }
    mapping.wake = Some(wake);
    mapping.capture_asked = None;
    mapping.tell(means.clock.now(), why);
    attempt::write(means, mapping).await
}

/// Charges the stored card in one step, at the price that was agreed.
async fn charge(
    renewals: &Renewals,
    mut mapping: Mapping,
    new: Own,
    deadline: Deadline,
) -> Result<Begun, Failure> {
    let (means, now) = (&renewals.means, renewals.means.clock.now());
    let terms: &mut Terms = mapping
        .terms
        .as_mut()
        .ok_or_else(|| Failure::alarm("nothing is agreed for a subscription of ours"))?;
    terms.grace_hours = renewals.dunning.grace_hours;
    let price = terms.price;
    let units = means.gateways.get(&mapping.gateway).and_then(|gateway| gateway.minor_units(price.currency));
    let units = units.ok_or(MoneyError::UnknownCurrency {
        gateway: mapping.gateway.to_string(),
        currency: price.currency,
    });
    let money = units.and_then(|units| Money::from_price(price, units));
    let refusal = refusal(renewals, &mapping, money.as_ref().err());
    let intention = Intention {
        identity: new.identity,
        verb: Verb::Charge,
        gateway: mapping.gateway.clone(),
        account: mapping.account.clone(),
        customer: mapping.customer,
        money: money.unwrap_or(Money { minor: 0, currency: price.currency }),
        target: mapping.token.clone().map_or(Target::Buyer, Target::Token),
        order: None,
        began: now,
    };
    open_period(&mut mapping, new.period_end);
    mapping.capture_asked = None;
    mapping.wake = now.checked_add(UNDER_WAY).ok();
    let attempt = began(intention, price, Some(new.asked), None);
    carry_out(means, mapping, attempt, refusal, deadline).await
}

/// Cleeng revived it as a new subscription: that one goes on with the next period. The new item first, so that nothing is
/// left without one; whoever comes a second time finds it there.
async fn hand_over(means: &Means, mapping: Mapping, new: SubscriptionId) -> Result<(), Failure> {
    let subject = Subject::Subscription(new);
    let next = mapping.terms.as_ref().zip(mapping.period_end).and_then(|(terms, end)| terms.next_end(end));
    let (now, old) = (means.clock.now(), mapping.subject);
    let mut item = Mapping {
        subject,
        version: 0,
        period_end: next,
        became: None,
        wake: Some(now),
        attempts: Vec::new(),
        history: Vec::new(),
        ..mapping.clone()
    };
    item.tell(now, format!("goes on from {old}"));
    match attempt::write(means, item).await? {
        Written::Done(_) | Written::Lost(_) => {}
    }
    change(means, mapping, |mapping| {
        mapping.standing = Standing::Closed;
        mapping.wake = None;
    })
    .await
    .map(drop)
}
