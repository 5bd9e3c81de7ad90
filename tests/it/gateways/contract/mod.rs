//! What every adapter does against its simulator: one suite, run over a network that loses answers on purpose.
//!
//! An adapter plugs in by a function that makes a [`Bench`] and one line: `crate::gateways::contract::suite!(bench);`.

mod bench;
mod broken;
mod ordinary;

pub(crate) use bench::*;
pub(crate) use broken::*;
pub(crate) use ordinary::*;

/// Makes the whole suite of one adapter.
macro_rules! suite {
    ($bench:path) => {
        $crate::gateways::contract::suite!(@ $bench:
            a_purchase_is_charged_once_and_keeps_the_card
            a_challenged_purchase_ends_when_the_buyer_comes_back
            a_failed_challenge_is_a_refusal
            a_refusal_is_an_answer_with_its_class
            a_card_is_verified_at_zero
            a_stored_card_is_held_then_captured_once
            a_stored_card_is_charged_at_once
            a_stored_card_that_is_refused_says_why
            a_hold_is_let_go_once
            a_payment_is_returned_in_parts_and_never_beyond
            a_refused_connection_did_nothing
            a_throttled_request_did_nothing
            a_broken_answer_leaves_the_outcome_unknown
            a_lost_answer_is_found_for_every_verb
            a_lost_answer_is_told_by_webhook_with_our_attempt
            a_lost_request_is_made_good_for_every_verb_without_a_buyer
            a_lost_purchase_is_absent_only_when_no_request_can_still_arrive
            a_lost_refusal_is_found_as_a_refusal
            an_intention_is_not_sent_again_when_its_key_may_be_forgotten
            a_refund_that_was_lost_is_not_mistaken_for_the_payment_that_stands
            a_forgotten_card_cannot_be_charged
            a_raw_card_number_is_refused_before_anything_is_sent
        );
    };
    (@ $bench:path: $($name:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let bench = $bench();
            $crate::gateways::contract::$name(&bench).await;
            let none: Vec<String> = Vec::new();
            assert_eq!((bench.violations)(), none);
        }
    )*};
}
pub(crate) use suite;
