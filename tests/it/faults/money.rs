//! Money and tokens: M1 to M10.

use super::Row;

pub(super) const MONEY: [Row; 10] = [
    Row {
        id: "M1",
        what: "minor units: none, two or three decimals, and the gateways' own exceptions",
        holds: "a table for each gateway, exact both ways, no floats",
        proofs: &[
            (
                "shared/gateways/src/stripe/minor_units.rs",
                &["stripes_special_cases_are_counted_as_stripe_counts_them"],
            ),
            (
                "shared/gateways/src/adyen/minor_units.rs",
                &["adyen_counts_four_currencies_unlike_iso_and_refuses_what_it_does_not_know"],
            ),
            (
                "tests/it/properties/money.rs",
                &["what_a_gateway_counts_is_a_price_and_the_same_again", "a_price_is_never_rounded"],
            ),
            ("tests/it/tidy.rs", &["no_float_comes_near_money"]),
        ],
        defect: None,
    },
    Row {
        id: "M2",
        what: "the amount or the currency changed between authorisation and capture",
        holds: "never another amount than was told",
        proofs: &[
            ("tests/it/gateways/stripe_answers.rs", &["another_amount_or_another_customer_rings"]),
            (
                "tests/it/gateways/adyen_answers.rs",
                &["another_amount_than_asked_rings_instead_of_being_believed"],
            ),
            (
                "shared/attempt/src/late/tests.rs",
                &["news_answers_what_is_open_and_only_for_the_amount_that_was_asked"],
            ),
        ],
        defect: None,
    },
    Row {
        id: "M3",
        what: "the authorisation lapsed before its capture",
        holds: "told with its reason, authorised anew",
        proofs: &[
            ("tests/it/stories/late_news.rs", &["a_hold_that_lapsed_at_the_gateway_is_charged_anew"]),
            ("shared/attempt/src/plan/tests.rs", &["a_hold_that_lapsed_is_told_and_charged_anew"]),
        ],
        defect: None,
    },
    Row {
        id: "M4",
        what: "the old card is charged after the customer changed it",
        holds: "the next renewal uses the new one; what is under way is untouched",
        proofs: &[
            (
                "tests/it/stories/details.rs",
                &[
                    "a_new_card_is_kept_by_cleeng_and_pays_the_next_renewal_of_every_subscription",
                    "a_hold_on_the_old_card_is_let_go_and_the_new_one_pays",
                ],
            ),
            ("tests/it/search/mod.rs", &["a_card_that_changes_in_the_middle_holds_the_money_once"]),
        ],
        defect: None,
    },
    Row {
        id: "M5",
        what: "the network renewed the card, and our copy is stale",
        holds: "the gateway's event updates the mapping",
        proofs: &[(
            "tests/it/stories/late_news.rs",
            &["a_card_that_the_network_renewed_may_be_charged_again"],
        )],
        defect: None,
    },
    Row {
        id: "M6",
        what: "a renewal needs authentication (SCA)",
        holds: "refused for that reason, not repeated blindly",
        proofs: &[(
            "tests/it/stories/doubt.rs",
            &["a_renewal_that_needs_authentication_is_refused_for_that_reason_and_asked_once_for_each_date"],
        )],
        defect: None,
    },
    Row {
        id: "M7",
        what: "a refusal for good is tried again; the useful code hides in a sub-field",
        holds: "no further call with that token",
        proofs: &[
            ("tests/it/stories/doubt.rs", &["a_card_that_is_refused_for_good_is_not_asked_again"]),
            (
                "shared/gateways/src/stripe/declines.rs",
                &["the_networks_advice_outranks_the_code_and_the_decline_code_the_code"],
            ),
            (
                "shared/gateways/src/adyen/declines.rs",
                &["the_networks_never_again_outranks_the_gateways_later"],
            ),
        ],
        defect: None,
    },
    Row {
        id: "M8",
        what: "somebody else is charged",
        holds: "subscription, customer and token are checked together",
        proofs: &[
            ("tests/it/gateways/adyen_requests.rs", &["another_customers_card_is_never_charged_or_removed"]),
            ("shared/gateways/src/adyen/token.rs", &["a_token_charges_its_own_customer_alone"]),
            ("tests/it/gateways/stripe_answers.rs", &["another_amount_or_another_customer_rings"]),
            ("tests/it/stories/bad_input.rs", &["an_unknown_order_and_somebody_elses_get_the_same_answer"]),
        ],
        defect: None,
    },
    Row {
        id: "M9",
        what: "an end races the renewal",
        holds: "one comes first; if the charge won, it is returned",
        proofs: &[(
            "tests/it/search/mod.rs",
            &[
                "an_end_that_races_an_authorisation_holds_no_money",
                "an_end_that_races_a_charge_keeps_no_money_for_nothing",
            ],
        )],
        defect: None,
    },
    Row {
        id: "M10",
        what: "a refund mistaken for a chargeback, a reversal before its chargeback",
        holds: "told apart, in any order",
        proofs: &[
            (
                "tests/it/stories/chargebacks.rs",
                &[
                    "a_refund_and_a_chargeback_of_the_rest_are_told_apart",
                    "a_chargeback_that_was_reversed_is_written_down_and_the_money_can_be_returned_again",
                ],
            ),
            (
                "tests/it/gateways/stripe_webhooks.rs",
                &["a_chargeback_is_told_apart_from_a_refund_and_from_an_inquiry"],
            ),
        ],
        defect: None,
    },
];
