//! One day compared: agreement is silent, and a difference is named with who says what.

use jiff::SignedDuration;
use local::buyer::TestCard;
use serde_json::json;

use super::Ops;

#[tokio::test]
async fn a_day_of_purchases_refusals_and_renewals_agrees() {
    let ops = Ops::new().await;
    for gateway in crate::world::GATEWAYS {
        ops.world.subscriber(gateway).await;
        ops.world.subscriber_with(gateway, TestCard::RefusesLater).await;
    }
    let bought = ops.run("reconcile --day 2027-01-04 --all-subscriptions").await.unwrap();
    assert!(!bought.needs_a_person && bought.text.contains("4 attempts"), "{}", bought.text);
    ops.world.pass(SignedDuration::from_hours(33 * 24)).await;
    for day in ["2027-02-01", "2027-02-02", "2027-02-04"] {
        let report = ops.run(&format!("reconcile --day {day}")).await.unwrap();
        assert!(!report.needs_a_person, "{}", report.text);
    }
}

#[tokio::test]
async fn what_somebody_changed_behind_our_back_is_found() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber("stripe").await.subscription;
    let payment = ops.world.recorded().pop().unwrap();
    let wrong = json!({"orderId": payment.order, "status": "rejected", "rejectedReason": "by hand"});
    assert_eq!(ops.at_cleeng("PATCH", &format!("/payments/{}", payment.id), &wrong).0, 200);
    let report = ops.run("reconcile --day 2027-01-04").await.unwrap();
    assert!(report.needs_a_person && report.json.to_string().contains("rejected"), "{}", report.text);
    assert_eq!(report.json["differences"].as_array().unwrap().len(), 1, "{}", report.text);

    // Ended at Cleeng by somebody else.
    let end = json!({"terminationType": "publisherCancel"});
    ops.at_cleeng("POST", &format!("/subscriptions/{subscription}/terminate"), &end);
    let report = ops.run("reconcile --day 2027-01-04 --all-subscriptions").await.unwrap();
    assert!(report.json.to_string().contains(&format!("subscription#{subscription}")), "{}", report.text);
}
