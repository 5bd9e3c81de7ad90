//! Identities, keys and references are injective, stable and bounded: two intentions never share one, and one intention
//! never has two.

use std::str::FromStr;

use jiff::Timestamp;
use payment::{Identity, Reference};
use proptest::prelude::*;
use proptest::sample::select;

/// What an identity is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Business {
    Purchase(u64, u32),
    Renewal(u64, i64, u32),
    Details(u64, u32),
    Refund(u64, String),
    Payment(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Capture,
    Cancel,
    Undo,
}

type Made = (Business, Vec<Step>);

/// Cleeng's ids have at most fifteen digits here; small ones meet more often.
fn ids() -> impl Strategy<Value = u64> {
    prop_oneof![1_u64..30, 1_u64..=999_999_999_999_999]
}

fn tries() -> impl Strategy<Value = u32> {
    prop_oneof![1_u32..4, 1_u32..=100_000]
}

/// Any words, those that look like a step, and those that look like the digest of others.
fn names() -> impl Strategy<Value = String> {
    let known = ["", "undo", "capture", "cancel", "a/b", "a.b", "a-b", "~a", "x/undo", "re_1", "all"];
    let digest = Identity::refund(1_u64.try_into().unwrap(), "a/b").as_str()[9..].to_owned();
    prop_oneof![select(known.map(str::to_owned).to_vec()), Just(digest), "[a-zA-Z0-9_-]{1,60}", ".{0,200}"]
}

/// The years 2000 to 2100.
fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![1_800_000_000_i64..1_800_000_010, 946_684_800_i64..4_102_444_800]
}

fn made() -> impl Strategy<Value = Made> {
    let business = prop_oneof![
        (ids(), tries()).prop_map(|(id, n)| Business::Purchase(id, n)),
        (ids(), seconds(), tries()).prop_map(|(id, end, n)| Business::Renewal(id, end, n)),
        (ids(), tries()).prop_map(|(id, n)| Business::Details(id, n)),
        (ids(), names()).prop_map(|(id, name)| Business::Refund(id, name)),
        ids().prop_map(Business::Payment),
    ];
    let steps = select(vec![
        vec![],
        vec![Step::Capture],
        vec![Step::Cancel],
        vec![Step::Undo],
        vec![Step::Capture, Step::Undo],
    ]);
    (business, steps).prop_map(|(business, steps)| {
        // What is returned is not captured or let go.
        let returned = matches!(business, Business::Refund(..)) && !steps.is_empty();
        (business, if returned { vec![Step::Undo] } else { steps })
    })
}

fn identity((business, steps): &Made) -> (Identity, Identity) {
    let base = match business {
        Business::Purchase(id, n) => Identity::purchase((*id).try_into().unwrap(), *n),
        Business::Renewal(id, end, n) => {
            Identity::renewal((*id).try_into().unwrap(), Timestamp::from_second(*end).unwrap(), *n)
        }
        Business::Details(id, n) => Identity::details((*id).try_into().unwrap(), *n),
        Business::Refund(id, name) => Identity::refund((*id).try_into().unwrap(), name),
        Business::Payment(id) => Identity::payment((*id).try_into().unwrap()),
    };
    let whole = steps.iter().fold(base.clone(), |identity, step| match step {
        Step::Capture => identity.capture(),
        Step::Cancel => identity.cancel(),
        Step::Undo => identity.undo(),
    });
    (base, whole)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn two_intentions_never_share_a_key_or_a_reference(one in made(), other in made()) {
        let ((_, first), (_, second)) = (identity(&one), identity(&other));
        prop_assert_eq!(one == other, first == second);
        prop_assert_eq!(one == other, first.key() == second.key());
        prop_assert_eq!(one == other, first.reference() == second.reference());
        // Nor does a further call of the one, such as making the gateway's customer, with the other.
        prop_assert_ne!(first.key_for("customer"), second.key());
    }

    #[test]
    fn an_intention_is_bounded_and_comes_back_from_everything_that_it_was_written_into(one in made()) {
        let (base, identity) = identity(&one);
        prop_assert!(identity.reference().as_str().len() <= 80, "Adyen's bound: {}", identity);
        prop_assert_eq!(identity.key().as_str().len(), 64);
        prop_assert_eq!(Identity::from_str(identity.as_str()).unwrap(), identity.clone());
        prop_assert_eq!(Reference::identity(identity.reference().as_str()), Some(identity.clone()));
        prop_assert_eq!(identity.is_undo(), one.1.last() == Some(&Step::Undo));
        prop_assert_eq!(identity.base(), base);
    }

    #[test]
    fn no_foreign_reference_breaks_the_reader(text in ".{0,120}") {
        if let Some(identity) = Reference::identity(&text) {
            prop_assert_eq!(Identity::from_str(identity.as_str()).unwrap(), identity);
        }
    }
}
