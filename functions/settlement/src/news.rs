//! News from a gateway: the answer to an attempt that was left open, or a fact about a payment.

use attempt::{Ended, change, learn as merge, settle};
use gateways::{News, NewsKind};
use ledger::{Mapping, Subject};
use payment::{Answer, Fact, FactKind, Failure, Identity, Verb};
use wire::Deadline;

use crate::Settlement;

/// Merges one piece of news. Whatever order and however often news comes, the item ends the same.
pub(crate) async fn learn(settlement: &Settlement, news: News, deadline: Deadline) -> Result<(), Failure> {
    let found = find(settlement, &news).await?;
    let Some((mapping, identity)) = found else {
        tracing::info!(gateway = %news.gateway, event = %news.event, "News of a payment that is not under way here: kept only");
        return Ok(());
    };
    match news.kind {
        NewsKind::Settled(answer) => settled(settlement, mapping, &identity, answer, deadline).await,
        NewsKind::Fact { kind, thing, money } => {
            if matters_to_a_person(kind) {
                tracing::error!(alarm = "late_news", attempt = %identity, event = %news.event, "The gateway reports `{}` for `{identity}`", news.event);
            }
            let fact = Fact { at: news.at, money };
            let write = |mapping: &mut Mapping| {
                merge(mapping, &identity, kind, thing.clone(), fact.clone());
            };
            change(&settlement.means, mapping, write).await.map(drop)
        }
        NewsKind::TokenUpdated { .. } | NewsKind::TokenGone { .. } | NewsKind::Ignored => Ok(()),
    }
}

/// The attempt that the news is about, by our own reference, which every write to a gateway carries.
async fn find(settlement: &Settlement, news: &News) -> Result<Option<(Mapping, Identity)>, Failure> {
    let Some(identity) = news.attempt.clone() else { return Ok(None) };
    let Some(subject) = Subject::of(&identity) else { return Ok(None) };
    let mapping = settlement.means.ledger.mapping(subject).await?;
    Ok(mapping.filter(|mapping| mapping.attempt(&identity).is_some()).map(|mapping| (mapping, identity)))
}

/// The final answer to an attempt. Its amount must be the one that was asked.
async fn settled(
    settlement: &Settlement,
    mapping: Mapping,
    identity: &Identity,
    mut answer: Answer,
    deadline: Deadline,
) -> Result<(), Failure> {
    let Some(attempt) = mapping.attempt(identity) else { return Ok(()) };
    if let Answer::Approved(approval) = &mut answer {
        if approval.money != attempt.intention.money {
            return Err(Failure::alarm(format!(
                "the gateway reports another amount for {identity} than was asked"
            )));
        }
        // A notification need not tell whether an authorisation was captured at once; what was asked does.
        approval.captured |= matches!(attempt.intention.verb, Verb::Purchase | Verb::Charge);
    }
    let done = settle(&settlement.means, mapping, identity, answer, deadline).await?;
    match done.ended {
        Ended::Busy => Err(Failure::retry(format!("another worker has {identity}"))),
        _ => Ok(()),
    }
}

fn matters_to_a_person(kind: FactKind) -> bool {
    matches!(kind, FactKind::CaptureFailed | FactKind::RefundFailed | FactKind::Disputed)
}
