//! Renewals: authorises when Cleeng says so, captures when it is due, charges in one step where that is set, and goes on
//! with what was left unfinished.

mod authorise;
mod capture;
mod own;
mod renewal;
mod review;

use attempt::{Caps, Dunning, Ended, Ending, Means, correct, finish, release, unfinished};
use cleeng::TerminationKind;
use cleeng::webhook::EventData;
use entrypoint::{Message, Outside, What, managed};
use gateways::Routes;
use ledger::{Standing, Subject};
use payment::{Failure, SubscriptionId};
use settings::{SettingError, Settings};
use wire::Deadline;

/// What this job may use.
pub struct Renewals {
    means: Means,
    routes: Routes,
    without_authorisation: WithoutAuthorisation,
    caps: Caps,
    dunning: Dunning,
    forget_ended: bool,
}

/// What a request to capture means when nothing is authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WithoutAuthorisation {
    /// The payment method charges in one step, or the authorisation was refused before: charge.
    Charge,
    /// Leave it to Cleeng's next dunning date.
    Skip,
}

impl Renewals {
    /// Reads what Cleeng, the gateways and the routes need, `CAPTURE_WITHOUT_AUTHORISATION` (`charge`, the default, or
    /// `skip`), `FORGET_TOKENS`, the networks' [`Caps`], and our own dunning (`MANAGED_ATTEMPTS_HOURS`,
    /// `MANAGED_GRACE_HOURS`, `MANAGED_HARD_DECLINE`).
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let means = entrypoint::means(settings, outside, &Routes::from_settings(settings)?)?;
        Self::with_means(means, settings)
    }

    /// The same with means of one's own, such as a gateway whose every move a test decides.
    pub fn with_means(means: Means, settings: &Settings) -> Result<Self, SettingError> {
        const POLICY: &str = "CAPTURE_WITHOUT_AUTHORISATION";
        let routes = Routes::from_settings(settings)?;
        let without_authorisation = match settings.optional(POLICY)? {
            None | Some("charge") => WithoutAuthorisation::Charge,
            Some("skip") => WithoutAuthorisation::Skip,
            Some(_) => return Err(SettingError::malformed(POLICY, "it is `charge` or `skip`")),
        };
        let (dunning, forget) = (managed::dunning(settings)?, managed::forget_tokens(settings)?);
        let caps = Caps::from_settings(settings)?;
        Ok(Self { means, routes, without_authorisation, caps, dunning, forget_ended: forget.ended })
    }

    /// An end for this reason; `None` where Cleeng has ended it itself.
    fn ending(&self, kind: Option<TerminationKind>) -> Ending {
        Ending { kind, forget_card: self.forget_ended }
    }
}

/// Serves one message. `Ok` means that the request is served, or that what is left of it is durable and due.
pub async fn handle(renewals: &Renewals, message: Message, deadline: Deadline) -> Result<(), Failure> {
    match message.what {
        What::Cleeng(event) => match event.data {
            EventData::Authorise(billing) => authorise::authorise(renewals, &billing, deadline).await,
            EventData::Capture(billing) => capture::capture(renewals, &billing, deadline).await,
            _ => Err(Failure::alarm(format!("`{}` is not a renewal", event.topic.as_str()))),
        },
        What::Due(Subject::Subscription(subscription)) => go_on(renewals, subscription, deadline).await,
        What::Review(subscriptions) => review::review(renewals, subscriptions, deadline).await,
        What::Due(_) | What::Gateway(_) => Err(Failure::alarm("the message is for another job")),
    }
}

/// Goes on with a subscription that the timer found: finishes what is open, then makes up for a capture that was
/// asked for meanwhile, or lets go of what stands on an ended one.
async fn go_on(renewals: &Renewals, subscription: SubscriptionId, deadline: Deadline) -> Result<(), Failure> {
    let means = &renewals.means;
    let Some(mut mapping) = means.ledger.mapping(Subject::Subscription(subscription)).await? else {
        return Ok(());
    };
    while let Some(open) = unfinished(&mapping) {
        let identity = open.intention.identity.clone();
        let done = finish(means, mapping, &identity, deadline).await?;
        mapping = done.mapping;
        match done.ended {
            Ended::Answered { told: true, .. } | Ended::Withdrawn => {}
            // Not due by itself yet: this message keeps watch over it until the other worker is done.
            Ended::Busy => return Err(Failure::retry(format!("another worker has {identity}"))),
            _ if own::goes_on(&mapping) => return own::look_later(means, mapping).await,
            _ => return Ok(()),
        }
    }
    mapping = correct(means, mapping, deadline).await?;
    if own::goes_on(&mapping) {
        return own::serve(renewals, mapping, deadline).await;
    }
    if matches!(mapping.standing, Standing::Ending | Standing::Closed) {
        return release(means, mapping, deadline).await.map(drop);
    }
    match mapping.capture_asked {
        Some(asked) => capture::make_up(renewals, mapping, asked, deadline).await,
        None => Ok(()),
    }
}
