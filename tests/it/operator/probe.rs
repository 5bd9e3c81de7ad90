//! Probing a sandbox: each item is seen as it is, whichever way Cleeng does it.

use std::time::Duration;

use local::simulators::cleeng::{CleengSimulatorSettings, Quirks, SubscriptionState, offers};
use serde_json::{Value, json};

use super::Ops;

/// The local Cleeng shows subscriptions at once: the clock stands while it is probed.
fn cleeng(quirks: Quirks) -> CleengSimulatorSettings {
    CleengSimulatorSettings {
        quirks,
        subscription_delay: Duration::ZERO,
        ..CleengSimulatorSettings::default()
    }
}

async fn probed(quirks: Quirks) -> (Ops, ops::Report) {
    let methods = super::payment_methods(&[194_856_795, 194_856_797, 320_113_641]);
    let ops = Ops::with(cleeng(quirks), &[("PAYMENT_METHODS", &methods)]).await;
    let made = ops.world.system.peers.cleeng_host.control("customers", &json!({}));
    let customer = serde_json::from_slice::<Value>(made.body()).unwrap()["customerId"].clone();
    let line = format!(
        "probe --customer {customer} --offer {} --trial-offer {} --wait-seconds 0",
        offers::MONTHLY,
        offers::TRIAL
    );
    let report = ops.run(&line).await.unwrap();
    (ops, report)
}

fn verdict<'a>(report: &'a ops::Report, item: &str) -> &'a str {
    let found = report.json["items"].as_array().unwrap().iter().find(|it| it["item"] == item);
    found.unwrap_or_else(|| panic!("no {item} in {}", report.text))["verdict"].as_str().unwrap()
}

#[tokio::test]
async fn a_cleeng_that_does_as_assumed_needs_no_other_setting() {
    let (ops, report) = probed(Quirks::default()).await;
    insta::assert_snapshot!(report.text);
    assert!(!report.needs_a_person, "{}", report.text);
    // Nothing that was made there lives on.
    let left = ops.world.system.peers.cleeng.subscriptions();
    assert!(!left.is_empty() && left.iter().all(|it| it.status == SubscriptionState::Terminated));
}

#[tokio::test]
async fn a_cleeng_that_does_everything_otherwise_is_seen_and_its_settings_are_printed() {
    let (_ops, report) = probed(Quirks {
        orders_bare: true,
        order_methods_ignored: true,
        payments_by_query: true,
        repetition_conflicts: true,
        free_operation: "free-transaction".to_owned(),
        refunded_amount_field: "refundAmount".to_owned(),
        refund_type_field: "type".to_owned(),
        refunds_are_sums: true,
        refunded_reason_hidden: true,
        updates_unanswered: true,
        late_failures_refused: true,
        new_details_kept_only: true,
        ends_by_patch_only: true,
        revival_refused: true,
        dunning_segment: "dunning-actions".to_owned(),
        webhook_secrets_hidden: true,
        ..Quirks::default()
    })
    .await;
    insta::assert_snapshot!(report.text);
    assert!(report.needs_a_person);
    let settings = &report.json["settings"];
    for (name, value) in [
        ("CLEENG_ORDER_PAYMENTS_PATH", "/payments?orderId={orderId}"),
        ("CLEENG_FREE_PAYMENT_OPERATION", "free-transaction"),
        ("CLEENG_REFUNDED_AMOUNT_FIELD", "refundAmount"),
        ("CLEENG_REFUND_TYPE_FIELD", "type"),
        ("CLEENG_TERMINATION", "patch"),
        ("CLEENG_DUNNING_ACTIONS_PATH", "/dunning-actions/{cycle}"),
    ] {
        assert_eq!(settings[name], value, "{name}: {}", report.text);
    }
}

#[tokio::test]
async fn what_no_call_tells_is_said_to_be_unclear() {
    let (_ops, report) = probed(Quirks { refund_type_unchecked: true, ..Quirks::default() }).await;
    assert_eq!(verdict(&report, "name of the refund's type"), "unclear");
    assert!(report.needs_a_person);
    let (_ops, report) = probed(Quirks { inline_details_refused: true, ..Quirks::default() }).await;
    assert_eq!(verdict(&report, "keys of inline payment details"), "OTHERWISE");
    let (_ops, report) = probed(Quirks { ends_twice: true, ..Quirks::default() }).await;
    assert!(report.text.contains("taken again; nothing changes"), "{}", report.text);
    let (_ops, report) = probed(Quirks { requests_per_second_max: Some(55), ..Quirks::default() }).await;
    assert!(report.text.contains("Retry-After 1"), "{}", report.text);
}

#[tokio::test]
async fn nothing_but_a_sandbox_is_probed() {
    for (name, value) in [
        ("CLEENG_API_URL", "https://api.cleeng.com/3.1"),
        ("CLEENG_API_URL", "https://api.sandbox.cleeng.com.evil.example/3.1"),
        ("CONNECTOR_MODE", "live"),
        ("STRIPE_SECRET_KEY", "sk_live_1"),
    ] {
        let ops = Ops::with(CleengSimulatorSettings::default(), &[(name, value)]).await;
        let before = ops.world.system.peers.cleeng.orders().len();
        let told = ops.refusal(&format!("probe --customer 362344331 --offer {}", offers::MONTHLY)).await;
        assert!(told.contains(name), "{told}");
        assert_eq!(ops.world.system.peers.cleeng.orders().len(), before);
    }
}

/// The rows of docs/unverified.md by their first words, and the item that settles each.
const ROWS: [(&str, &str); 42] = [
    ("The operation of a first payment", "operation of a first payment without an amount"),
    ("The path of \"get payment", "path of an order's payments"),
    ("The name of the refunded amount", "name of the refunded amount"),
    ("The name of the refund's type", "name of the refund's type"),
    ("Which of the two documented calls", "call that ends a subscription"),
    ("Path and verb of the dunning", "path and verb of the dunning actions"),
    ("The header of a webhook's", "header of a webhook's signature"),
    ("The encoding of that", "encoding of that signature"),
    ("Whether orders come bare", "orders bare or in an envelope"),
    ("The body of PATCH order", "body of PATCH order"),
    ("The keys of an inline", "keys of inline payment details"),
    ("What PATCH payment answers", "what PATCH payment answers with"),
    ("Whether a body's ids", "ids as integers"),
    ("What a 409 means", "a payment recorded twice, and a 409"),
    ("Whether a second termination", "a second termination"),
    ("`terminationType` of", "reason class of a subscription that the customer had stopped"),
    ("The body of POST subscriptions", "body of POST subscriptions/{id}/revive"),
    ("The payloads of", "payloads of termination, refund, capture and deactivated details"),
    ("Which fields of", "fields of a capture webhook after expirationDate"),
    ("Whether a resent webhook", "whether a resent webhook is byte for byte the same"),
    ("Whether `GET /webhook_sub", "whether secrets of webhook endpoints are shown"),
    ("Numbers of the throttle", "throttle, and Retry-After"),
    ("When a subscription appears", "when a subscription appears after its first payment"),
    ("What Cleeng does with a capture", "a capture after a refused authorisation"),
    ("Whether the refunded amount", "second partial return: part or sum"),
    ("Whether a payment shows", "whether the reason of a return is shown, and how long it may be"),
    ("Whether PATCH payment takes", "a captured payment rejected late, and captured again"),
    ("What a new active record", "what a new active record of a token does"),
    ("Customers' JWT", "a customer's token shown to another customer's account"),
    ("Whether dunning actions can", "path and verb of the dunning actions"),
    ("Whether payment methods can", "whether payment methods are listed"),
    ("A list of payments by", "a list of payments by the gateway's id"),
    (
        "Whether an externally managed subscription loses",
        "access of an externally managed subscription after expiresAt",
    ),
    (
        "How an externally managed subscription that somebody",
        "an externally managed subscription that lapsed, and one that somebody ended",
    ),
    ("What `active` says", "`active` in a billing webhook"),
    ("Whether revive answers", "which subscription revive answers with"),
    (
        "Whether an externally managed subscription wants",
        "payment details of an externally managed subscription",
    ),
    ("Whether a customer can stop", "stopping an externally managed subscription"),
    ("Whether a refund of a payment without", "a refund of a payment without an order"),
    ("Why a second pass", "a second pass of one externalId"),
    ("what", ""),
    ("---", ""),
];

#[tokio::test]
async fn every_row_of_what_is_not_documented_is_settled_or_told_to_a_person() {
    let (_ops, report) = probed(Quirks::default()).await;
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/unverified.md");
    let text = std::fs::read_to_string(docs).unwrap();
    for row in text.lines().filter_map(|line| line.strip_prefix('|')) {
        let row = row.trim();
        let known = ROWS.iter().find(|(begins, _)| row.starts_with(begins));
        let (_, item) = known.unwrap_or_else(|| panic!("no probe settles: {row}"));
        if !item.is_empty() {
            verdict(&report, item);
        }
    }
}
