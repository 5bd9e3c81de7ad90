//! What renewal events mean, whatever has been done before them.

use ledger::Subject;
use payment::{Approval, Decline, DeclineClass, DeclineReason, Intention, Money, Price, Target, Token};

use super::*;
use crate::apply::began;

const SUBSCRIPTION: &str = "332332332";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn period_end() -> Timestamp {
    at("2027-02-04T09:00:00Z")
}

/// Dunning dates: 72, 48, 24 and 0 hours before the period's end.
fn asked(hours_before: i64) -> Timestamp {
    period_end() - jiff::SignedDuration::from_hours(hours_before)
}

fn identity(n: u32) -> Identity {
    Identity::renewal(SUBSCRIPTION.parse().unwrap(), period_end(), n)
}

fn start(n: u32) -> RenewalPlan {
    RenewalPlan::Start { identity: identity(n), period_end: period_end() }
}

fn attempt(identity: Identity, verb: Verb, asked: Option<Timestamp>, stage: Stage) -> Attempt {
    let eur = "EUR".parse().unwrap();
    let intention = Intention {
        identity,
        verb,
        gateway: "stripe".parse().unwrap(),
        account: None,
        customer: "123123123".parse().unwrap(),
        money: Money { minor: 699, currency: eur },
        target: Target::Token(Token::new("cus_1|pm_1")),
        order: Some("696713353".parse().unwrap()),
        began: at("2027-02-01T09:00:00Z"),
    };
    let price = Price { amount: "6.99".parse().unwrap(), currency: eur };
    Attempt { stage, ..began(intention, price, asked, Some("900000001".parse().unwrap())) }
}

fn approved(captured: bool) -> Answer {
    Answer::Approved(Approval {
        reference: "pi_1".parse().unwrap(),
        money: Money { minor: 699, currency: "EUR".parse().unwrap() },
        captured,
        token: None,
        card: None,
        capture_before: Some(at("2027-02-06T03:00:00Z")),
    })
}

fn refused() -> Answer {
    Answer::Declined(Decline {
        class: DeclineClass::Soft,
        reason: DeclineReason::InsufficientFunds,
        codes: String::new(),
        reference: None,
        retry_after: None,
    })
}

fn with(attempts: Vec<Attempt>) -> Mapping {
    let subject = Subject::Subscription(SUBSCRIPTION.parse().unwrap());
    let (customer, method) = ("123123123".parse().unwrap(), "194856795".parse().unwrap());
    Mapping {
        version: 1,
        offer: Some("S123123123_NL".parse().unwrap()),
        country: Some("NL".to_owned()),
        details: Some("665665665".parse().unwrap()),
        token: Some(Token::new("cus_1|pm_1")),
        period_end: Some(period_end()),
        attempts,
        ..Mapping::new(subject, customer, method, "stripe".parse().unwrap(), Standing::Active)
    }
}

fn plan(mapping: &Mapping, asked: Timestamp) -> RenewalPlan {
    plan_authorisation(SUBSCRIPTION.parse().unwrap(), Some(mapping), asked, period_end())
}

fn capture(mapping: &Mapping, asked: Timestamp, now: &str) -> CapturePlan {
    plan_capture(SUBSCRIPTION.parse().unwrap(), Some(mapping), asked, Some(period_end()), at(now))
}

fn try_of(n: u32, hours_before: i64, stage: Stage) -> Attempt {
    attempt(identity(n), Verb::Authorise, Some(asked(hours_before)), stage)
}

#[test]
fn the_same_dunning_date_never_starts_a_second_try() {
    let refused = with(vec![try_of(1, 72, Stage::Reported(refused()))]);
    assert_eq!(plan(&refused, asked(72)), RenewalPlan::Done);
    assert_eq!(plan(&refused, asked(48)), start(2));
}

#[test]
fn a_late_repetition_of_an_earlier_date_starts_nothing() {
    let twice =
        with(vec![try_of(1, 72, Stage::Reported(refused())), try_of(2, 48, Stage::Reported(refused()))]);
    assert_eq!(plan(&twice, asked(72)), RenewalPlan::Done);
    assert_eq!(plan(&twice, asked(24)), start(3));
}

#[test]
fn an_unfinished_try_comes_before_everything_else() {
    for stage in [
        Stage::Intended,
        Stage::Unknown { since: asked(72), why: "timeout".to_owned() },
        Stage::Answered(approved(false)),
    ] {
        let open = with(vec![try_of(1, 72, stage)]);
        assert_eq!(plan(&open, asked(48)), RenewalPlan::Finish(identity(1)));
        assert_eq!(
            capture(&open, asked(0), "2027-02-04T09:00:00Z"),
            CapturePlan::Other(RenewalPlan::Finish(identity(1)))
        );
    }
}

#[test]
fn nothing_new_starts_while_a_person_must_look() {
    let parked = with(vec![try_of(1, 72, Stage::Parked { since: asked(72), why: "timeout".to_owned() })]);
    assert_eq!(plan(&parked, asked(48)), RenewalPlan::Parked);
    assert_eq!(capture(&parked, asked(0), "2027-02-04T09:00:00Z"), CapturePlan::Other(RenewalPlan::Parked));
}

#[test]
fn what_certainly_never_happened_is_done_again_under_the_same_identity() {
    let withdrawn = with(vec![try_of(1, 72, Stage::Withdrawn { why: "not sent".to_owned() })]);
    assert_eq!(plan(&withdrawn, asked(72)), start(1));
    assert_eq!(plan(&withdrawn, asked(48)), start(2));
}

#[test]
fn an_authorised_period_is_captured_once() {
    let held = with(vec![try_of(1, 72, Stage::Reported(approved(false)))]);
    assert_eq!(plan(&held, asked(48)), RenewalPlan::Done);
    assert_eq!(capture(&held, asked(0), "2027-02-04T09:00:00Z"), CapturePlan::Capture(identity(1)));
    let step = attempt(identity(1).capture(), Verb::Capture, None, Stage::Reported(approved(true)));
    let taken = with(vec![try_of(1, 72, Stage::Reported(approved(false))), step]);
    assert_eq!(capture(&taken, asked(0), "2027-02-04T09:00:00Z"), CapturePlan::Other(RenewalPlan::Done));
    assert_eq!(plan(&taken, asked(0)), RenewalPlan::Done);
}

#[test]
fn a_hold_that_lapsed_is_told_and_charged_anew() {
    let held = with(vec![try_of(1, 72, Stage::Reported(approved(false)))]);
    let late = "2027-02-06T03:00:00Z";
    assert_eq!(capture(&held, asked(-42), late), CapturePlan::Lapsed(identity(1)));
    let step = attempt(identity(1).capture(), Verb::Capture, None, Stage::Reported(refused()));
    let told = with(vec![try_of(1, 72, Stage::Reported(approved(false))), step]);
    assert_eq!(capture(&told, asked(-42), late), CapturePlan::Nothing(start(2)));
}

#[test]
fn a_hold_that_was_let_go_pays_nothing() {
    let void = attempt(identity(1).cancel(), Verb::Cancel, None, Stage::Reported(approved(false)));
    let let_go = with(vec![try_of(1, 72, Stage::Reported(approved(false))), void]);
    assert_eq!(plan(&let_go, asked(24)), start(2));
    assert_eq!(capture(&let_go, asked(0), "2027-02-04T09:00:00Z"), CapturePlan::Nothing(start(2)));
}

#[test]
fn a_period_end_that_moves_while_dunning_is_still_the_same_period() {
    let held = with(vec![try_of(1, 72, Stage::Reported(approved(false)))]);
    let moved = period_end() + jiff::SignedDuration::from_hours(26);
    assert_eq!(
        plan_authorisation(SUBSCRIPTION.parse().unwrap(), Some(&held), asked(-24), moved),
        RenewalPlan::Done
    );
}

#[test]
fn the_next_period_starts_its_own_tries_and_an_older_one_starts_nothing() {
    let taken = with(vec![
        try_of(1, 72, Stage::Reported(approved(false))),
        attempt(identity(1).capture(), Verb::Capture, None, Stage::Reported(approved(true))),
    ]);
    let next_end = at("2027-03-04T09:00:00Z");
    let next = Identity::renewal(SUBSCRIPTION.parse().unwrap(), next_end, 1);
    let plan = |end| {
        plan_authorisation(SUBSCRIPTION.parse().unwrap(), Some(&taken), at("2027-03-01T09:00:00Z"), end)
    };
    assert_eq!(plan(next_end), RenewalPlan::Start { identity: next, period_end: next_end });
    assert_eq!(plan(at("2027-01-04T09:00:00Z")), RenewalPlan::Stale);
}

#[test]
fn nothing_starts_on_a_subscription_that_ends() {
    for standing in [Standing::Ending, Standing::Closed] {
        let ending = Mapping { standing, ..with(Vec::new()) };
        assert_eq!(plan(&ending, asked(72)), RenewalPlan::Ended);
    }
}
