//! Writes of mappings: each on the condition that nobody wrote in between, each with the due mark that follows from it.

use ledger::{Mapping, Written};
use payment::{Failure, Identity};

use crate::apply;
use crate::due::due;
use crate::run::Means;

/// Writers of one item that may come in between before the work goes back to its queue.
pub(crate) const REWRITES_MAX: usize = 8;

/// Claims an attempt that somebody left; `None` if another worker was faster.
pub(crate) async fn take_over(
    means: &Means,
    mapping: &Mapping,
    identity: &Identity,
) -> Result<Option<Mapping>, Failure> {
    let mut mapping = mapping.clone();
    apply::take_over(&mut mapping, identity, means.clock.now());
    match write(means, mapping).await? {
        Written::Done(mapping) => Ok(Some(mapping)),
        Written::Lost(_) => Ok(None),
    }
}

/// Changes a mapping by a pure function, again on whatever somebody else wrote in between: changes are merges, so any order
/// will do. News that is known changes nothing and is not written: it would only get into the way of other workers.
pub async fn change(
    means: &Means,
    mapping: Mapping,
    change: impl Fn(&mut Mapping),
) -> Result<Mapping, Failure> {
    let mut base = mapping;
    for _ in 0..REWRITES_MAX {
        let mut changed = base.clone();
        change(&mut changed);
        if base.version > 0 && changed == base && due(&changed) == base.due {
            return Ok(base);
        }
        match write(means, changed).await? {
            Written::Done(mapping) => return Ok(mapping),
            Written::Lost(Some(current)) => base = current,
            Written::Lost(None) => return Err(Failure::alarm(format!("the item {} is gone", base.subject))),
        }
    }
    Err(Failure::retry("too many writers on one item"))
}

/// Every write carries a fence of its own, and the due mark that follows from what it holds.
pub async fn write(means: &Means, mut mapping: Mapping) -> Result<Written, Failure> {
    mapping.fence = fastrand::u64(..);
    mapping.due = due(&mapping);
    Ok(means.ledger.write(&mapping).await?)
}
