//! The calendar of subscriptions that we manage ourselves: when a renewal is tried, tried again, or given up. Pure, so
//! that any hour and any history can be searched.

use jiff::{SignedDuration, Timestamp};
use ledger::{Mapping, Stage, Standing, Subject};
use payment::{FactKind, Identity};

use crate::plan::{RenewalPlan, is_paid, plan_authorisation, unfinished};

/// Our own dunning: when the card of a subscription is tried, and what a refusal for good means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dunning {
    /// Hours before the due date; negative is after it. As Cleeng counts its own.
    pub attempts_hours: Vec<i32>,
    /// Hours of access after the due date; then an unpaid subscription ends.
    pub grace_hours: u32,
    /// Whether a refusal for good ends it at once, though not before what is paid is over. Otherwise the customer may give
    /// another card until the grace is over.
    pub hard_decline_ends: bool,
}

/// What is to be done about a subscription of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnPlan {
    /// Nothing before this hour.
    Wait(Timestamp),
    /// Charge for the period that begins at `period_end`.
    Charge {
        /// The try.
        identity: Identity,
        /// The due date.
        period_end: Timestamp,
        /// The date of the calendar that asks for it.
        asked: Timestamp,
    },
    /// An attempt is unfinished: it comes first.
    Finish(Identity),
    /// It could not be paid: end it.
    End,
    /// A person must look first, or it has ended.
    Nothing,
}

/// Decides what is to be done now. Whatever asks (the timer, a webhook, a new card), the same date starts one try.
///
/// Only refusals that may pass are tried again (`barred` remembers the others). A new card is one more date. Nothing is
/// ended for want of a payment that was never asked for: after an outage the card is tried once although the grace is over.
pub fn plan_own(mapping: &Mapping, dunning: &Dunning, now: Timestamp) -> OwnPlan {
    let (Subject::Subscription(subscription), Some(terms), Some(kept)) =
        (mapping.subject, &mapping.terms, mapping.period_end)
    else {
        return OwnPlan::Nothing;
    };
    if matches!(mapping.standing, Standing::Ending | Standing::Closed) {
        return OwnPlan::Nothing;
    }
    if let Some(open) = unfinished(mapping) {
        return OwnPlan::Finish(open.intention.identity.clone());
    }
    if mapping.attempts.iter().any(|attempt| matches!(attempt.stage, Stage::Parked { .. })) {
        return OwnPlan::Nothing;
    }
    let due = if is_paid(mapping) { terms.next_end(kept) } else { Some(kept) };
    let Some(due) = due else { return OwnPlan::Nothing };
    let from = failed_at(mapping).filter(|_| due == kept).map_or(due, |failed| failed.max(due));
    let over = later(from, i64::from(dunning.grace_hours));
    let (dates, new_card) = dates(mapping, dunning, from, over);
    let Some(asked) = dates.iter().copied().filter(|date| *date <= now).max() else {
        return dates.first().map_or(OwnPlan::Nothing, |first| OwnPlan::Wait(*first));
    };
    let tried = |date: &Timestamp| mapping.attempts.iter().any(|attempt| attempt.asked >= Some(*date));
    if now >= over && !new_card && dates.first().is_some_and(tried) {
        return OwnPlan::End;
    }
    if mapping.barred.is_some() {
        // What failed late may yet be paid after all, and the card was refused for something else.
        let ends = if dunning.hard_decline_ends && from == due { due } else { over };
        return if ends <= now { OwnPlan::End } else { OwnPlan::Wait(ends) };
    }
    if let Some(until) = mapping.not_before.filter(|until| now < *until) {
        return OwnPlan::Wait(until.min(over));
    }
    match plan_authorisation(subscription, Some(mapping), asked, due) {
        RenewalPlan::Start { identity, period_end } => OwnPlan::Charge { identity, period_end, asked },
        RenewalPlan::Finish(identity) => OwnPlan::Finish(identity),
        RenewalPlan::Done => OwnPlan::Wait(dates.into_iter().find(|date| *date > now).unwrap_or(over)),
        RenewalPlan::Stale | RenewalPlan::Ended | RenewalPlan::Parked => OwnPlan::Nothing,
    }
}

/// When a payment of the period failed that had looked well: its dunning counts from then on.
fn failed_at(mapping: &Mapping) -> Option<Timestamp> {
    let failures = mapping.attempts.iter().flat_map(|attempt| attempt.facts.of(FactKind::CaptureFailed));
    failures.map(|(_, fact)| fact.at).max()
}

/// The dates on which a card is tried, in order; a new card that came among them is one, and whether there is one.
fn dates(mapping: &Mapping, dunning: &Dunning, from: Timestamp, over: Timestamp) -> (Vec<Timestamp>, bool) {
    let mut dates: Vec<_> =
        dunning.attempts_hours.iter().map(|hours| later(from, i64::from(*hours).saturating_neg())).collect();
    dates.sort_unstable();
    let first = dates.first().copied();
    let new_card = mapping.capture_asked.filter(|at| first.is_some_and(|first| *at >= first) && *at < over);
    dates.extend(new_card);
    dates.sort_unstable();
    (dates, new_card.is_some())
}

fn later(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(hours)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::began;
    use ledger::{Attempt, ManagedBy, Terms};
    use payment::{
        Answer, Approval, Decline, DeclineClass, DeclineReason, Fact, Intention, Money, Price, Target, Token,
        Verb,
    };

    const DUE: &str = "2027-02-04T09:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn dunning() -> Dunning {
        Dunning { attempts_hours: vec![0, -24, -72], grace_hours: 96, hard_decline_ends: false }
    }

    fn item(answers: &[(&str, Answer)]) -> Mapping {
        let subject = Subject::Subscription("332332332".parse().unwrap());
        let (customer, method) = ("362344331".parse().unwrap(), "194856795".parse().unwrap());
        let price = Price { amount: "6.99".parse().unwrap(), currency: "EUR".parse().unwrap() };
        let new = Mapping::new(subject, customer, method, "stripe".parse().unwrap(), Standing::Active);
        let attempts = (1..).zip(answers).map(|(n, (asked, answer))| {
            let intention = Intention {
                identity: Identity::renewal("332332332".parse().unwrap(), at(DUE), n),
                verb: Verb::Charge,
                gateway: "stripe".parse().unwrap(),
                account: None,
                customer,
                money: Money { minor: 699, currency: price.currency },
                target: Target::Token(Token::new("cus_1|pm_1")),
                order: None,
                began: at(asked),
            };
            let stage = Stage::Reported(answer.clone());
            Attempt { stage, ..began(intention, price, Some(at(asked)), None) }
        });
        Mapping {
            managed_by: ManagedBy::Connector,
            terms: Some(Terms {
                price,
                tax: "1.21".parse().unwrap(),
                period: "P1M".parse().unwrap(),
                trial: None,
                grace_hours: 96,
                anchor: Some(at("2027-01-04T09:00:00Z")),
            }),
            period_end: Some(at(DUE)),
            attempts: attempts.collect(),
            ..new
        }
    }

    fn refused() -> Answer {
        let (class, reason) = (DeclineClass::Soft, DeclineReason::InsufficientFunds);
        Answer::Declined(Decline { class, reason, codes: String::new(), reference: None, retry_after: None })
    }

    fn paid() -> Answer {
        Answer::Approved(Approval {
            reference: "pi_1".parse().unwrap(),
            money: Money { minor: 699, currency: "EUR".parse().unwrap() },
            captured: true,
            token: None,
            card: None,
            capture_before: None,
        })
    }

    fn charges(plan: &OwnPlan) -> Option<(String, Timestamp)> {
        match plan {
            OwnPlan::Charge { identity, asked, .. } => Some((identity.to_string(), *asked)),
            _ => None,
        }
    }

    #[test]
    fn nothing_is_tried_before_its_first_date_and_one_try_is_made_for_each() {
        let plan = |item: &Mapping, now| plan_own(item, &dunning(), at(now));
        assert_eq!(plan(&item(&[]), "2027-02-04T08:59:59Z"), OwnPlan::Wait(at(DUE)));
        let first = charges(&plan(&item(&[]), "2027-02-04T10:00:00Z")).unwrap();
        assert_eq!(first, ("renewal/332332332/20270204T090000Z/1".to_owned(), at(DUE)));
        let tried = item(&[(DUE, refused())]);
        assert_eq!(plan(&tried, "2027-02-04T10:00:00Z"), OwnPlan::Wait(at("2027-02-05T09:00:00Z")));
        let second = charges(&plan(&tried, "2027-02-05T09:00:00Z")).unwrap();
        assert_eq!(second.0, "renewal/332332332/20270204T090000Z/2");
        assert_eq!(plan(&tried, "2027-02-08T09:00:00Z"), OwnPlan::End);
    }

    #[test]
    fn after_an_outage_only_the_latest_date_is_tried() {
        let plan = plan_own(&item(&[]), &dunning(), at("2027-02-07T10:00:00Z"));
        assert_eq!(charges(&plan).unwrap().1, at("2027-02-07T09:00:00Z"));
    }

    #[test]
    fn nothing_ends_for_want_of_a_payment_that_was_never_asked_for() {
        let (long_over, latest) = (at("2027-02-08T20:00:00Z"), "2027-02-07T09:00:00Z");
        let plan = |item: &Mapping| plan_own(item, &dunning(), long_over);
        assert_eq!(charges(&plan(&item(&[]))).unwrap().1, at(latest));
        assert_eq!(plan(&item(&[(latest, refused())])), OwnPlan::End);
        let in_time =
            Mapping { capture_asked: Some(at("2027-02-08T08:59:00Z")), ..item(&[(latest, refused())]) };
        assert_eq!(charges(&plan(&in_time)).unwrap().0, "renewal/332332332/20270204T090000Z/2");
        let too_late = Mapping { capture_asked: Some(at("2027-02-08T09:01:00Z")), ..in_time };
        assert_eq!(plan(&too_late), OwnPlan::End);
    }

    #[test]
    fn a_paid_period_waits_for_the_next_one_counted_from_the_beginning() {
        let item = item(&[(DUE, paid())]);
        let wait = OwnPlan::Wait(at("2027-03-04T09:00:00Z"));
        assert_eq!(plan_own(&item, &dunning(), at("2027-02-04T09:05:00Z")), wait);
        let next = charges(&plan_own(&item, &dunning(), at("2027-03-04T09:00:00Z"))).unwrap();
        assert_eq!(next.0, "renewal/332332332/20270304T090000Z/1");
    }

    #[test]
    fn a_date_before_the_hour_that_the_network_named_moves_to_it_within_the_grace() {
        let refused = item(&[(DUE, refused())]);
        let until = |text| Mapping { not_before: Some(at(text)), ..refused.clone() };
        let second_date = at("2027-02-05T09:00:00Z");
        let days_later = until("2027-02-07T11:00:00Z");
        assert_eq!(plan_own(&days_later, &dunning(), second_date), OwnPlan::Wait(at("2027-02-07T11:00:00Z")));
        assert!(charges(&plan_own(&days_later, &dunning(), at("2027-02-07T11:00:00Z"))).is_some());
        let over = at("2027-02-08T09:00:00Z");
        assert_eq!(plan_own(&until("2027-02-14T09:00:00Z"), &dunning(), second_date), OwnPlan::Wait(over));
    }

    #[test]
    fn a_card_that_is_refused_for_good_is_not_tried_again_but_a_new_one_is_at_once() {
        let Answer::Declined(decline) = refused() else { unreachable!() };
        let hard = Decline { class: DeclineClass::Hard, ..decline };
        let barred = Mapping { barred: Some(hard.clone()), ..item(&[(DUE, Answer::Declined(hard))]) };
        let now = at("2027-02-05T12:00:00Z");
        assert_eq!(plan_own(&barred, &dunning(), now), OwnPlan::Wait(at("2027-02-08T09:00:00Z")));
        let strict = Dunning { hard_decline_ends: true, ..dunning() };
        assert_eq!(plan_own(&barred, &strict, now), OwnPlan::End);
        let early = Dunning { attempts_hours: vec![24], ..strict.clone() };
        let before = at("2027-02-04T08:00:00Z");
        assert_eq!(plan_own(&barred, &early, before), OwnPlan::Wait(at(DUE)), "what is paid is not taken");
        let mut failed = Mapping { attempts: item(&[(DUE, paid())]).attempts, ..barred.clone() };
        let failure = Fact { at: at("2027-02-10T09:00:00Z"), money: failed.attempts[0].intention.money };
        failed.attempts[0].facts.learn(FactKind::CaptureFailed, "CAP1".parse().unwrap(), failure);
        failed.attempts[0].stage = Stage::Reported(refused());
        let wait = OwnPlan::Wait(at("2027-02-14T09:00:00Z"));
        assert_eq!(plan_own(&failed, &strict, at("2027-02-10T09:01:00Z")), wait, "it may be paid after all");
        let new_card = Mapping { barred: None, capture_asked: Some(now), ..barred };
        assert_eq!(charges(&plan_own(&new_card, &dunning(), now)).unwrap().1, now);
    }
}
