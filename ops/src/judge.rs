//! Whether an old message may still be acted on: its age and the state of what it is about, before it is sent again.

use attempt::{CapturePlan, RenewalPlan, plan_authorisation, plan_capture, same_period};
use cleeng::webhook::{Billing, EventData, Termination};
use cleeng::{Subscription, SubscriptionStatus};
use entrypoint::{Message, What};
use jiff::{SignedDuration, Timestamp};
use ledger::{Standing, Subject};
use payment::{Failure, SubscriptionId};

use crate::deployment::patience;
use crate::report::{age, day};
use crate::{Deployment, words};

/// What is to be done with an old message, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its work is still to be done, or harmless.
    Send(String),
    /// It is stale: acting on it now would be wrong, or nothing is left of it.
    Stale(String),
}

impl Verdict {
    pub(crate) fn is_stale(&self) -> bool {
        matches!(self, Self::Stale(_))
    }

    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Send(why) | Self::Stale(why) => why,
        }
    }
}

/// A renewal that is this late is not charged from an old message any more: Cleeng's own grace is long over, and the
/// subscriber was told so.
const RENEWAL_AGE_MAX: SignedDuration = SignedDuration::from_hours(72);
/// What a card scheme lets be captured at the least.
const HOLD_AGE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The daily comparison.
const REVIEW_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Judges a message by what it is about, as the ledger and Cleeng have it now.
pub(crate) async fn judge(at: &Deployment, message: &Message) -> Result<Verdict, Failure> {
    let now = at.now();
    let is_older = |than: SignedDuration| now.duration_since(message.received) > than;
    Ok(match &message.what {
        What::Cleeng(event) => {
            if event
                .data
                .method()
                .is_some_and(|method| at.routes().is_ok_and(|all| all.get(method).is_none()))
            {
                return Ok(Verdict::Stale("its payment method is another connector's".to_owned()));
            }
            match &event.data {
                EventData::Authorise(billing) => renewal(at, billing, false, now).await?,
                EventData::Capture(billing) => renewal(at, billing, true, now).await?,
                EventData::Terminate(end) => termination(at, end, now).await?,
                EventData::CapturePayment(_) if is_older(HOLD_AGE_MAX) => {
                    Verdict::Stale("what was held then may have lapsed: capture a new payment".to_owned())
                }
                EventData::CapturePayment(_) => Verdict::Send("what is held is captured once".to_owned()),
                EventData::Refund(_) => {
                    Verdict::Send("what was given back already is found first".to_owned())
                }
                EventData::DetailsDeactivated(_) => {
                    Verdict::Send("what is held on that card is let go once".to_owned())
                }
                EventData::Other => Verdict::Stale("it is for no job".to_owned()),
            }
        }
        What::Gateway(_) => {
            Verdict::Send("news is taken in at any age, by the gateway's own time".to_owned())
        }
        What::Due(_) => {
            Verdict::Stale("the timer queues its item again by itself while it is due".to_owned())
        }
        What::Review(_) if is_older(REVIEW_AGE_MAX) => {
            Verdict::Stale("a newer comparison has been made since".to_owned())
        }
        What::Review(_) => Verdict::Send("it compares, and makes up for what is missing".to_owned()),
    })
}

async fn renewal(
    at: &Deployment,
    billing: &Billing,
    captures: bool,
    now: Timestamp,
) -> Result<Verdict, Failure> {
    let id = billing.subscription;
    let item = at.ledger()?.mapping(Subject::Subscription(id)).await?;
    let theirs = at.cleeng()?.subscription(id, patience()).await?;
    let kept = item.as_ref().and_then(|item| item.period_end);
    let ends = theirs.as_ref().and_then(|theirs| theirs.ends);
    let Some(period_end) = billing.period_end.or(kept).or(ends) else {
        return Ok(Verdict::Stale("nobody says which period it is for".to_owned()));
    };
    let plan = match captures {
        true => match plan_capture(id, item.as_ref(), billing.asked, Some(period_end), now) {
            CapturePlan::Nothing(plan) | CapturePlan::Other(plan) => plan,
            CapturePlan::Capture(identity) | CapturePlan::Lapsed(identity) => {
                RenewalPlan::Start { identity, period_end }
            }
        },
        false => plan_authorisation(id, item.as_ref(), billing.asked, period_end),
    };
    let stale = |why: &str| Ok(Verdict::Stale(why.to_owned()));
    match plan {
        RenewalPlan::Done => return stale("it was served; the period is paid, or a later try was made"),
        RenewalPlan::Stale => return stale("a later period has begun since"),
        RenewalPlan::Ended => return stale("the subscription is ended"),
        RenewalPlan::Parked => return stale("an earlier try is parked: `ops resolve` it first"),
        // Nothing new is asked: what is open is found out about, at any age.
        RenewalPlan::Finish(identity) => {
            return Ok(Verdict::Send(format!("it finds out about the {}", words::attempt(&identity))));
        }
        RenewalPlan::Start { .. } => {}
    }
    if let Some(why) = not_to_be_charged(theirs.as_ref(), period_end, id) {
        return Ok(Verdict::Stale(why));
    }
    if now.duration_since(period_end) > RENEWAL_AGE_MAX {
        let since = age(period_end, now);
        return Ok(Verdict::Stale(format!(
            "its period ended {since} ago: too late to charge for it unasked. Cleeng must ask anew, or end it"
        )));
    }
    Ok(Verdict::Send(format!("the period that ends {} is not paid yet", day(period_end))))
}

/// Cleeng's own word: charging for what it has paid, stopped or ended would be wrong whatever the message says.
fn not_to_be_charged(
    theirs: Option<&Subscription>,
    period_end: Timestamp,
    id: SubscriptionId,
) -> Option<String> {
    let Some(theirs) = theirs else { return Some(format!("Cleeng knows no subscription {id}")) };
    match (&theirs.status, theirs.ends) {
        (SubscriptionStatus::Active, Some(ends)) if ends > period_end && !same_period(ends, period_end) => {
            Some(format!("Cleeng has it paid until {}", day(ends)))
        }
        (SubscriptionStatus::Active, _) => None,
        (SubscriptionStatus::Stopped, _) => Some("the customer has cancelled since".to_owned()),
        (other, _) => Some(format!("Cleeng says that it is {}", other.as_str())),
    }
}

async fn termination(at: &Deployment, end: &Termination, now: Timestamp) -> Result<Verdict, Failure> {
    let item = at.ledger()?.mapping(Subject::Subscription(end.subscription)).await?;
    if item.as_ref().is_some_and(|item| item.standing == Standing::Closed) {
        return Ok(Verdict::Stale("it has ended".to_owned()));
    }
    let theirs = at.cleeng()?.subscription(end.subscription, patience()).await?;
    Ok(match theirs {
        None => Verdict::Stale(format!("Cleeng knows no subscription {}", end.subscription)),
        Some(theirs) if theirs.status == SubscriptionStatus::Terminated && item.is_none() => {
            Verdict::Stale("it has ended".to_owned())
        }
        Some(theirs) => match theirs.ends.filter(|ends| *ends > now) {
            Some(ends) if theirs.status != SubscriptionStatus::Terminated => {
                Verdict::Stale(format!("it is paid until {}: nobody loses what was paid for", day(ends)))
            }
            _ => Verdict::Send("it is not paid any more, and not ended yet".to_owned()),
        },
    })
}
