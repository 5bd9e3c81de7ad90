//! Setting Cleeng up: all topics come here, and nobody else loses theirs.

use cleeng::webhook::Topic;
use local::simulators::cleeng::{CleengSimulatorSettings, Quirks};
use serde_json::json;

use super::{Ops, foreign};

fn fresh() -> CleengSimulatorSettings {
    CleengSimulatorSettings { webhook_url: None, ..CleengSimulatorSettings::default() }
}

const OURS: &str = "http://connector.test/webhooks/cleeng";

#[tokio::test]
async fn a_new_publisher_is_set_up_beside_another_connector() {
    let ops = Ops::with(fresh(), &[]).await;
    ops.at_cleeng("PUT", "/webhook_subscriptions/refundPayment", &json!([foreign()]));
    let would = ops.json("setup --dry-run").await;
    assert!(would.contains("not sent here, beside other.example/…"), "{would}");
    assert_eq!(ops.endpoints(&Topic::Capture).await.len(), 0, "a dry run writes nothing");

    let report = ops.run("setup").await.unwrap();
    assert!(!report.needs_a_person, "{}", report.text);
    for topic in Topic::OURS {
        let ours = ops.endpoints(&topic).await.into_iter().filter(|it| it.url() == OURS).collect::<Vec<_>>();
        assert!(matches!(ours.as_slice(), [one] if one.is_signed() && one.method().is_none()), "{topic}");
    }
    let theirs = ops.endpoints(&Topic::Refund).await.into_iter().find(|it| it.url() != OURS).unwrap();
    let mut kept = serde_json::to_value(&theirs).unwrap();
    kept.as_object_mut().unwrap().remove("topic");
    assert_eq!(kept, foreign(), "another's endpoint goes back as it came");

    let again = ops.json("setup").await;
    assert!(again.contains("sent here") && !again.contains("not sent here"), "{again}");
    assert!(ops.text("doctor").await.contains("Nothing is wrong."));

    ops.json("setup --remove").await;
    for topic in Topic::OURS {
        assert!(ops.endpoints(&topic).await.iter().all(|it| it.url() != OURS), "{topic}");
    }
    assert_eq!(ops.endpoints(&Topic::Refund).await.len(), 1, "the other connector stays");
}

#[tokio::test]
async fn a_signed_endpoint_whose_secret_is_kept_back_is_never_written_over() {
    let quirks = Quirks { webhook_secrets_hidden: true, ..Quirks::default() };
    let ops = Ops::with(CleengSimulatorSettings { quirks, ..fresh() }, &[]).await;
    ops.at_cleeng("PUT", "/webhook_subscriptions/refundPayment", &json!([foreign()]));
    let report = ops.run("setup").await.unwrap();
    assert!(
        report.needs_a_person && report.json.to_string().contains("Cleeng keeps its secret back"),
        "{}",
        report.text
    );
    let left = ops.endpoints(&Topic::Refund).await;
    assert!(matches!(left.as_slice(), [only] if only.url() == "https://other.example/hooks/a1"));
    // Our own signed endpoints are as they should be, although Cleeng does not show with which secret.
    assert_eq!(ops.endpoints(&Topic::Capture).await.len(), 1);
    assert!(ops.json("setup").await.contains("sent here"));
}

#[tokio::test]
async fn only_payloads_that_name_the_payment_method_are_filtered_by_it() {
    let methods = r#"[{"paymentMethodId":194856795,"gateway":"stripe","capture":"manual"}]"#;
    let ops = Ops::with(fresh(), &[("PAYMENT_METHODS", methods)]).await;
    ops.json("setup").await;
    for topic in Topic::OURS {
        let filtered = ops.endpoints(&topic).await[0].method().map(payment::PaymentMethodId::number);
        assert_eq!(filtered, topic.names_method().then_some(194_856_795), "{topic}");
    }
}

#[tokio::test]
async fn an_older_address_is_given_up_only_when_it_is_named() {
    let old = "https://old.example/webhooks/cleeng";
    let cleeng = CleengSimulatorSettings { webhook_url: Some(old.to_owned()), ..fresh() };
    let ops = Ops::with(cleeng, &[]).await;
    ops.json("setup").await;
    assert_eq!(ops.endpoints(&Topic::Capture).await.len(), 2);
    ops.json(&format!("setup --moved-from {old}")).await;
    let left = ops.endpoints(&Topic::Capture).await;
    assert!(matches!(left.as_slice(), [only] if only.url() == OURS), "{left:?}");
}

#[tokio::test]
async fn dunning_follows_the_payment_methods_and_keeps_the_publishers_hours() {
    let methods = r#"[{"paymentMethodId":194856795,"gateway":"stripe","capture":"automatic"}]"#;
    let ops = Ops::with(CleengSimulatorSettings::default(), &[("PAYMENT_METHODS", methods)]).await;
    let hours = json!({"paymentMethodId": 194_856_795, "authorizedFirst": true, "paymentAttempts": [24, 0, -24], "gracePeriod": 26});
    assert_eq!(ops.at_cleeng("PUT", "/dunning_actions/monthly", &hours).0, 200);
    let told = ops.json("setup").await;
    assert!(told.contains("charge in one step; 24/0/-24 h before, grace 26 h"), "{told}");
    assert!(ops.text("doctor").await.contains("set for every length of period"));
    let told = ops.json("setup --attempts 48,0 --grace 2").await;
    assert!(told.contains("charge in one step; 48/0 h before, grace 2 h"), "{told}");
}
