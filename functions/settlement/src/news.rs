//! News from a gateway: the answer to an attempt that was left open, or something that happened to a payment.

use std::time::Duration;

use attempt::{
    Done, Ended, aimed_at, answer_in, change, correct, finish, has_rival, learn as merge, learn_card,
    past_taking, reopen, settle, spread_card, takes_back,
};
use cleeng::NewDetails;
use gateways::{News, NewsKind, Resolution};
use ledger::{Attempt, ManagedBy, Mapping, Stage, Subject};
use payment::{
    Answer, Approval, Card, Fact, FactKind, Failure, GatewayReference, Identity, Money, Outcome, Token, Verb,
};
use wire::Deadline;

use crate::{Settlement, returned, stored_card};

/// Merges one piece of news. Whatever order and however often news comes, the item ends the same.
pub(crate) async fn learn(settlement: &Settlement, news: News, deadline: Deadline) -> Result<(), Failure> {
    if takes_back(&news) {
        let attempt = news.attempt.as_ref().map(Identity::as_str);
        tracing::error!(alarm = "late_news", gateway = %news.gateway, event = %news.event, attempt, payment = ?news.payment, "The gateway reports `{}`", news.event);
    }
    match news.kind.clone() {
        NewsKind::Settled(answer) => match find(settlement, &news).await? {
            Some((mapping, identity)) => settled(settlement, mapping, &identity, answer, deadline).await,
            None => {
                tracing::info!(gateway = %news.gateway, event = %news.event, "News of a payment that is not under way here: kept only");
                Ok(())
            }
        },
        NewsKind::Fact { kind, thing, money } => fact(settlement, &news, kind, &thing, money, deadline).await,
        NewsKind::TokenUpdated { token, successor, .. } => {
            stored_card::renewed(settlement, &news, &token, successor.as_ref(), deadline).await
        }
        NewsKind::TokenGone { token } => stored_card::gone(settlement, &news, &token, deadline).await,
        NewsKind::Ignored => Ok(()),
    }
}

/// The attempt that the news is about, by our own reference, which every write to a gateway carries.
async fn find(settlement: &Settlement, news: &News) -> Result<Option<(Mapping, Identity)>, Failure> {
    let Some(identity) = news.attempt.clone() else { return Ok(None) };
    let Some(subject) = Subject::of(&identity) else { return Ok(None) };
    let Some(mapping) = settlement.means.ledger.mapping(subject).await? else { return Ok(None) };
    let identity = match &news.kind {
        NewsKind::Fact { kind, .. } => aimed_at(&mapping, &identity, *kind),
        _ => mapping.attempt(&identity).map(|_| identity),
    };
    Ok(identity.map(|identity| (mapping, identity)))
}

/// The final answer to an attempt. Its amount must be the one that was asked.
async fn settled(
    settlement: &Settlement,
    mapping: Mapping,
    identity: &Identity,
    mut answer: Answer,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &settlement.means;
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
    let done = match (&attempt.stage, &answer) {
        (Stage::Reported(Answer::Declined(_)), Answer::Approved(_)) if !is_over(attempt) => {
            reopen(means, mapping, identity, answer, deadline).await?
        }
        // Its approval is told after it was taken back: there is nothing left to tell of.
        (Stage::Withdrawn { .. }, Answer::Approved(_)) if is_taken_back(&mapping, identity) => return Ok(()),
        // Another try has taken the place of one that only checked a card.
        (Stage::Withdrawn { .. }, Answer::Approved(_))
            if attempt.intention.verb == Verb::Verify && has_rival(&mapping, identity) =>
        {
            return Ok(());
        }
        (Stage::Reported(Answer::Approved(_)), Answer::Declined(_)) => {
            if matches!(attempt.intention.verb, Verb::Capture | Verb::Cancel | Verb::Refund) {
                tracing::error!(alarm = "late_news", attempt = %identity, "The gateway refused `{identity}` after it had accepted it");
            }
            return Ok(());
        }
        (
            Stage::Answered(Answer::Approved(_)) | Stage::Reported(Answer::Approved(_)),
            Answer::Approved(news),
        ) => name_card(settlement, mapping.clone(), identity, news, deadline).await?,
        _ => {
            let answer = with_card(settlement, attempt, answer, deadline).await;
            settle(means, mapping, identity, answer, deadline).await?
        }
    };
    match done.ended {
        Ended::Busy => Err(Failure::retry(format!("another worker has {identity}"))),
        Ended::Answered { answer: Answer::Approved(_), told: true }
            if matches!(done.mapping.subject, Subject::Customer(_)) && done.mapping.wake.is_some() =>
        {
            spread_card(means, &settlement.routes, done.mapping, deadline).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// A notification need not describe the card (Stripe's names it only), and customers look for it on their account page:
/// the gateway is asked. Where it does not answer, the news alone counts.
async fn with_card(settlement: &Settlement, attempt: &Attempt, answer: Answer, deadline: Deadline) -> Answer {
    let Answer::Approved(news) = &answer else { return answer };
    let ask = &attempt.intention;
    let Some(gateway) = settlement.means.gateways.get(&ask.gateway) else { return answer };
    if news.card.is_some() || !ask.verb.buyer_present() {
        return answer;
    }
    let age = Duration::try_from(settlement.means.clock.now().duration_since(ask.began)).unwrap_or_default();
    match gateway.resolve(ask, Some(&news.reference), age, deadline).await {
        Ok(Resolution::Found(Outcome::Approved(seen))) if seen.reference == news.reference => {
            Answer::Approved(Approval { card: seen.card, ..news.clone() })
        }
        _ => answer,
    }
}

/// Whether nothing is left at the gateway that an approval could stand for: an old one came after its void.
fn is_over(attempt: &Attempt) -> bool {
    attempt.facts.has(FactKind::Cancelled) || attempt.facts.has(FactKind::Expired)
}

/// Whether an attempt of its own has voided or returned what this one did.
fn is_taken_back(mapping: &Mapping, identity: &Identity) -> bool {
    let undo = mapping.attempt(&identity.undo());
    undo.and_then(Attempt::answer).is_some_and(|answer| matches!(answer, Answer::Approved(_)))
}

/// An approval may come without the stored card (Adyen may name it by webhook only): from now on it is known.
async fn name_card(
    settlement: &Settlement,
    mut mapping: Mapping,
    identity: &Identity,
    news: &Approval,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let means = &settlement.means;
    let present = mapping.attempt(identity).filter(|attempt| attempt.intention.verb.buyer_present());
    match (present.map(|attempt| &attempt.stage), &news.token) {
        (Some(Stage::Answered(_)), Some(token)) => {
            mapping = learn_card(means, mapping, identity, token, news.card.as_ref()).await?;
        }
        (Some(Stage::Reported(_)), Some(token)) if mapping.token.is_none() => {
            mapping =
                keep_at_cleeng(settlement, mapping, identity, (token, news.card.as_ref()), deadline).await?;
        }
        _ => {}
    }
    finish(means, mapping, identity, deadline).await
}

/// Cleeng recorded the purchase without a token to renew with: it is given the token now, and so is the subscription
/// that the order has become, if it has. Cleeng first: given twice, it harms nobody. Of what we bill ourselves it keeps none.
async fn keep_at_cleeng(
    settlement: &Settlement,
    order: Mapping,
    identity: &Identity,
    (token, card): (&Token, Option<&Card>),
    deadline: Deadline,
) -> Result<Mapping, Failure> {
    let means = &settlement.means;
    if !matches!(order.subject, Subject::Order(_)) {
        return Ok(order);
    }
    let details = match order.managed_by {
        ManagedBy::Connector => None,
        ManagedBy::Cleeng => {
            let new = NewDetails {
                customer: order.customer,
                token: token.clone(),
                method: order.method,
                card: card.cloned(),
                active: true,
            };
            Some(means.cleeng.create_details(&new, deadline).await?.id)
        }
    };
    if let Some(subscription) = order.became
        && let Some(item) = means.ledger.mapping(Subject::Subscription(subscription)).await?
    {
        change(means, item, |item| {
            if item.token.is_none() && item.details.is_none() {
                item.token = Some(token.clone());
                item.details = details;
            }
        })
        .await?;
    }
    let order = change(means, order, |order| order.details = order.details.or(details)).await?;
    learn_card(means, order, identity, token, card).await
}

/// A capture of a period that is over, which failed now or succeeded after all.
async fn past(
    settlement: &Settlement,
    news: &News,
    kind: FactKind,
    deadline: Deadline,
) -> Result<Option<(Mapping, Identity)>, Failure> {
    let Some(named) =
        news.attempt.clone().filter(|_| matches!(kind, FactKind::CaptureFailed | FactKind::Captured))
    else {
        return Ok(None);
    };
    let Some(names) = returned::names(settlement, news, deadline).await? else { return Ok(None) };
    let Settlement { means, routes, .. } = settlement;
    let item = past_taking(means, routes, &names, &named, deadline).await?;
    // A success is remembered also where Cleeng knows it: the failure before it may be heard of later.
    Ok(item.map(|item| (item, named)))
}

/// Something that happened to a payment: merged into its attempt, and told to Cleeng where it changes what Cleeng knows.
async fn fact(
    settlement: &Settlement,
    news: &News,
    kind: FactKind,
    thing: &GatewayReference,
    money: Money,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &settlement.means;
    let found = find(settlement, news).await?;
    let own = found.as_ref().and_then(|(mapping, identity)| mapping.attempt(identity));
    let own_return = own.is_some_and(|attempt| attempt.intention.verb == Verb::Refund);
    let gone_undo = own.is_none() && news.attempt.as_ref().is_some_and(Identity::is_undo);
    if returned::is_return(kind) && !own_return && !gone_undo {
        return returned::tell(settlement, news, kind, thing, money, deadline).await;
    }
    let found = match found {
        None => past(settlement, news, kind, deadline).await?,
        found => found,
    };
    let Some((mapping, identity)) = found else {
        tracing::info!(gateway = %news.gateway, event = %news.event, "News of a payment that is not under way here: kept only");
        return Ok(());
    };
    let fact = Fact { at: news.at, money };
    let write = |mapping: &mut Mapping| {
        merge(mapping, &identity, kind, thing.clone(), fact.clone());
    };
    let mut mapping = change(means, mapping, write).await?;
    if mapping.attempt(&identity).is_none() {
        return Err(Failure::retry(format!("another worker changes the item of {identity}")));
    }
    let open = mapping.attempt(&identity).filter(|attempt| attempt.answer().is_none());
    let open = open.filter(|_| !is_taken_back(&mapping, &identity));
    if let Some(answer) = open.and_then(|attempt| answer_in(attempt, kind, thing, money)) {
        // A worker that has it right now brings its own answer; should it die, the fact answers for it.
        mapping = settle(means, mapping, &identity, answer, deadline).await?.mapping;
    }
    correct(means, mapping, deadline).await.map(drop)
}
