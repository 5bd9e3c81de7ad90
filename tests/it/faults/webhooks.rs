//! Webhooks lost, late, doubled, out of order: W1 to W12.

use super::Row;

pub(super) const WEBHOOKS: [Row; 12] = [
    Row {
        id: "W1",
        what: "acknowledged before it was safe, or an error swallowed into a 200",
        holds: "no 200 without a durable copy, and nothing lost after the next delivery",
        proofs: &[(
            "tests/it/stories/given_back.rs",
            &[
                "a_webhook_is_acknowledged_only_when_a_copy_of_it_is_safe",
                "an_event_that_was_kept_but_not_queued_is_queued_by_the_timer",
            ],
        )],
        defect: Some("acknowledge-before-keep"),
    },
    Row {
        id: "W2",
        what: "unknown kinds are not acknowledged, so that the sender gives up",
        holds: "kept and answered 200",
        proofs: &[
            (
                "tests/it/stories/webhooks.rs",
                &[
                    "an_unknown_topic_is_kept_and_answered_200",
                    "another_connectors_event_is_kept_and_left_alone",
                ],
            ),
            ("tests/it/gateways/adyen_webhooks.rs", &["news_of_a_foreign_account_is_kept_and_ignored"]),
            ("tests/it/gateways/stripe_webhooks.rs", &["everything_else_is_kept_and_ignored"]),
        ],
        defect: None,
    },
    Row {
        id: "W3",
        what: "the webhook arrives before our own write",
        holds: "it waits and comes again",
        proofs: &[(
            "tests/it/stories/doubt.rs",
            &["news_that_is_faster_than_our_own_write_comes_back_and_changes_nothing"],
        )],
        defect: None,
    },
    Row {
        id: "W4",
        what: "repetitions",
        holds: "any number, one effect",
        proofs: &[
            (
                "tests/it/stories/late_news.rs",
                &["news_that_is_repeated_and_reversed_in_order_changes_nothing_more"],
            ),
            ("tests/it/stories/refunds.rs", &["a_repeated_refund_request_returns_the_money_once"]),
            (
                "tests/it/stories/webhooks.rs",
                &["an_event_is_the_same_with_ids_as_numbers_or_texts_and_hours_in_any_zone"],
            ),
        ],
        defect: None,
    },
    Row {
        id: "W5",
        what: "out of order: a capture before its authorisation, a success after a failure",
        holds: "every order ends the same",
        proofs: &[
            (
                "tests/it/properties/facts.rs",
                &["any_order_and_any_repetition_of_news_ends_in_the_same_place"],
            ),
            ("tests/it/stories/late_news.rs", &["a_late_success_that_is_heard_of_before_its_failure_stands"]),
            (
                "shared/attempt/src/late/tests.rs",
                &["every_order_of_a_failed_and_a_repeated_capture_ends_the_same"],
            ),
        ],
        defect: Some("rank-instead-of-facts"),
    },
    Row {
        id: "W6",
        what: "a capture failed after its success, then the gateway's own repetition succeeds",
        holds: "Cleeng hears both and ends right",
        proofs: &[
            (
                "tests/it/stories/late_news.rs",
                &["a_capture_that_fails_after_success_is_told_and_its_late_success_too"],
            ),
            ("tests/it/stories/crashes.rs", &["a_capture_that_fails_and_then_succeeds_is_corrected"]),
        ],
        defect: Some("rank-instead-of-facts"),
    },
    Row {
        id: "W7",
        what: "the signature checked over a parsed or decoded body",
        holds: "over the raw bytes: base64 bodies, UTF-8, a trailing line feed",
        proofs: &[
            ("shared/cleeng/src/webhook/signature.rs", &["every_byte_counts_also_the_last_line_feed"]),
            (
                "tests/it/gateways/stripe_webhooks.rs",
                &["the_vendors_own_signature_is_believed_and_nothing_near_it"],
            ),
            (
                "tests/it/gateways/adyen_webhooks.rs",
                &["a_token_webhook_is_believed_by_its_signature_over_the_raw_body"],
            ),
            ("tests/lambda/samples.rs", &["every_binary_answers_its_sample_events"]),
        ],
        defect: None,
    },
    Row {
        id: "W8",
        what: "the rotation of a key rejects everything, silently",
        holds: "two secrets are live",
        proofs: &[
            ("shared/cleeng/src/webhook/signature.rs", &["both_secrets_are_live_while_one_is_being_rotated"]),
            ("tests/it/gateways/stripe_webhooks.rs", &["while_a_secret_is_rotated_both_are_live"]),
            ("tests/it/gateways/adyen_webhooks.rs", &["two_keys_are_live_while_one_is_rotated"]),
            (
                "tests/lambda/secrets.rs",
                &["a_rotated_secret_is_taken_into_use_and_one_that_does_not_serve_is_not"],
            ),
        ],
        defect: None,
    },
    Row {
        id: "W9",
        what: "our reference is too long, or the gateway changes it",
        holds: "bounded, one for each attempt, and found by the gateway's id too",
        proofs: &[
            (
                "tests/it/properties/keys.rs",
                &[
                    "two_intentions_never_share_a_key_or_a_reference",
                    "an_intention_is_bounded_and_comes_back_from_everything_that_it_was_written_into",
                ],
            ),
            ("tests/it/stories/refunds.rs", &["a_refund_by_hand_of_an_old_renewal_finds_its_payment"]),
        ],
        defect: None,
    },
    Row {
        id: "W10",
        what: "an event of the test mode reaches production",
        holds: "refused and counted",
        proofs: &[
            (
                "tests/it/gateways/stripe_webhooks.rs",
                &["an_event_of_the_other_mode_or_without_sense_is_refused_without_repeating_it"],
            ),
            ("tests/it/gateways/adyen_webhooks.rs", &["an_event_of_the_other_world_is_refused"]),
            ("tests/it/stories/webhooks.rs", &["another_publishers_event_is_refused"]),
        ],
        defect: None,
    },
    Row {
        id: "W11",
        what: "contention drops the event",
        holds: "it goes back to its queue",
        proofs: &[(
            "tests/it/stories/given_back.rs",
            &["a_worker_that_always_comes_second_gives_its_message_back"],
        )],
        defect: None,
    },
    Row {
        id: "W12",
        what: "a bad message blocks its batch",
        holds: "only it fails",
        proofs: &[
            ("shared/entrypoint/src/batch.rs", &["only_what_failed_comes_back_and_a_refusal_does_not"]),
            ("shared/queue/src/event_source.rs", &["only_the_reported_message_returns"]),
        ],
        defect: None,
    },
];
