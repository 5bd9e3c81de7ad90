//! Goes on with what the timer found: finishes open attempts, mends what Cleeng was told, ties a paid order to its
//! subscription, brings a new card to those that pay with it.

use attempt::{Ended, correct, finish, link, spread_card};
use ledger::{Attempt, Mapping, Stage, Standing, Subject};
use payment::Failure;
use wire::Deadline;

use crate::Settlement;

/// Finishes what is open on one item. What stays unknown stays due.
pub(crate) async fn go_on(
    settlement: &Settlement,
    subject: Subject,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &settlement.means;
    let Some(mut mapping) = means.ledger.mapping(subject).await? else { return Ok(()) };
    let apart = matches!(subject, Subject::Customer(_));
    let open: Vec<_> = open_of(&mapping).map(|attempt| attempt.intention.identity.clone()).collect();
    for identity in open {
        let done = finish(means, mapping, &identity, deadline).await?;
        mapping = done.mapping;
        let over = matches!(done.ended, Ended::Answered { told: true, .. } | Ended::Withdrawn);
        // A customer's cards are checked independently of each other; anything else comes one after the other.
        match done.ended {
            Ended::Busy if !apart => return Err(Failure::retry(format!("another worker has {identity}"))),
            _ if !over && !apart => return Ok(()),
            _ => {}
        }
    }
    let mapping = correct(means, mapping, deadline).await?;
    // A customer's card that was told just now is this worker's to bring to the subscriptions.
    let waits = mapping.wake.is_some_and(|wake| apart || wake <= means.clock.now());
    if waits { wake(settlement, mapping, deadline).await } else { Ok(()) }
}

/// The attempts that are under way and that we can bring to their end ourselves, oldest first.
fn open_of(mapping: &Mapping) -> impl Iterator<Item = &Attempt> {
    let parked = |attempt: &Attempt| matches!(attempt.stage, Stage::Parked { .. });
    mapping.attempts.iter().filter(move |attempt| !attempt.is_finished() && !parked(attempt))
}

/// What an item itself waits for.
async fn wake(settlement: &Settlement, mapping: Mapping, deadline: Deadline) -> Result<(), Failure> {
    let means = &settlement.means;
    match mapping.subject {
        Subject::Order(_) if mapping.standing == Standing::Active => {
            link(means, mapping, deadline).await.map(drop)
        }
        Subject::Customer(_) => spread_card(means, &settlement.routes, mapping, deadline).await.map(drop),
        _ => Ok(()),
    }
}
