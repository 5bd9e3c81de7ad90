//! Finds out what became of an attempt: the gateway is asked, and only where it cannot tell is a person's word taken.

use attempt::{Done, Ended, Means, Next, change, finish, next, settle};
use jiff::Timestamp;
use ledger::{Mapping, Stage, Subject};
use payment::{Answer, Approval, Failure, GatewayReference, Identity};
use serde_json::json;

use crate::deployment::patience;
use crate::{Deployment, Report, words};

/// What a person found in the gateway's dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// The gateway's id of what happened; absent where nothing did.
    pub(crate) happened: Option<GatewayReference>,
    /// Who says so.
    pub(crate) by: String,
}

/// Asks the gateway about an attempt whose next look is due, or that is parked; takes a person's word where it cannot
/// tell. One that waits is left alone: its wait may be a worker's lease, and two must never ask side by side.
pub(crate) async fn resolve(
    at: &Deployment,
    identity: &Identity,
    word: Option<&Word>,
    dry_run: bool,
) -> Result<Report, Failure> {
    let means = at.means()?;
    let none =
        || Failure::refuse(format!("there is no attempt {identity}: `ops inspect` shows what there is"));
    let subject = Subject::of(identity).ok_or_else(none)?;
    let mapping = at.ledger()?.mapping(subject).await?.ok_or_else(none)?;
    let attempt = mapping.attempt(identity).ok_or_else(none)?;
    let now = at.now();
    let is_parked = matches!(attempt.stage, Stage::Parked { .. });
    if word.is_some() && !is_parked {
        return Err(Failure::refuse(format!(
            "{identity} is not parked ({}): a person's word is taken only where the gateway cannot tell",
            words::stage(attempt),
        )));
    }
    let would = match next(attempt, now) {
        Next::Nothing => return Ok(said(identity, format!("is finished: {}", words::stage(attempt)))),
        Next::Wait(until) => {
            let why = format!("is worked on, or looked at again at {until} by itself");
            return Ok(said(identity, why));
        }
        Next::AwaitBuyer => return Ok(said(identity, "waits for its buyer to authenticate".to_owned())),
        Next::Person if mapping.attempt(&identity.undo()).is_some() => {
            let why = "it could not be taken back: settle it in the gateway's dashboard and in Cleeng";
            return Err(Failure::refuse(format!("{identity} cannot be resolved here, {why}")));
        }
        Next::Tell => "tell Cleeng of it".to_owned(),
        Next::Resolve | Next::Person => match word {
            None => format!("ask {} again", attempt.intention.gateway),
            Some(Word { happened: Some(id), by }) => {
                format!(
                    "ask {} again, and if it cannot tell, take {by}'s word that it happened as {id}",
                    attempt.intention.gateway
                )
            }
            Some(Word { happened: None, by }) => {
                format!(
                    "ask {} again, and if it cannot tell, take {by}'s word that it did not happen",
                    attempt.intention.gateway
                )
            }
        },
    };
    if dry_run {
        return Ok(said(identity, format!("dry run: would {would}")));
    }
    let mapping = if is_parked { unpark(&means, mapping, identity, now).await? } else { mapping };
    let done = finish(&means, mapping, identity, patience()).await?;
    let nobody_knows = matches!(done.ended, Ended::Unknown | Ended::Parked);
    let done = match word {
        Some(word) if nobody_knows => take(&means, done.mapping, identity, word, now).await?,
        _ => done,
    };
    let needs = matches!(done.ended, Ended::Unknown | Ended::Parked);
    let stands = done.mapping.attempt(identity).map(words::stage).unwrap_or_default();
    Ok(said(identity, stands).needs_a_person(needs))
}

/// Asked once more; it is parked again if nobody knows.
async fn unpark(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    now: Timestamp,
) -> Result<Mapping, Failure> {
    change(means, mapping, |mapping| {
        let Some(attempt) = mapping.attempt_mut(identity) else { return };
        if let Stage::Parked { since, why } = &attempt.stage {
            attempt.stage = Stage::Unknown { since: *since, why: why.clone() };
            mapping.tell(now, format!("{identity}: an operator asks again"));
        }
    })
    .await
}

async fn take(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    word: &Word,
    now: Timestamp,
) -> Result<Done, Failure> {
    let by = &word.by;
    let Some(id) = &word.happened else {
        let why = format!("{by} says that it did not happen");
        let mapping = change(means, mapping, |mapping| {
            if let Some(attempt) = mapping.attempt_mut(identity).filter(|attempt| is_open(&attempt.stage)) {
                attempt.stage = Stage::Withdrawn { why: why.clone() };
                attempt.wait_until = None;
                mapping.tell(now, format!("{identity}: withdrawn, {why}"));
            }
        })
        .await?;
        return Ok(Done { mapping, ended: Ended::Withdrawn });
    };
    let mapping = change(means, mapping, |mapping| {
        if let Some(attempt) = mapping.attempt_mut(identity) {
            attempt.reference = Some(id.clone());
            mapping.tell(now, format!("{identity}: {by} says that it happened as {id}"));
        }
    })
    .await?;
    let attempt = mapping.attempt(identity);
    let intention = attempt.map(|attempt| attempt.intention.clone());
    let intention = intention.ok_or_else(|| Failure::alarm(format!("{identity} is gone")))?;
    let approval = Approval {
        reference: id.clone(),
        money: intention.money,
        captured: intention.verb.takes_money(),
        token: None,
        card: None,
        capture_before: None,
    };
    settle(means, mapping, identity, Answer::Approved(approval), patience()).await
}

fn is_open(stage: &Stage) -> bool {
    matches!(stage, Stage::Unknown { .. } | Stage::Parked { .. })
}

fn said(identity: &Identity, what: String) -> Report {
    let json = json!({ "attempt": identity, "what": what });
    Report::new(format!("{}: {what}", words::attempt(identity)), json)
}
