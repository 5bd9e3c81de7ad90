//! The driver: claims an attempt, asks, tells, commits; and takes up again what somebody left unfinished.

use std::sync::Arc;
use std::time::Duration;

use cleeng::Cleeng;
use gateways::{Buyer, BuyerReturn, Gateway, GatewayError, Gateways, Resolution};
use ledger::{Attempt, Ledger, Mapping, Stage, Written};
use payment::{Action, Answer, Decline, Failure, Identity, Outcome, Uncertainty};
use tokio::time::Instant;
use wire::{Clock, Deadline};

use crate::apply;
use crate::ask::{ask, free_of_charge};
use crate::count;
use crate::due::{LOOKS_MAX, UNREACHED_MAX};
use crate::forward::{go_on_undoing, tell_and_commit};
use crate::late::answer_by_facts;
use crate::next::{Next, next};
use crate::write::{change, take_over, write};

/// What moving money needs.
#[derive(Clone)]
pub struct Means {
    /// Where intentions are written down.
    pub ledger: Arc<dyn Ledger>,
    /// Who is told.
    pub cleeng: Cleeng,
    /// Who is asked.
    pub gateways: Gateways,
    /// The hour.
    pub clock: Arc<dyn Clock>,
}

/// Whether a new attempt was ours to carry out.
#[derive(Debug)]
pub enum Begun {
    /// This worker claimed it and carried it out.
    Done(Box<Done>),
    /// Somebody wrote in between: this is what they left. Decide anew from it.
    Lost(Option<Box<Mapping>>),
}

/// Where an attempt stands after a piece of work, and the mapping as it was last written.
#[derive(Debug)]
pub struct Done {
    /// The mapping now.
    pub mapping: Mapping,
    /// Where the attempt stands.
    pub ended: Ended,
}

/// Where an attempt stands after a piece of work. All of these are durable: whatever is unfinished is due.
#[derive(Debug)]
pub enum Ended {
    /// The gateway answered; whether Cleeng has heard.
    Answered {
        /// The answer.
        answer: Answer,
        /// Whether Cleeng knows; if not, the timer tells it.
        told: bool,
    },
    /// The buyer must act; what the page needs for it, where this very call brought it.
    AwaitingBuyer(Option<Action>),
    /// Nobody knows yet; the timer looks again.
    Unknown,
    /// Another worker has it, or its next look is not due.
    Busy,
    /// A person must find out.
    Parked,
    /// It certainly never happened.
    Withdrawn,
}

/// The time that must be left before a gateway is asked: its own time-out, Cleeng's, and the write after.
const CARRY_OUT: Duration = Duration::from_secs(20);

/// Writes a new intention down and carries it out.
///
/// `mapping` is as it was read; the claim is written on the condition that it still is, so that of any number of
/// workers exactly one asks the gateway. Not begun when too little time is left: then nothing has happened.
pub async fn begin(
    means: &Means,
    mut mapping: Mapping,
    attempt: Attempt,
    buyer: Option<&Buyer>,
    deadline: Deadline,
) -> Result<Begun, Failure> {
    if !deadline.allows(CARRY_OUT) {
        return Err(Failure::retry("too little time is left to begin a payment"));
    }
    let identity = attempt.intention.identity.clone();
    apply::intend(&mut mapping, attempt, means.clock.now());
    match write(means, mapping).await? {
        Written::Lost(current) => Ok(Begun::Lost(current.map(Box::new))),
        Written::Done(mapping) => {
            let done = carry_out(means, mapping, &identity, buyer, deadline).await?;
            Ok(Begun::Done(Box::new(done)))
        }
    }
}

/// Writes a new intention down together with the refusal that answers it: a gateway need not hear of it (a barred
/// token, a lapsed authorisation), but Cleeng must.
pub async fn refuse(
    means: &Means,
    mapping: Mapping,
    attempt: Attempt,
    refusal: Decline,
    deadline: Deadline,
) -> Result<Begun, Failure> {
    record(means, mapping, attempt, Answer::Declined(refusal), deadline).await
}

/// Writes down what needs no asking together with its answer, and tells Cleeng: a refusal of our own, or money that
/// went back at the gateway without us.
pub async fn record(
    means: &Means,
    mut mapping: Mapping,
    attempt: Attempt,
    answer: Answer,
    deadline: Deadline,
) -> Result<Begun, Failure> {
    let identity = attempt.intention.identity.clone();
    apply::recorded(&mut mapping, attempt, &answer, means.clock.now());
    match write(means, mapping).await? {
        Written::Lost(current) => Ok(Begun::Lost(current.map(Box::new))),
        Written::Done(mapping) => {
            let done = tell_and_commit(means, mapping, &identity, answer, false, deadline).await?;
            Ok(Begun::Done(Box::new(done)))
        }
    }
}

/// Takes up an attempt where somebody left it: resolves what has no answer, tells Cleeng what it has not heard.
pub async fn finish(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let Some(attempt) = mapping.attempt(identity) else {
        return Err(Failure::alarm(format!("the attempt {identity} is not on its item")));
    };
    let what = next(attempt, means.clock.now());
    let ended = match (what, &attempt.stage) {
        (Next::Nothing, Stage::Reported(answer)) => Ended::Answered { answer: answer.clone(), told: true },
        (Next::Nothing, _) => Ended::Withdrawn,
        (Next::Wait(_), Stage::Answered(answer)) => Ended::Answered { answer: answer.clone(), told: false },
        (Next::Wait(_), Stage::Unknown { .. }) => Ended::Unknown,
        (Next::Wait(_), _) => Ended::Busy,
        (Next::AwaitBuyer, _) => Ended::AwaitingBuyer(None),
        (Next::Person, _) => Ended::Parked,
        (Next::Tell, Stage::Answered(answer)) => {
            let (answer, unsent) = (answer.clone(), attempt.unsent);
            let is_undone = mapping.attempt(&identity.undo()).is_some();
            let Some(mapping) = take_over(means, &mapping, identity).await? else { return busy(mapping) };
            // What has begun to be taken back is not told any more, even if Cleeng would have it now.
            if is_undone {
                return go_on_undoing(means, mapping, identity, answer, deadline).await;
            }
            return tell_and_commit(means, mapping, identity, answer, !unsent, deadline).await;
        }
        (Next::Tell | Next::Resolve, _) => {
            if !deadline.allows(CARRY_OUT) {
                return Err(Failure::retry("too little time is left to resolve a payment"));
            }
            let Some(mapping) = take_over(means, &mapping, identity).await? else { return busy(mapping) };
            return resolve(means, mapping, identity, deadline).await;
        }
    };
    Ok(Done { mapping, ended })
}

/// The buyer came back from 3-D Secure or a redirect.
pub async fn resume(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    details: serde_json::Value,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let awaiting =
        mapping.attempt(identity).is_some_and(|attempt| matches!(attempt.stage, Stage::AwaitingBuyer { .. }));
    if !awaiting {
        return finish(means, mapping, identity, deadline).await;
    }
    let Some(mapping) = take_over(means, &mapping, identity).await? else { return busy(mapping) };
    let attempt = attempt_of(&mapping, identity)?;
    let gateway = gateway_of(means, attempt)?;
    let returned = BuyerReturn { reference: attempt.reference.clone(), details };
    match gateway.resume(&attempt.intention, &returned, deadline).await {
        Ok(outcome) => conclude(means, mapping, identity, outcome, true, deadline).await,
        // Nothing was asked: the buyer still has to come back.
        Err(error) => {
            let now = means.clock.now();
            let still = Action { page: String::new(), reference: returned.reference };
            change(means, mapping, |mapping| apply::await_buyer(mapping, identity, &still, now)).await?;
            Err(error.into())
        }
    }
}

/// The buyer comes anew while the gateway waits for them: what they must do, or what came of it, where the gateway
/// tells. Otherwise nothing changes, so that the answer which they may still bring is waited for.
pub async fn look_again(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let attempt = attempt_of(&mapping, identity)?;
    if next(attempt, means.clock.now()) != Next::AwaitBuyer {
        return finish(means, mapping, identity, deadline).await;
    }
    let gateway = gateway_of(means, attempt)?;
    let age =
        Duration::try_from(means.clock.now().duration_since(attempt.intention.began)).unwrap_or_default();
    match gateway.resolve(&attempt.intention, attempt.reference.as_ref(), age, deadline).await {
        Ok(Resolution::Found(outcome @ (Outcome::Approved(_) | Outcome::Declined(_)))) => {
            let Some(mapping) = take_over(means, &mapping, identity).await? else { return busy(mapping) };
            conclude(means, mapping, identity, outcome, true, deadline).await
        }
        Ok(Resolution::Found(Outcome::ActionRequired(action))) => {
            Ok(Done { mapping, ended: Ended::AwaitingBuyer(Some(action)) })
        }
        Ok(Resolution::Found(Outcome::Unknown(_)) | Resolution::Absent) | Err(_) => {
            Ok(Done { mapping, ended: Ended::AwaitingBuyer(None) })
        }
    }
}

/// The gateway settled an attempt by webhook.
pub async fn settle(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    answer: Answer,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let attempt = attempt_of(&mapping, identity)?;
    match attempt.stage {
        Stage::Reported(_) | Stage::Answered(_) => finish(means, mapping, identity, deadline).await,
        Stage::Intended if matches!(next(attempt, means.clock.now()), Next::Wait(_)) => {
            Ok(Done { mapping, ended: Ended::Busy })
        }
        _ => {
            let Some(mapping) = take_over(means, &mapping, identity).await? else { return busy(mapping) };
            tell_and_commit(means, mapping, identity, answer, true, deadline).await
        }
    }
}

/// Another answer than the one that Cleeng has was just written down by this worker.
pub(crate) async fn tell_again(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    answer: Answer,
    deadline: Deadline,
) -> Result<Done, Failure> {
    tell_and_commit(means, mapping, identity, answer, true, deadline).await
}

/// An attempt that takes another back was just written down by this worker.
pub(crate) async fn undo_now(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    deadline: Deadline,
) -> Result<Done, Failure> {
    carry_out(means, mapping, identity, None, deadline).await
}

/// The claim has just been written by this worker: asks, and brings the answer home.
pub(crate) async fn carry_out(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    buyer: Option<&Buyer>,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let attempt = attempt_of(&mapping, identity)?;
    let gateway = gateway_of(means, attempt)?;
    let began = Instant::now();
    let answer = ask(gateway.as_ref(), &attempt.intention, buyer, deadline).await;
    count::asked(&attempt.intention.gateway, attempt.intention.verb, began, &answer);
    match answer {
        Ok(outcome) => conclude(means, mapping, identity, outcome, false, deadline).await,
        Err(error) => withdraw(means, mapping, identity, error).await,
    }
}

async fn resolve(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let now = means.clock.now();
    let attempt = attempt_of(&mapping, identity)?;
    if let Some(free) = free_of_charge(&attempt.intention) {
        return conclude(means, mapping, identity, free, true, deadline).await;
    }
    // The gateway's news may have been faster than the answer that was lost.
    if let Some(answer) = answer_by_facts(attempt) {
        return tell_and_commit(means, mapping, identity, answer, true, deadline).await;
    }
    let gateway = gateway_of(means, attempt)?;
    let age = Duration::try_from(now.duration_since(attempt.intention.began)).unwrap_or_default();
    let found = gateway.resolve(&attempt.intention, attempt.reference.as_ref(), age, deadline).await;
    match found {
        Ok(Resolution::Found(outcome)) => conclude(means, mapping, identity, outcome, true, deadline).await,
        Ok(Resolution::Absent) => {
            let why = "the gateway has no trace of it";
            let mapping =
                change(means, mapping, |mapping| apply::withdraw(mapping, identity, why, now)).await?;
            Box::pin(finish(means, mapping, identity, deadline)).await
        }
        // The question did not get through; what happened before is as unknown as it was.
        Err(error) => {
            let doubt = Uncertainty { why: error.to_string(), reference: None, alarm: false };
            in_doubt(means, mapping, identity, &doubt, UNREACHED_MAX, deadline).await
        }
    }
}

async fn conclude(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    outcome: Outcome,
    again: bool,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let now = means.clock.now();
    match outcome {
        Outcome::Approved(approval) => {
            let answer = Answer::Approved(approval);
            count::answered(attempt_of(&mapping, identity)?, &answer);
            tell_and_commit(means, mapping, identity, answer, again, deadline).await
        }
        Outcome::Declined(decline) => {
            let answer = Answer::Declined(decline);
            count::answered(attempt_of(&mapping, identity)?, &answer);
            tell_and_commit(means, mapping, identity, answer, again, deadline).await
        }
        Outcome::ActionRequired(action) => {
            let mapping =
                change(means, mapping, |mapping| apply::await_buyer(mapping, identity, &action, now)).await?;
            match attempt_of(&mapping, identity)?.stage {
                Stage::AwaitingBuyer { .. } => {
                    Ok(Done { mapping, ended: Ended::AwaitingBuyer(Some(action)) })
                }
                _ => Box::pin(finish(means, mapping, identity, deadline)).await,
            }
        }
        Outcome::Unknown(doubt) => in_doubt(means, mapping, identity, &doubt, LOOKS_MAX, deadline).await,
    }
}

/// Nobody knows yet, or a person must find out: after so many looks.
async fn in_doubt(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    doubt: &Uncertainty,
    looks_max: u32,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let now = means.clock.now();
    let write = |mapping: &mut Mapping| apply::doubt(mapping, identity, doubt, looks_max, now);
    let mapping = change(means, mapping, write).await?;
    let attempt = attempt_of(&mapping, identity)?;
    let ended = match attempt.stage {
        Stage::Unknown { .. } => Ended::Unknown,
        Stage::Parked { .. } => Ended::Parked,
        _ => return Box::pin(finish(means, mapping, identity, deadline)).await,
    };
    count::unanswered(attempt, matches!(ended, Ended::Parked));
    Ok(Done { mapping, ended })
}

/// The gateway certainly did nothing. The work is free to be done again, under the same identity or the next try.
async fn withdraw(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    error: GatewayError,
) -> Result<Done, Failure> {
    let (now, why) = (means.clock.now(), error.to_string());
    change(means, mapping, |mapping| apply::withdraw(mapping, identity, &why, now)).await?;
    Err(error.into())
}

fn busy(mapping: Mapping) -> Result<Done, Failure> {
    Ok(Done { mapping, ended: Ended::Busy })
}

pub(crate) fn attempt_of<'a>(mapping: &'a Mapping, identity: &Identity) -> Result<&'a Attempt, Failure> {
    mapping
        .attempt(identity)
        .ok_or_else(|| Failure::alarm(format!("the attempt {identity} is not on its item")))
}

fn gateway_of<'a>(means: &'a Means, attempt: &Attempt) -> Result<&'a Arc<dyn Gateway>, Failure> {
    let name = &attempt.intention.gateway;
    means
        .gateways
        .get(name)
        .ok_or_else(|| Failure::alarm(format!("the gateway {name} is not set up in this deployment")))
}
