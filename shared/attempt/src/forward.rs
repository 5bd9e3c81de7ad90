//! From an answer on there is only forward: Cleeng is told until it knows, or what was done is taken back.

use ledger::{Mapping, Stage, Written};
use payment::{Answer, Failure, Identity};
use wire::Deadline;

use crate::apply;
use crate::count;
use crate::late::{lost, reopen};
use crate::mirror::Partly;
use crate::returns::tell_remembered;
use crate::run::{Done, Ended, Means, attempt_of, carry_out, finish};
use crate::tell::{Telling, Untold, tell};
use crate::write::{REWRITES_MAX, change, write};

/// From here there is only forward: Cleeng is told until it knows, or what was done is undone.
pub(crate) async fn tell_and_commit(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    answer: Answer,
    look: bool,
    deadline: Deadline,
) -> Result<Done, Failure> {
    // Whoever comes a second time may not be alone: the buyer's return and the gateway's news bring the same answer.
    let mapping = match look {
        true => match take_telling(means, mapping, identity, &answer).await? {
            Teller::Ours(mapping) => *mapping,
            Teller::Anothers(done) => return Ok(*done),
        },
        false => mapping,
    };
    let (now, attempt) = (means.clock.now(), attempt_of(&mapping, identity)?);
    let cleeng = &means.cleeng;
    let told =
        tell(Telling { cleeng, mapping: &mapping, attempt, answer: &answer, look, now, deadline }).await;
    let now = means.clock.now();
    match told {
        Ok(told) => {
            let write = |mapping: &mut Mapping| apply::reported(mapping, identity, &answer, &told, now);
            let mapping = change(means, mapping, write).await?;
            if let Err(failure) = tell_remembered(means, &mapping, identity, deadline).await {
                tracing::warn!(attempt = %identity, "What went back of `{identity}` meanwhile is not told yet: {}", failure.chain());
            }
            Ok(Done { mapping, ended: Ended::Answered { answer, told: true } })
        }
        Err((Untold::Later(failure), partly)) => {
            let began = attempt_of(&mapping, identity)?.intention.began;
            count::unreported(now.duration_since(began).as_secs());
            tracing::warn!(attempt = %identity, "Cleeng has not heard of `{identity}` yet: {}", failure.chain());
            let write = |mapping: &mut Mapping| {
                apply::answered(mapping, identity, &answer, now);
                apply::partly_told(mapping, identity, partly);
            };
            let mapping = change(means, mapping, write).await?;
            Ok(Done { mapping, ended: Ended::Answered { answer, told: false } })
        }
        Err((Untold::Never(why), partly)) => {
            undo(means, mapping, identity, answer, (&why, partly), deadline).await
        }
    }
}

/// Who tells Cleeng.
enum Teller {
    Ours(Box<Mapping>),
    Anothers(Box<Done>),
}

/// Writes the answer down, unless this worker took it up written down already; of several that bring it at once, the one
/// whose write is first tells it. Cleeng has no idempotency key: two that looked at once would both write there.
async fn take_telling(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    answer: &Answer,
) -> Result<Teller, Failure> {
    if matches!(attempt_of(&mapping, identity)?.stage, Stage::Answered(_)) {
        return Ok(Teller::Ours(Box::new(mapping)));
    }
    let mut base = mapping;
    for _ in 0..REWRITES_MAX {
        let now = means.clock.now();
        let mut answered = base.clone();
        apply::answered(&mut answered, identity, answer, now);
        apply::hold(&mut answered, identity, now);
        base = match write(means, answered).await? {
            Written::Done(mapping) => return Ok(Teller::Ours(Box::new(mapping))),
            Written::Lost(Some(current)) => current,
            Written::Lost(None) => {
                return Err(Failure::alarm(format!("the item of {identity} is gone")));
            }
        };
        let told = match &attempt_of(&base, identity)?.stage {
            Stage::Reported(answer) => Some((answer.clone(), true)),
            Stage::Answered(answer) => Some((answer.clone(), false)),
            _ => None,
        };
        if let Some((answer, told)) = told {
            let ended = Ended::Answered { answer, told };
            return Ok(Teller::Anothers(Box::new(Done { mapping: base, ended })));
        }
    }
    Err(Failure::retry("too many writers on one item"))
}

/// Cleeng refuses for good: what stands at the gateway is taken back by an attempt of its own.
async fn undo(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    answer: Answer,
    (why, partly): (&str, Partly),
    deadline: Deadline,
) -> Result<Done, Failure> {
    tracing::error!(alarm = "cleeng_refuses", attempt = %identity, "Cleeng will not record `{identity}`: {why}");
    let now = means.clock.now();
    let mapping = change(means, mapping, |mapping| {
        apply::answered(mapping, identity, &answer, now);
        apply::partly_told(mapping, identity, partly);
        mapping.tell(now, format!("{identity}: Cleeng will not record it ({why})"));
    })
    .await?;
    go_on_undoing(means, mapping, identity, answer, deadline).await
}

/// Takes back an answered attempt; one that certainly was not taken back yet is tried again.
pub(crate) async fn go_on_undoing(
    means: &Means,
    mut mapping: Mapping,
    identity: &Identity,
    answer: Answer,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let (now, undoing) = (means.clock.now(), identity.undo());
    let is_ours = mapping.attempt(&undoing).is_none_or(|it| matches!(it.stage, Stage::Withdrawn { .. }));
    if !is_ours {
        let done = Box::pin(finish(means, mapping, &undoing, deadline)).await?;
        return Ok(seen_from(identity, done));
    }
    // What failed late is not there to be taken back: it is a refusal, and given back should it succeed after all.
    if let Some(refusal) = mapping.attempt(identity).and_then(|attempt| lost(attempt, &answer)) {
        mapping.attempts.retain(|attempt| attempt.intention.identity != undoing);
        if let Some(attempt) = mapping.attempt_mut(identity) {
            attempt.late = true;
        }
        return Box::pin(reopen(means, mapping, identity, refusal, deadline)).await;
    }
    let mapping =
        change(means, mapping, |mapping| apply::undo::begin(mapping, identity, &answer, now)).await?;
    match mapping.attempt(&undoing) {
        Some(_) => {
            let done = Box::pin(carry_out(means, mapping, &undoing, None, deadline)).await?;
            Ok(seen_from(identity, done))
        }
        // Nothing is left to be done: where it stands is the answer.
        None => Box::pin(finish(means, mapping, identity, deadline)).await,
    }
}

/// Where an attempt stands after work on what takes it back: the approval of that is not its own.
fn seen_from(identity: &Identity, done: Done) -> Done {
    let ended = match (done.mapping.attempt(identity).map(|attempt| &attempt.stage), done.ended) {
        (Some(Stage::Withdrawn { .. }), _) => Ended::Withdrawn,
        (Some(Stage::Parked { .. }), _) => Ended::Parked,
        (Some(Stage::Answered(_)), Ended::Answered { .. } | Ended::Withdrawn) => Ended::Unknown,
        (_, ended) => ended,
    };
    Done { mapping: done.mapping, ended }
}
