//! Money on its way back, on the item of the payment that it comes from: refunds that Cleeng asks for, and what was
//! returned at the gateway without us.

use jiff::Timestamp;
use ledger::{Attempt, Mapping, Paid, Stage, Subject};
use payment::{
    Answer, Approval, Fact, FactKind, Failure, GatewayReference, Identity, Intention, MinorUnits, Money,
    PaymentId, Target, Verb,
};
use wire::Deadline;

use crate::apply::{began, learn};
use crate::find::{Names, of_attempt, untold_taking};
use crate::late::is_under_way;
use crate::run::{Begun, Means, finish, record};
use crate::tell::external;
use crate::write::change;

/// What a request to return money means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundPlan {
    /// Return it.
    Start(Box<Attempt>),
    /// This very request is under way.
    Finish(Identity),
    /// Another return of the same payment is under way: after it. Cleeng is told of them one by one.
    After(Identity),
    /// This very request was served, or nothing is left to return.
    Done,
    /// More than is left was asked for.
    TooMuch {
        /// What is left.
        left: Money,
    },
    /// A person must first find out what became of this very request.
    Parked,
}

/// Decides what a request to return money means. `part` is how much, all that is left where Cleeng does not say;
/// `name` is what Cleeng calls the request: the same name returns money once.
///
/// Never is more returned than was captured: returns that are under way, parked or taken by the bank count as returned.
pub fn plan_refund(
    item: &Mapping,
    name: Option<&str>,
    part: Option<Money>,
    units: MinorUnits,
    now: Timestamp,
) -> Option<RefundPlan> {
    let (Subject::Payment(payment), Some(paid)) = (item.subject, &item.paid) else { return None };
    let identity = Identity::refund(payment, &refund_name(name, part));
    match item.attempt(&identity).map(|attempt| &attempt.stage) {
        Some(Stage::Reported(_)) => return Some(RefundPlan::Done),
        Some(Stage::Parked { .. }) => return Some(RefundPlan::Parked),
        Some(Stage::Withdrawn { .. }) | None => {}
        Some(_) => return Some(RefundPlan::Finish(identity)),
    }
    if let Some(other) = item.attempts.iter().find(|attempt| is_under_way(attempt, now)) {
        return Some(RefundPlan::After(other.intention.identity.clone()));
    }
    let left = left_of(item, paid);
    let money = part.unwrap_or(left);
    if left.is_zero() {
        return Some(RefundPlan::Done);
    }
    if money.currency != left.currency || money.minor > left.minor {
        return Some(RefundPlan::TooMuch { left });
    }
    Some(RefundPlan::Start(Box::new(returning(item, paid, payment, identity, money, units, now))))
}

/// What a request is called where Cleeng does not name it: by its amount. Two requests for the same part without a
/// name are one that was repeated, because money that was returned twice does not come back.
fn refund_name(name: Option<&str>, part: Option<Money>) -> String {
    match (name, part) {
        (Some(name), _) => name.to_owned(),
        (None, Some(part)) => format!("part-{}-{}", part.minor, part.currency),
        (None, None) => "whole".to_owned(),
    }
}

/// What may still be returned.
fn left_of(item: &Mapping, paid: &Paid) -> Money {
    let gone = item.attempts.iter().filter(|attempt| counts(attempt)).map(|it| it.intention.money.minor);
    let minor = gone.fold(paid.money.minor, i64::saturating_sub).max(0);
    Money { minor, ..paid.money }
}

fn counts(attempt: &Attempt) -> bool {
    let never = matches!(
        attempt.stage,
        Stage::Withdrawn { .. } | Stage::Reported(Answer::Declined(_)) | Stage::Answered(Answer::Declined(_))
    );
    let came_back = [FactKind::RefundFailed, FactKind::DisputeReversed].into_iter();
    attempt.intention.verb == Verb::Refund && !never && !came_back.into_iter().any(|it| attempt.facts.has(it))
}

fn returning(
    item: &Mapping,
    paid: &Paid,
    payment: PaymentId,
    identity: Identity,
    money: Money,
    units: MinorUnits,
    now: Timestamp,
) -> Attempt {
    let intention = Intention {
        identity,
        verb: Verb::Refund,
        gateway: item.gateway.clone(),
        account: item.account.clone(),
        customer: item.customer,
        money,
        target: Target::Payment(paid.reference.clone()),
        order: paid.order,
        began: now,
    };
    began(intention, money.to_price(units), None, Some(payment))
}

/// Money that went back at the gateway without us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// Refunded by somebody, disputed by the bank, or one of them taken back.
    pub kind: FactKind,
    /// The gateway's id of the refund or dispute.
    pub thing: GatewayReference,
    /// How much, and when, as the gateway says.
    pub fact: Fact,
}

/// How often one visit decides anew because others wrote in between.
const ROUNDS_MAX: usize = 4;

/// Tells Cleeng once of money that went back at the gateway without us, with its amount, as a refund or a chargeback.
/// What comes back of it later (a reversal, a failed refund) has no word at Cleeng: it is written down and rings.
pub async fn returned(
    means: &Means,
    mut item: Mapping,
    news: &Returned,
    deadline: Deadline,
) -> Result<(), Failure> {
    for _ in 0..ROUNDS_MAX {
        if let Some(known) = attempt_of(&item, &news.thing) {
            let identity = known.intention.identity.clone();
            let merge = |item: &mut Mapping| {
                learn(item, &identity, news.kind, news.thing.clone(), news.fact.clone());
            };
            let item = change(means, item, merge).await?;
            return finish(means, item, &identity, deadline).await.map(drop);
        }
        if !matches!(news.kind, FactKind::Refunded | FactKind::Disputed) {
            // Before what it takes back was heard of; both will have rung, and Cleeng hears of the return.
            return Ok(());
        }
        let now = means.clock.now();
        if let Some(other) = item.attempts.iter().find(|attempt| is_under_way(attempt, now)) {
            let identity = other.intention.identity.clone();
            finish(means, item, &identity, deadline).await?;
            return Err(Failure::retry(format!("{identity} must be told first")));
        }
        let (attempt, answer) = unasked(means, &item, news, now)?;
        item = match record(means, item, attempt, answer, deadline).await? {
            Begun::Done(_) => return Ok(()),
            Begun::Lost(Some(current)) => *current,
            Begun::Lost(None) => return Err(Failure::alarm("the item of a returned payment is gone")),
        };
    }
    Err(Failure::retry("too many workers on one payment"))
}

/// Writes down money that went back while Cleeng has not heard of the payment. Once it has, it is told of the return; if it
/// never will, what is left is returned, and no more than that.
pub async fn remember_return(means: &Means, names: &Names, news: &Returned) -> Result<(), Failure> {
    if let Some((item, identity)) = untold_taking(means, names).await? {
        let merge = |item: &mut Mapping| {
            learn(item, &identity, news.kind, news.thing.clone(), news.fact.clone());
        };
        change(means, item, merge).await?;
    }
    Ok(())
}

/// Tells Cleeng of what went back before it knew of this payment.
pub(crate) async fn tell_remembered(
    means: &Means,
    mapping: &Mapping,
    taking: &Identity,
    deadline: Deadline,
) -> Result<(), Failure> {
    // Our own undo is its own return.
    let owes = |it: &&Attempt| it.intention.verb.takes_money() && it.facts.returned().next().is_some();
    let Some(attempt) = mapping.attempt(taking).filter(owes) else { return Ok(()) };
    let Some(payment) = attempt.payment else { return Ok(()) };
    let Some(mut item) = of_attempt(means, mapping, attempt, payment).await? else { return Ok(()) };
    for _ in 0..ROUNDS_MAX {
        let now = means.clock.now();
        let Some(open) = item.attempts.iter().find(|attempt| is_under_way(attempt, now)) else {
            return Ok(());
        };
        let identity = open.intention.identity.clone();
        item = Box::pin(finish(means, item, &identity, deadline)).await?.mapping;
    }
    Ok(())
}

/// What of this payment was returned on its own item, asked for by Cleeng, by hand or by the bank; what may have been counts
/// too. Named as the gateway's news names it, so that news of it that was heard before is not counted beside it.
pub(crate) async fn returned_of(means: &Means, taking: &Attempt) -> Result<Vec<Returned>, Failure> {
    let Some(payment) = taking.payment else { return Ok(Vec::new()) };
    let item = means.ledger.mapping(Subject::Payment(payment)).await?;
    let attempts = item.iter().flat_map(|item| &item.attempts).filter(|attempt| counts(attempt));
    let named = attempts.filter_map(|attempt| {
        let kind = if attempt.by_bank { FactKind::Disputed } else { FactKind::Refunded };
        let thing = external(attempt, attempt.reference.as_ref())?;
        let fact = Fact { at: attempt.intention.began, money: attempt.intention.money };
        Some(Returned { kind, thing, fact })
    });
    Ok(named.collect())
}

/// The item of a payment with what is known to have gone back of it, to be told.
pub(crate) fn with_returns(means: &Means, mut item: Mapping, taking: &Attempt) -> Result<Mapping, Failure> {
    let now = means.clock.now();
    for (kind, thing, fact) in taking.facts.returned() {
        if attempt_of(&item, thing).is_none() {
            let news = Returned { kind, thing: thing.clone(), fact: fact.clone() };
            let (mut attempt, answer) = unasked(means, &item, &news, now)?;
            attempt.stage = Stage::Answered(answer);
            attempt.wait_until = None;
            item.attempts.push(attempt);
        }
    }
    Ok(item)
}

/// The attempt that this refund or dispute is.
fn attempt_of<'a>(item: &'a Mapping, thing: &GatewayReference) -> Option<&'a Attempt> {
    let Subject::Payment(payment) = item.subject else { return None };
    let named = Identity::refund(payment, thing.as_str());
    item.attempts
        .iter()
        .find(|attempt| attempt.intention.identity == named || attempt.reference.as_ref() == Some(thing))
}

/// A return that nobody asked us for, as an attempt that the gateway has already answered.
fn unasked(
    means: &Means,
    item: &Mapping,
    news: &Returned,
    now: Timestamp,
) -> Result<(Attempt, Answer), Failure> {
    let unknown = || Failure::alarm(format!("{} is no payment that money comes back from", item.subject));
    let (Subject::Payment(payment), Some(paid)) = (item.subject, &item.paid) else { return Err(unknown()) };
    let money = news.fact.money;
    let gateway = means.gateways.get(&item.gateway);
    let units = gateway.and_then(|gateway| gateway.minor_units(money.currency)).ok_or_else(unknown)?;
    let identity = Identity::refund(payment, news.thing.as_str());
    let mut attempt = returning(item, paid, payment, identity, money, units, now);
    attempt.by_bank = news.kind == FactKind::Disputed;
    attempt.reference = Some(news.thing.clone());
    attempt.facts.learn(news.kind, news.thing.clone(), news.fact.clone());
    let approval = Approval {
        reference: news.thing.clone(),
        money,
        captured: true,
        token: None,
        card: None,
        capture_before: None,
    };
    Ok((attempt, Answer::Approved(approval)))
}

#[cfg(test)]
mod tests;
