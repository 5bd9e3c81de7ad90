//! `docs/gateways.md`: which verb of which gateway is proven by what. Made here, so that it cannot tell of a proof that is gone.

use std::fs;
use std::path::PathBuf;

use settings::Settings;

/// A verb, and the tests that prove it: in the suite that every adapter passes, and in each gateway's own files.
struct Row {
    verb: &'static str,
    suite: &'static [&'static str],
    stripe: &'static [&'static str],
    adyen: &'static [&'static str],
}

const ROWS: [Row; 10] = [
    Row {
        verb: "checkout",
        suite: &[],
        stripe: &["every_write_is_valid_by_both_official_descriptions"],
        adyen: &["the_page_gets_public_values_only"],
    },
    Row {
        verb: "authorise (buyer present)",
        suite: &["a_purchase_is_charged_once_and_keeps_the_card", "a_refusal_is_an_answer_with_its_class"],
        stripe: &["every_write_is_valid_by_both_official_descriptions"],
        adyen: &["every_request_fits_both_official_descriptions"],
    },
    Row {
        verb: "resume (3-D Secure, redirect)",
        suite: &["a_challenged_purchase_ends_when_the_buyer_comes_back", "a_failed_challenge_is_a_refusal"],
        stripe: &[],
        adyen: &["a_challenge_is_passed_in_two_steps_and_charges_once"],
    },
    Row {
        verb: "verify (zero amount)",
        suite: &["a_card_is_verified_at_zero"],
        stripe: &["every_write_is_valid_by_both_official_descriptions"],
        adyen: &["a_free_trial_keeps_the_card_and_takes_nothing"],
    },
    Row {
        verb: "authorise off-session",
        suite: &["a_stored_card_is_held_then_captured_once", "a_stored_card_is_charged_at_once"],
        stripe: &["every_write_is_valid_by_both_official_descriptions"],
        adyen: &["only_an_authorisation_is_held"],
    },
    Row {
        verb: "capture",
        suite: &["a_stored_card_is_held_then_captured_once"],
        stripe: &["every_write_is_valid_by_both_official_descriptions"],
        adyen: &["a_received_modification_counts_as_done_and_an_unread_one_does_not"],
    },
    Row {
        verb: "cancel (void)",
        suite: &["a_hold_is_let_go_once"],
        stripe: &["every_write_is_valid_by_both_official_descriptions"],
        adyen: &["a_modification_that_comes_too_late_fails_by_webhook"],
    },
    Row {
        verb: "refund, whole and in part",
        suite: &["a_payment_is_returned_in_parts_and_never_beyond"],
        stripe: &["every_write_is_valid_by_both_official_descriptions"],
        adyen: &["a_subscription_lives_from_purchase_to_refund_and_both_ledgers_agree"],
    },
    Row {
        verb: "resolve (a lost answer)",
        suite: &[
            "a_lost_answer_is_found_for_every_verb",
            "a_lost_request_is_made_good_for_every_verb_without_a_buyer",
            "an_intention_is_not_sent_again_when_its_key_may_be_forgotten",
        ],
        stripe: &[],
        adyen: &["an_old_key_is_never_sent_again_and_a_void_by_our_own_reference_ends_the_doubt"],
    },
    Row {
        verb: "read webhooks",
        suite: &["a_lost_answer_is_told_by_webhook_with_our_attempt"],
        stripe: &[],
        adyen: &["what_banks_do_later_arrives_as_news_of_the_same_payment"],
    },
];

/// What the tests count while they prove; each asserts its own row, so that none can shrink in silence.
const COUNTS: [(&str, usize); 13] = [
    ("Stripe: requests valid by both descriptions (2023-08-16, 2026-10-28.endive)", 22),
    ("Stripe: faulty requests refused by the descriptions", 14),
    ("Stripe: variants of 3 official samples read, none as a refusal", 598),
    ("Stripe: kinds of the simulator's events that have the official shape", 16),
    ("Adyen: requests valid by both descriptions (v71, v72)", 28),
    ("Adyen: faulty requests refused by the descriptions", 336),
    ("Adyen: official answers read", 11),
    ("Adyen: official webhooks read", 23),
    ("Adyen: kinds of the simulator's webhooks that have the official shape", 12),
    ("Stripe: webhooks signed by its own library and believed", 4),
    ("Stripe: the simulator's webhooks believed by its own library", 10),
    ("Adyen: webhooks signed by its own library and believed", 4),
    ("Adyen: the simulator's webhooks believed by its own library", 15),
];

/// How many of something `docs/gateways.md` promises.
pub(super) fn count(row: &str) -> usize {
    let known = COUNTS.iter().find(|(name, _)| *name == row);
    known.map(|(_, count)| *count).unwrap_or_else(|| panic!("no row named {row}"))
}

#[test]
fn the_table_of_verbs_and_their_proofs_is_true() {
    let sources = sources();
    for row in &ROWS {
        for (file, tests) in [("contract", row.suite), ("stripe", row.stripe), ("adyen", row.adyen)] {
            for test in tests {
                let place = sources.iter().filter(|(name, _)| name.starts_with(file));
                let proven = place.into_iter().any(|(_, text)| text.contains(&format!("fn {test}(")));
                assert!(proven, "{}: no test named {test} in tests/it/gateways/{file}*", row.verb);
            }
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/gateways.md");
    if Settings::from_environment().optional("UPDATE_DOCS").unwrap().is_some() {
        fs::write(&path, table()).unwrap();
    }
    let hint = "stale: run it once with UPDATE_DOCS=1";
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), table(), "docs/gateways.md is {hint}");
}

fn table() -> String {
    let mut text = String::from(concat!(
        "# Gateways: what each verb is proven by\n\n",
        "Made by `tests/it/gateways/table.rs`; every name is a test. The first column of proofs is the suite that every adapter\n",
        "passes against its own simulator, over a network that loses answers on purpose (`tests/it/gateways/contract`).\n\n",
        "| verb | both, by the same suite | Stripe alone | Adyen alone |\n|---|---|---|---|\n",
    ));
    for row in &ROWS {
        let names =
            |tests: &[&str]| tests.iter().map(|test| test.replace('_', " ")).collect::<Vec<_>>().join("; ");
        let cells = [names(row.suite), names(row.stripe), names(row.adyen)];
        text.push_str(&format!("| {} | {} |\n", row.verb, cells.join(" | ")));
    }
    text.push_str(concat!(
        "\n## What was counted\n\n",
        "By the tests themselves, against the vendors' official API descriptions (`GATEWAY_SPECS_DIR`, else `../shared/specs`) and\n",
        "their own Node libraries (`tests/vendors`). A test that finds another number fails; without descriptions or libraries it\n",
        "says `SKIPPED` on standard error.\n\n",
        "| what | how many |\n|---|---|\n",
    ));
    for (what, count) in COUNTS {
        text.push_str(&format!("| {what} | {count} |\n"));
    }
    text
}

fn sources() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("it/gateways");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            for inner in fs::read_dir(&path).unwrap() {
                let inner = inner.unwrap().path();
                found.push((name.clone(), fs::read_to_string(inner).unwrap_or_default()));
            }
        } else {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found
}
