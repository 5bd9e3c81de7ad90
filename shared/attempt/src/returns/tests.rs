//! What requests to return money mean, whatever has been returned before them.

use ledger::Standing;
use payment::{Decline, DeclineClass, DeclineReason, Price};

use super::*;

const CENTS: MinorUnits = MinorUnits { digits: 2, multiple_of: 1 };

fn now() -> Timestamp {
    "2027-03-04T09:00:00Z".parse().unwrap()
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: "EUR".parse().unwrap() }
}

/// A payment of 6.99 EUR with these returns.
fn item(attempts: Vec<Attempt>) -> Mapping {
    let payment: PaymentId = "153633108".parse().unwrap();
    let price = Price { amount: "6.99".parse().unwrap(), currency: "EUR".parse().unwrap() };
    let paid = Paid {
        order: Some("696713353".parse().unwrap()),
        reference: "pi_1".parse().unwrap(),
        money: eur(699),
        price,
        first: true,
    };
    let subject = Subject::Payment(payment);
    let (customer, method) = ("362344331".parse().unwrap(), "194856795".parse().unwrap());
    Mapping {
        paid: Some(paid),
        attempts,
        ..Mapping::new(subject, customer, method, "stripe".parse().unwrap(), Standing::Active)
    }
}

fn plan(item: &Mapping, name: Option<&str>, part: Option<i64>) -> RefundPlan {
    plan_refund(item, name, part.map(eur), CENTS, now()).unwrap()
}

fn started(plan: RefundPlan) -> Attempt {
    match plan {
        RefundPlan::Start(attempt) => *attempt,
        other => panic!("{other:?}"),
    }
}

fn done(mut attempt: Attempt) -> Attempt {
    let approval = Approval {
        reference: "re_1".parse().unwrap(),
        money: attempt.intention.money,
        captured: true,
        token: None,
        card: None,
        capture_before: None,
    };
    attempt.stage = Stage::Reported(Answer::Approved(approval));
    attempt
}

#[test]
fn a_repeated_request_returns_money_once_and_two_parts_are_both_returned() {
    let first = started(plan(&item(vec![]), None, Some(200)));
    assert_eq!((first.intention.money, first.price.to_string().as_str()), (eur(200), "2 EUR"));
    let after = item(vec![done(first)]);
    assert_eq!(plan(&after, None, Some(200)), RefundPlan::Done);
    let second = started(plan(&after, None, Some(300)));
    let named = started(plan(&after, Some("r-7"), Some(200)));
    assert_eq!((second.intention.money, named.intention.money), (eur(300), eur(200)));
}

#[test]
fn all_means_what_is_left() {
    let part = done(started(plan(&item(vec![]), None, Some(200))));
    let rest = started(plan(&item(vec![part.clone()]), None, None));
    assert_eq!(rest.intention.money, eur(499));
    let whole = item(vec![part, done(rest)]);
    assert_eq!(plan(&whole, None, None), RefundPlan::Done);
    assert_eq!(plan(&whole, Some("again"), None), RefundPlan::Done);
}

#[test]
fn more_than_was_captured_is_never_returned() {
    let part = done(started(plan(&item(vec![]), None, Some(500))));
    assert_eq!(plan(&item(vec![part]), None, Some(200)), RefundPlan::TooMuch { left: eur(199) });
    assert_eq!(plan(&item(vec![]), None, Some(700)), RefundPlan::TooMuch { left: eur(699) });
}

#[test]
fn what_the_bank_took_counts_until_it_comes_back_and_a_refusal_never_counts() {
    let mut chargeback = done(started(plan(&item(vec![]), Some("dp_1"), None)));
    chargeback.by_bank = true;
    assert_eq!(plan(&item(vec![chargeback.clone()]), None, None), RefundPlan::Done);
    let fact = Fact { at: now(), money: eur(699) };
    chargeback.facts.learn(FactKind::DisputeReversed, "dp_1".parse().unwrap(), fact);
    assert_eq!(started(plan(&item(vec![chargeback]), None, None)).intention.money, eur(699));

    let mut refused = started(plan(&item(vec![]), None, None));
    refused.stage = Stage::Reported(Answer::Declined(Decline {
        class: DeclineClass::Technical,
        reason: DeclineReason::ProcessingError,
        codes: String::new(),
        reference: None,
        retry_after: None,
    }));
    assert_eq!(started(plan(&item(vec![refused]), Some("other"), None)).intention.money, eur(699));
}

#[test]
fn a_return_waits_for_another_that_may_be_under_way_and_counts_it() {
    let first = started(plan(&item(vec![]), None, Some(500)));
    let mut lost = first.clone();
    lost.stage = Stage::Unknown { since: now(), why: "timeout".to_owned() };
    let busy = item(vec![first.clone()]);
    assert_eq!(plan(&busy, None, Some(100)), RefundPlan::After(first.intention.identity.clone()));
    assert_eq!(plan(&busy, None, Some(500)), RefundPlan::Finish(first.intention.identity));
    assert_eq!(plan(&item(vec![lost]), None, Some(200)), RefundPlan::TooMuch { left: eur(199) });
}
