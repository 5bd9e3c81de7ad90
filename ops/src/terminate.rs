//! Ends a subscription as Cleeng would ask for it: the termination job voids what is held and takes the access away.

use std::time::Duration;

use cleeng::SubscriptionStatus;
use cleeng::webhook::{Event, EventData, Termination, Topic};
use entrypoint::{Message, What};
use ledger::{Standing, Subject};
use payment::{Failure, SubscriptionId};
use queue::Job;
use serde_json::json;

use crate::deployment::patience;
use crate::{Deployment, Report};

/// Asks the termination job to end a subscription that is ours and has not ended.
pub(crate) async fn terminate(
    at: &Deployment,
    subscription: SubscriptionId,
    dry_run: bool,
) -> Result<Report, Failure> {
    let item = at.ledger()?.mapping(Subject::Subscription(subscription)).await?;
    let theirs = at.cleeng()?.subscription(subscription, patience()).await?;
    let Some(theirs) = theirs else {
        return Err(Failure::refuse(format!("Cleeng knows no subscription {subscription}")));
    };
    let method = item.as_ref().map(|item| item.method).or(theirs.method);
    if method.is_none_or(|method| at.routes().is_ok_and(|routes| routes.get(method).is_none())) {
        return Err(Failure::refuse(format!(
            "the subscription {subscription} is paid by another connector's payment method: end it there or in Cleeng"
        )));
    }
    let ended = theirs.status == SubscriptionStatus::Terminated;
    if ended && item.as_ref().is_none_or(|item| item.standing == Standing::Closed) {
        return Err(Failure::refuse(format!("the subscription {subscription} has ended already")));
    }
    let paid =
        theirs.ends.filter(|ends| *ends > at.now()).map(|ends| format!(", which is paid until {ends}"));
    let told = format!("{} subscription {subscription}{}", theirs.status.as_str(), paid.unwrap_or_default());
    let json = json!({ "subscription": subscription, "status": theirs.status.as_str(), "dryRun": dry_run });
    if dry_run {
        return Ok(Report::new(format!("dry run: would ask {} to end the {told}", Job::Termination), json));
    }
    let wish =
        Termination { subscription, customer: None, offer: None, method, details: None, period_end: None };
    let event = Event {
        topic: Topic::Terminate,
        publisher: None,
        digest: format!("operator-{subscription}"),
        data: EventData::Terminate(wish),
    };
    let text = Message::new(at.now(), What::Cleeng(event))
        .to_text()
        .map_err(|error| Failure::alarm("the message cannot be written").because(error))?;
    at.queue()?.send(Job::Termination, &text, Duration::ZERO).await?;
    Ok(Report::new(format!("asked {} to end the {told}", Job::Termination), json))
}
