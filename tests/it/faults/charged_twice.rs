//! What charges twice: D1 to D10.

use super::Row;

pub(super) const CHARGED_TWICE: [Row; 10] = [
    Row {
        id: "D1",
        what: "a crash or a lost lock after the gateway's yes; the whole unit is done again",
        holds: "one charge, with a crash at every wait and at every write",
        proofs: &[
            (
                "tests/it/stories/deaths.rs",
                &[
                    "a_purchase_that_dies_at_any_wait_is_charged_once",
                    "a_renewal_that_dies_at_any_wait_is_charged_once",
                ],
            ),
            (
                "tests/it/search/mod.rs",
                &["an_authorisation_that_comes_twice_holds_the_money_once_whatever_is_lost"],
            ),
            ("tests/it/stories/crashes.rs", &["a_refund_is_returned_and_told_once"]),
        ],
        defect: Some("last-writer-wins"),
    },
    Row {
        id: "D2",
        what: "the synchronous answer and the webhook both act",
        holds: "one effect, in every order",
        proofs: &[
            (
                "tests/it/stories/doubt.rs",
                &["news_that_is_faster_than_our_own_write_comes_back_and_changes_nothing"],
            ),
            (
                "tests/it/stories/late_news.rs",
                &["a_buyer_who_never_comes_back_from_authentication_pays_by_the_gateways_news"],
            ),
            (
                "tests/it/stories/twice.rs",
                &["a_buyer_who_comes_back_twice_beside_the_gateways_news_is_recorded_once"],
            ),
        ],
        defect: None,
    },
    Row {
        id: "D3",
        what: "the same renewal event delivered twice within a second",
        holds: "any number of deliveries at once, one charge",
        proofs: &[
            ("tests/it/stories/webhooks.rs", &["twenty_deliveries_of_one_event_at_once_charge_once"]),
            ("tests/it/search/mod.rs", &["a_direct_charge_that_comes_twice_is_made_once"]),
        ],
        defect: Some("last-writer-wins"),
    },
    Row {
        id: "D4",
        what: "two different triggers for one renewal: the webhook and our own schedule",
        holds: "one charge",
        proofs: &[
            (
                "tests/it/stories/twice.rs",
                &[
                    "a_renewal_that_the_daily_comparison_made_up_for_is_not_charged_again_when_its_webhooks_come_after_all",
                ],
            ),
            ("shared/attempt/src/plan/tests.rs", &["the_same_dunning_date_never_starts_a_second_try"]),
        ],
        defect: None,
    },
    Row {
        id: "D5",
        what: "the idempotency key changes between repetitions",
        holds: "the key is a pure function of the attempt",
        proofs: &[
            (
                "tests/it/properties/keys.rs",
                &["an_intention_is_bounded_and_comes_back_from_everything_that_it_was_written_into"],
            ),
            (
                "tests/it/gateways/stripe_requests.rs",
                &["the_same_intention_makes_the_same_bytes_and_another_try_another_key"],
            ),
            (
                "tests/it/gateways/adyen_requests.rs",
                &["the_same_intention_is_asked_in_the_same_words_and_another_try_under_another_key"],
            ),
        ],
        defect: Some("random-key"),
    },
    Row {
        id: "D6",
        what: "the key is too coarse: a new try gets the old refusal replayed",
        holds: "refused, card changed, tried again: a new key, and it can succeed",
        proofs: &[
            ("tests/it/stories/details.rs", &["a_new_card_pays_what_the_old_one_could_not"]),
            (
                "tests/it/stories/renewal.rs",
                &["a_refused_renewal_is_told_with_its_reason_and_paid_on_the_next_dunning_date"],
            ),
            ("tests/it/properties/keys.rs", &["two_intentions_never_share_a_key_or_a_reference"]),
        ],
        defect: None,
    },
    Row {
        id: "D7",
        what: "the gateway has forgotten the key, and a late repetition charges again",
        holds: "after 23 hours (Stripe) or six days (Adyen) it is looked up and not sent",
        proofs: &[
            (
                "tests/it/gateways/contract/broken.rs",
                &["an_intention_is_not_sent_again_when_its_key_may_be_forgotten"],
            ),
            (
                "tests/it/gateways/adyen_payments.rs",
                &["an_old_key_is_never_sent_again_and_a_void_by_our_own_reference_ends_the_doubt"],
            ),
            (
                "tests/it/gateways/stripe_simulator.rs",
                &["a_key_is_executed_once_replayed_for_a_day_and_then_forgotten"],
            ),
        ],
        defect: None,
    },
    Row {
        id: "D8",
        what: "\"same key, other parameters\" or \"in progress\" taken for a refusal",
        holds: "both are unknown",
        proofs: &[
            (
                "tests/it/gateways/stripe_answers.rs",
                &["every_error_is_a_refusal_an_unknown_or_certainly_nothing"],
            ),
            ("tests/it/gateways/adyen_answers.rs", &["whatever_does_not_plainly_say_no_is_unknown"]),
        ],
        defect: Some("decline-on-timeout"),
    },
    Row {
        id: "D9",
        what: "a capture repeated after a time-out captures twice",
        holds: "captured once",
        proofs: &[
            ("tests/it/gateways/contract/broken.rs", &["a_lost_answer_is_found_for_every_verb"]),
            (
                "tests/it/search/mod.rs",
                &["a_capture_beside_its_authorisation_takes_the_money_once_whatever_is_lost"],
            ),
        ],
        defect: Some("capture-without-key"),
    },
    Row {
        id: "D10",
        what: "the expired lease of a money step lets it run again",
        holds: "an expired lease means: find out what happened",
        proofs: &[
            ("shared/attempt/src/plan/tests.rs", &["an_unfinished_try_comes_before_everything_else"]),
            (
                "tests/it/search/mod.rs",
                &["an_authorisation_that_comes_twice_holds_the_money_once_whatever_is_lost"],
            ),
        ],
        defect: Some("lease-reruns"),
    },
];
