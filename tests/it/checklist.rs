//! `docs/checklist.md`: Cleeng's connector checklist, row by row, with the tests that play it. Made here, so that it cannot tell
//! of a test that is gone, and no row is without one.

use std::fs;
use std::path::PathBuf;

use settings::Settings;

/// One line of the checklist: who does what by which call, and the stories that play it.
struct Row {
    agent: &'static str,
    action: &'static str,
    call: &'static str,
    tests: &'static [&'static str],
}

/// A flow of the checklist.
struct Flow {
    name: &'static str,
    /// As `cargo run -- lifecycle --flows …` knows it.
    plays: &'static str,
    rows: &'static [Row],
}

const fn row(
    agent: &'static str,
    action: &'static str,
    call: &'static str,
    tests: &'static [&'static str],
) -> Row {
    Row { agent, action, call, tests }
}

const FLOWS: [Flow; 9] = [
    Flow {
        name: "Initial purchase",
        plays: "purchase,three-d-secure,refused-then-paid,pass,event-and-rental",
        rows: &[
            row(
                "front end",
                "collects card data in the gateway's own fields and passes it on with the order",
                "POST /connectors/{gateway}/initial-payment",
                &["bad_input::a_card_number_anywhere_in_a_purchase_is_refused_and_not_repeated"],
            ),
            row(
                "connector",
                "reads amount and currency of the order",
                "GET /orders/{orderId}",
                &[
                    "bad_input::an_unknown_order_and_somebody_elses_get_the_same_answer",
                    "bad_input::an_expired_order_is_not_charged",
                ],
            ),
            row(
                "connector",
                "charges, keeps a recurring token, and records the payment with it",
                "POST /payments captured, paymentDetails",
                &[
                    "purchase::a_purchase_is_charged_told_and_becomes_a_subscription",
                    "purchase::paying_twice_for_one_order_charges_once",
                ],
            ),
            row(
                "connector",
                "records a refusal with its reason",
                "POST /payments rejected",
                &["purchase::a_refused_card_is_told_and_another_one_pays"],
            ),
            row(
                "front end, connector, gateway",
                "3-D Secure before anything is recorded",
                "POST /connectors/{gateway}/initial-payment/finalize",
                &[
                    "purchase::after_3d_secure_the_gateway_is_asked_and_not_the_browser",
                    "purchase::failed_3d_secure_charges_nothing_and_the_order_can_be_paid_again",
                    "late_news::a_buyer_who_never_comes_back_from_authentication_pays_by_the_gateways_news",
                ],
            ),
            row(
                "connector",
                "sells a pass, an event or a rental once, without renewal",
                "POST /payments captured",
                &["single::a_pass_an_event_and_a_film_are_paid_once_and_never_renewed"],
            ),
        ],
    },
    Flow {
        name: "Free trial and zero amounts",
        plays: "trial,coupon",
        rows: &[
            row(
                "connector",
                "verifies the card at zero, keeps the token, records a free transaction",
                "POST /payments captured, initial-free-transaction",
                &[
                    "trial::a_free_trial_keeps_the_card_and_pays_when_it_ends",
                    "trial::a_coupon_that_takes_everything_off_keeps_the_card_and_the_next_period_is_paid",
                ],
            ),
            row(
                "connector",
                "records that the bank will not verify the card",
                "POST /payments rejected",
                &["trial::a_card_that_the_bank_will_not_verify_starts_no_trial"],
            ),
            row(
                "connector",
                "leaves an offer alone that needs no payment details",
                "–",
                &["bad_input::an_order_that_needs_no_payment_says_so"],
            ),
        ],
    },
    Flow {
        name: "Recurring billing in two steps",
        plays: "two-steps,dunning,price-change,late-news",
        rows: &[
            row(
                "Cleeng",
                "asks for the authorisation",
                "subscriptionReadyForPaymentAuthorisation",
                &[
                    "webhooks::twenty_deliveries_of_one_event_at_once_charge_once",
                    "webhooks::a_webhook_without_a_good_signature_changes_nothing",
                ],
            ),
            row(
                "connector",
                "makes the renewal's order, authorises with the stored token, records it",
                "POST /orders, POST /payments authorized",
                &["renewal::a_renewal_is_authorised_before_it_is_due_and_captured_when_it_is"],
            ),
            row(
                "connector",
                "records a refusal; the next dunning date is another try",
                "POST /payments rejected",
                &["renewal::a_refused_renewal_is_told_with_its_reason_and_paid_on_the_next_dunning_date"],
            ),
            row(
                "connector",
                "captures what is authorised when it is due, at the amount that was told",
                "PATCH /payments/{id} captured",
                &[
                    "renewal::a_renewal_is_authorised_before_it_is_due_and_captured_when_it_is",
                    "changes::a_price_that_changes_between_authorisation_and_capture_is_charged_from_the_next_period_on",
                ],
            ),
            row(
                "connector",
                "tells of a capture that failed later, or succeeded after all",
                "PATCH /payments/{id} rejected, captured",
                &["late_news::a_capture_that_fails_after_success_is_told_and_its_late_success_too"],
            ),
            row(
                "connector",
                "makes up for a webhook that never came",
                "GET /subscriptions/{id}",
                &[
                    "renewal::a_renewal_whose_webhooks_never_came_is_found_and_made_up_for_within_a_day",
                    "managed::our_daily_look_and_a_late_webhook_for_the_same_renewal_charge_once",
                ],
            ),
        ],
    },
    Flow {
        name: "Recurring billing in one step",
        plays: "one-step",
        rows: &[
            row(
                "connector",
                "charges when the capture is asked for and nothing is authorised",
                "POST /orders, POST /payments captured",
                &["policies::a_capture_with_nothing_authorised_charges_in_one_step"],
            ),
            row(
                "connector",
                "charges or leaves alone what was refused before, as set",
                "POST /payments captured",
                &[
                    "policies::a_refused_authorisation_is_charged_again_on_its_due_date_only_where_that_is_wanted",
                ],
            ),
            row(
                "Cleeng",
                "asks for an authorised payment to be captured at once",
                "capturePayment, PATCH /payments/{id} captured",
                &["late_news::an_authorised_payment_is_captured_when_cleeng_asks_for_it"],
            ),
        ],
    },
    Flow {
        name: "Termination",
        plays: "end-unpaid,end-stopped,stop-and-resume",
        rows: &[
            row(
                "connector",
                "voids what is authorised, then ends the subscription for its reason",
                "POST /subscriptions/{id}/terminate",
                &[
                    "renewal::a_subscription_that_cannot_pay_is_ended_for_that_reason",
                    "renewal::a_subscription_that_its_customer_stopped_is_ended_at_its_end",
                    "changes::a_customer_who_stops_is_not_charged_and_the_hold_is_let_go",
                ],
            ),
            row(
                "connector",
                "ends it by the older call where that is set",
                "PATCH /subscriptions/{id} terminated",
                &["policies::a_subscription_is_ended_by_the_older_call_where_that_is_set"],
            ),
            row(
                "connector",
                "keeps or forgets the card, as set",
                "DELETE /payment_details/{id}",
                &[
                    "policies::the_card_of_an_ended_subscription_is_kept_or_forgotten_as_set_and_never_while_another_pays_with_it",
                    "policies::a_card_that_still_pays_for_something_else_is_not_forgotten",
                ],
            ),
        ],
    },
    Flow {
        name: "Update of payment details",
        plays: "card-change,details-deactivated",
        rows: &[
            row(
                "front end, connector, gateway",
                "checks the new card at zero, after 3-D Secure where the bank asks for it",
                "POST /connectors/{gateway}/payment-details, …/finalize",
                &["details::a_card_that_asks_for_authentication_is_kept_once_it_has_it"],
            ),
            row(
                "connector",
                "keeps it at Cleeng as the active one; every subscription pays with it",
                "POST /payment_details, PATCH /subscriptions/{id}",
                &[
                    "details::a_new_card_is_kept_by_cleeng_and_pays_the_next_renewal_of_every_subscription",
                    "details::a_new_card_pays_what_the_old_one_could_not",
                ],
            ),
            row(
                "Cleeng",
                "says that payment details are gone",
                "paymentDetailsDeactivated",
                &[
                    "details::details_that_are_deactivated_are_charged_no_more",
                    "details::details_that_are_deactivated_are_not_charged_for_an_offer_that_is_switched_to_either",
                ],
            ),
            row(
                "connector",
                "lists what is authorised on them, voids it, cancels it",
                "GET /payment_details/{id}/authorised_payments, PATCH /payments/{id}/cancel",
                &["details::a_hold_on_the_old_card_is_let_go_and_the_new_one_pays"],
            ),
        ],
    },
    Flow {
        name: "Customers who change their mind",
        plays: "pause,switch,stop-and-resume",
        rows: &[row(
            "connector",
            "charges what they want now; what is held for anything else is let go",
            "POST /orders, PATCH /payments/{id}/cancel",
            &[
                "changes::a_customer_who_stops_and_resumes_pays_once",
                "changes::a_customer_who_pauses_pays_when_the_time_that_was_left_is_over",
                "changes::a_customer_who_switches_pays_the_new_offer_and_the_old_hold_is_let_go",
            ],
        )],
    },
    Flow {
        name: "Refund and chargeback",
        plays: "refund,partial-refund,gateway-refund,chargeback",
        rows: &[
            row(
                "Cleeng",
                "asks for a refund, whole or in part",
                "refundPayment",
                &[
                    "refunds::a_refund_that_cleeng_asks_for_returns_the_money_and_is_told",
                    "refunds::parts_are_returned_one_by_one_and_then_what_is_left",
                ],
            ),
            row(
                "connector",
                "returns the money by the capture's id, once, and records it",
                "PATCH /payments/{id} refunded, refund",
                &[
                    "refunds::a_repeated_refund_request_returns_the_money_once",
                    "refunds::more_than_is_left_is_not_returned",
                    "refunds::a_payment_is_returned_after_its_subscription_has_ended",
                ],
            ),
            row(
                "connector",
                "records a refund that was made at the gateway",
                "PATCH /payments/{id} refunded, refund",
                &[
                    "refunds::a_refund_made_by_hand_is_told_once_and_one_that_cleeng_asks_for_afterwards_knows_of_it",
                ],
            ),
            row(
                "connector",
                "records a chargeback, and writes down its reversal",
                "PATCH /payments/{id} refunded, chargeback",
                &[
                    "chargebacks::a_chargeback_is_told_as_one_and_nothing_more_is_returned",
                    "chargebacks::a_chargeback_that_was_reversed_is_written_down_and_the_money_can_be_returned_again",
                ],
            ),
        ],
    },
    Flow {
        name: "Externally managed purchases",
        plays: "managed,managed-dunning,managed-trial-and-pass",
        rows: &[
            row(
                "connector",
                "records the first payment and makes the subscription",
                "POST /payments, POST /subscriptions",
                &[
                    "managed::a_subscription_of_ours_is_made_when_it_is_paid_and_renewed_by_our_own_calendar",
                    "managed_network::a_purchase_of_ours_is_recorded_and_made_once_whatever_the_network_loses",
                ],
            ),
            row(
                "connector",
                "makes a subscription in trial, whose first renewal ends the trial",
                "POST /subscriptions inTrial, …/renew convertTrial",
                &["managed::a_trial_of_ours_keeps_the_card_and_pays_when_it_ends"],
            ),
            row(
                "connector",
                "charges each period on its own calendar, records it, renews",
                "GET /subscriptions/{id}, POST /payments, POST /subscriptions/{id}/renew",
                &[
                    "managed::our_calendar_and_a_webhook_for_the_same_renewal_charge_once",
                    "managed_network::a_renewal_of_ours_is_recorded_and_prolonged_once_whatever_the_network_loses",
                    "managed_network::a_renewal_of_ours_survives_a_function_that_dies_at_any_of_its_writes",
                ],
            ),
            row(
                "connector",
                "tries a refused card on its own dates, records each refusal",
                "POST /payments rejected",
                &[
                    "managed::a_card_that_is_refused_is_tried_on_our_own_dates_and_keeps_access_meanwhile",
                    "managed::a_card_that_is_refused_for_good_is_not_tried_again",
                    "managed::a_new_card_pays_at_once_what_the_old_one_could_not",
                ],
            ),
            row(
                "connector",
                "ends what cannot be paid, or was stopped",
                "POST /subscriptions/{id}/terminate",
                &[
                    "managed::a_subscription_of_ours_that_cannot_be_paid_ends_after_the_grace",
                    "managed::a_customer_who_stopped_or_ended_or_paused_what_is_ours_is_not_charged",
                ],
            ),
            row(
                "connector",
                "revives what lapsed although it was paid",
                "POST /subscriptions/{id}/revive",
                &["managed_network::what_was_paid_and_lapsed_while_cleeng_was_away_is_revived"],
            ),
            row(
                "connector",
                "makes a pass",
                "POST /passes",
                &["single::a_pass_of_ours_is_recorded_and_made_and_an_event_cannot_be_sold_so"],
            ),
            row(
                "connector",
                "returns money, and records what was returned",
                "PATCH /payments/{id} refunded",
                &["managed::payments_of_ours_are_returned_and_told_like_any_other"],
            ),
        ],
    },
];

#[test]
fn every_row_of_cleengs_checklist_is_played_by_a_test() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for flow in &FLOWS {
        for row in flow.rows {
            assert!(!row.tests.is_empty(), "{}: nothing plays `{}`", flow.name, row.action);
            for test in row.tests {
                let (file, name) = test.split_once("::").unwrap();
                let path = here.join(format!("it/stories/{file}.rs"));
                let text = fs::read_to_string(&path).unwrap_or_default();
                let is_test =
                    text.split("#[tokio::test").skip(1).any(|it| it.contains(&format!("async fn {name}(")));
                assert!(is_test, "{}: no test {test} in {}", flow.name, path.display());
            }
        }
    }
    let path = here.join("../docs/checklist.md");
    if Settings::from_environment().optional("UPDATE_DOCS").unwrap().is_some() {
        fs::write(&path, page()).unwrap();
    }
    let hint = "stale: run it once with UPDATE_DOCS=1";
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page(), "docs/checklist.md is {hint}");
}

fn page() -> String {
    let mut text = String::from(concat!(
        "# Cleeng's connector checklist, and what plays it\n\n",
        "Made by `tests/it/checklist.rs`; every name is a test below `tests/it/stories`, played on both gateways where the\n",
        "gateways do not differ. `cargo run -- lifecycle --flows NAME` plays a flow step by step and compares the three ledgers.\n",
    ));
    for flow in &FLOWS {
        text.push_str(&format!("\n## {}\n\n`--flows {}`\n\n", flow.name, flow.plays));
        text.push_str("| agent | action | API | played by |\n|---|---|---|---|\n");
        for row in flow.rows {
            let tests = row.tests.iter().map(|test| test.replace("::", ": ").replace('_', " "));
            let tests = tests.collect::<Vec<_>>().join("; ");
            text.push_str(&format!("| {} | {} | {} | {tests} |\n", row.agent, row.action, row.call));
        }
    }
    text
}
