//! Brings a card that Cleeng knows to the customer's subscriptions while the customer still waits.

use std::time::Duration;

use attempt::{Done, Ended, spread_card};
use payment::Answer;
use wire::Deadline;

use crate::Desk;

/// The time that must be left: a list, then each subscription side by side.
const SPREAD: Duration = Duration::from_secs(5);

/// What is not done here is marked on the item, and the timer does it.
pub(crate) async fn spread(desk: &Desk, done: Done, deadline: Deadline) -> Done {
    let kept = matches!(done.ended, Ended::Answered { answer: Answer::Approved(_), told: true });
    if !kept || done.mapping.wake.is_none() || !deadline.allows(SPREAD) {
        return done;
    }
    let Done { mapping, ended } = done;
    match spread_card(&desk.means, &desk.routes, mapping.clone(), deadline).await {
        Ok(mapping) => Done { mapping, ended },
        Err(failure) => {
            let customer = mapping.customer;
            tracing::warn!(%customer, "The new card of `{customer}` is not on all subscriptions yet: {}", failure.chain());
            Done { mapping, ended }
        }
    }
}
