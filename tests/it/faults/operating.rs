//! What goes wrong in operating it: O1 to O6.

use super::Row;

pub(super) const OPERATING: [Row; 6] = [
    Row {
        id: "O1",
        what: "empty secrets or placeholders accepted at the start",
        holds: "it does not start, and names the setting",
        proofs: &[
            ("shared/settings/src/lib.rs", &["a_setting_that_is_missing_empty_or_a_placeholder_is_named"]),
            ("tests/lambda/samples.rs", &["a_binary_that_misses_a_setting_does_not_start_and_names_it"]),
        ],
        defect: None,
    },
    Row {
        id: "O2",
        what: "a webhook is left on an old address; setting up wipes another connector's",
        holds: "set-up merges into what is there",
        proofs: &[
            ("shared/cleeng/src/webhook_subscriptions.rs", &["anothers_endpoint_goes_back_as_it_came"]),
            (
                "local/src/simulators/cleeng/tests/setup.rs",
                &["set_up_merges_into_what_is_there_and_a_filter_keeps_others_away"],
            ),
        ],
        defect: None,
    },
    Row {
        id: "O3",
        what: "keys, tokens, card data or e-mail addresses in logs or errors",
        holds: "canaries in every input, none anywhere",
        proofs: &[
            ("tests/it/stories/secrets.rs", &["nothing_secret_is_ever_written_or_answered"]),
            ("shared/cleeng/src/error.rs", &["cleengs_words_lose_addresses_tokens_and_card_numbers"]),
        ],
        defect: None,
    },
    Row {
        id: "O4",
        what: "the function's time runs out in the middle of a charge",
        holds: "not begun when it is too late, and given back",
        proofs: &[(
            "tests/it/stories/given_back.rs",
            &["a_payment_for_which_too_little_time_is_left_is_not_begun_and_goes_back"],
        )],
        defect: None,
    },
    Row {
        id: "O5",
        what: "repetitions inside the request eat the function",
        holds: "bounded, and never past the deadline",
        proofs: &[(
            "shared/wire/tests/three_ways.rs",
            &[
                "a_safe_call_is_repeated_a_bounded_number_of_times",
                "nothing_is_repeated_past_the_deadline_and_nothing_is_sent_after_it",
            ],
        )],
        defect: None,
    },
    Row {
        id: "O6",
        what: "a dead letter that is replayed days later charges something stale",
        holds: "age and state are looked at again",
        proofs: &[
            (
                "tests/it/stories/given_back.rs",
                &["a_dead_letter_that_is_replayed_days_later_charges_nothing_stale"],
            ),
            ("shared/attempt/src/plan/tests.rs", &["a_late_repetition_of_an_earlier_date_starts_nothing"]),
        ],
        defect: None,
    },
];
