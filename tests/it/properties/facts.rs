//! News of one payment is merged: any order and any repetition of the same news ends in the same place.

use attempt::learn;
use jiff::Timestamp;
use ledger::{Mapping, Stage, Standing, Subject};
use payment::{
    Answer, Approval, Fact, FactKind, Facts, GatewayReference, Identity, Intention, Money, Target, Verb,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

type News = (FactKind, GatewayReference, Fact);

const KINDS: [FactKind; 10] = [
    FactKind::Authorised,
    FactKind::Captured,
    FactKind::CaptureFailed,
    FactKind::Declined,
    FactKind::Cancelled,
    FactKind::Expired,
    FactKind::Refunded,
    FactKind::RefundFailed,
    FactKind::Disputed,
    FactKind::DisputeReversed,
];

fn euros(minor: i64) -> Money {
    Money { minor, currency: "EUR".parse().unwrap() }
}

fn news() -> impl Strategy<Value = News> {
    let things = ["pi_1", "re_1", "re_2", "du_1"].map(|thing| thing.parse::<GatewayReference>().unwrap());
    (select(KINDS.to_vec()), select(things.to_vec()), 0_i64..6, 1_i64..4).prop_map(
        |(kind, thing, second, minor)| {
            let at = Timestamp::from_second(1_800_000_000 + second).unwrap();
            (kind, thing, Fact { at, money: euros(minor * 100) })
        },
    )
}

/// Some news, and the same in another order with some of it told again.
fn twice() -> impl Strategy<Value = (Vec<News>, Vec<News>)> {
    vec(news(), 0..12).prop_flat_map(|all| {
        let more = vec(any::<prop::sample::Index>(), 0..8);
        (Just(all), more).prop_flat_map(|(all, more)| {
            let mut again = all.clone();
            if !all.is_empty() {
                again.extend(more.iter().map(|index| index.get(&all).clone()));
            }
            (Just(all), Just(again).prop_shuffle())
        })
    })
}

/// A renewal that was captured, as its item holds it.
fn item() -> (Mapping, Identity) {
    let subscription = 332_332_332_u64.try_into().unwrap();
    let (customer, method) = (7_u64.try_into().unwrap(), 194_856_795_u64.try_into().unwrap());
    let gateway = "stripe".parse::<payment::GatewayName>().unwrap();
    let began = Timestamp::from_second(1_800_000_000).unwrap();
    let identity = Identity::renewal(subscription, began, 1);
    let mut mapping = Mapping::new(
        Subject::Subscription(subscription),
        customer,
        method,
        gateway.clone(),
        Standing::Active,
    );
    let intention = Intention {
        identity: identity.clone(),
        verb: Verb::Charge,
        gateway,
        account: None,
        customer,
        money: euros(300),
        target: Target::Token(payment::Token::new("cus_1|pm_1")),
        order: Some(1_u64.try_into().unwrap()),
        began,
    };
    let mut attempt = attempt::began(
        intention,
        payment::Price { amount: 3.into(), currency: "EUR".parse().unwrap() },
        None,
        None,
    );
    attempt.stage = Stage::Reported(Answer::Approved(Approval {
        reference: "pi_1".parse().unwrap(),
        money: euros(300),
        captured: true,
        token: None,
        card: None,
        capture_before: None,
    }));
    mapping.attempts.push(attempt);
    (mapping, identity)
}

fn taught(all: &[News]) -> (Facts, Option<String>, Option<Timestamp>) {
    let (mut mapping, identity) = item();
    for (kind, thing, fact) in all {
        learn(&mut mapping, &identity, *kind, thing.clone(), fact.clone());
    }
    let correction = attempt::correction(&mapping).map(|correction| format!("{correction:?}"));
    let due = attempt::due(&mapping);
    (mapping.attempts.remove(0).facts, correction, due)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_order_and_any_repetition_of_news_ends_in_the_same_place((told, again) in twice()) {
        let (one, other) = (taught(&told), taught(&again));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.0.holds_money(), other.0.holds_money());
        prop_assert_eq!(one.0.returned_minor(), other.0.returned_minor());
    }

    #[test]
    fn merging_two_halves_is_hearing_all(told in vec(news(), 0..12), split in any::<prop::sample::Index>()) {
        let (left, right) = told.split_at(split.index(told.len() + 1));
        let (mut whole, part) = (Facts::from(left.to_vec()), Facts::from(right.to_vec()));
        whole.merge(&part);
        prop_assert_eq!(&whole, &Facts::from(told));
        let mut again = part;
        again.merge(&whole);
        prop_assert_eq!(&again, &whole);
        let kept: Facts = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
        prop_assert_eq!(kept, whole);
    }
}
