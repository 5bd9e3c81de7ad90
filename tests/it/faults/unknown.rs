//! What nobody knows the outcome of: U1 to U4.

use super::Row;

pub(super) const UNKNOWN: [Row; 4] = [
    Row {
        id: "U1",
        what: "the gateway charged, its answer was lost, the buyer is told \"failed\" and pays again",
        holds: "it stays unknown, and turns out paid",
        proofs: &[(
            "tests/it/stories/doubt.rs",
            &["a_buyer_whose_answer_was_lost_is_not_told_refused_and_has_paid"],
        )],
        defect: Some("decline-on-timeout"),
    },
    Row {
        id: "U2",
        what: "no id of the gateway's was received, so nothing can be looked up",
        holds: "looked up by our own reference",
        proofs: &[
            (
                "tests/it/gateways/contract/broken.rs",
                &[
                    "a_lost_answer_is_found_for_every_verb",
                    "a_lost_answer_is_told_by_webhook_with_our_attempt",
                ],
            ),
            ("tests/it/gateways/stripe_answers.rs", &["two_payments_of_one_attempt_are_for_a_person"]),
        ],
        defect: None,
    },
    Row {
        id: "U3",
        what: "failed automatically after some looks, although it was charged",
        holds: "left to a person, never refused",
        proofs: &[
            (
                "tests/it/stories/doubt.rs",
                &["a_renewal_of_which_nobody_hears_again_is_parked_and_never_refused"],
            ),
            ("shared/attempt/src/plan/tests.rs", &["nothing_new_starts_while_a_person_must_look"]),
        ],
        defect: None,
    },
    Row {
        id: "U4",
        what: "5xx with a page in HTML, 200 that carries a failure, a body cut in half",
        holds: "unknown, and nothing breaks",
        proofs: &[
            ("tests/it/gateways/contract/broken.rs", &["a_broken_answer_leaves_the_outcome_unknown"]),
            (
                "tests/it/properties/parsers.rs",
                &["an_answer_that_is_no_json_is_neither_yes_nor_no", "an_answer_of_any_json_breaks_nothing"],
            ),
            ("shared/wire/tests/three_ways.rs", &["what_breaks_after_the_first_byte_is_unknown"]),
        ],
        defect: None,
    },
];
