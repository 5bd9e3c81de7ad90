//! Goes on with what the timer found: finishes open attempts, then ties a paid order to its subscription.

use attempt::{Ended, finish, link, unfinished};
use ledger::{Standing, Subject};
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
    while let Some(open) = unfinished(&mapping) {
        let identity = open.intention.identity.clone();
        let done = finish(means, mapping, &identity, deadline).await?;
        mapping = done.mapping;
        if !matches!(done.ended, Ended::Answered { told: true, .. } | Ended::Withdrawn) {
            return Ok(());
        }
    }
    let waits = mapping.wake.is_some_and(|wake| wake <= means.clock.now());
    if matches!(subject, Subject::Order(_)) && mapping.standing == Standing::Active && waits {
        link(means, mapping, deadline).await?;
    }
    Ok(())
}
