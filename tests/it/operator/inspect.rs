//! What a support person sees.

use jiff::SignedDuration;
use local::buyer::TestCard;
use local::simulators::cleeng::offers;
use serde_json::json;

use super::{Ops, the_runbook_shows};

/// A monthly subscription whose first renewal is refused; the customer changes the card, and the next try pays.
async fn refused_then_paid(ops: &Ops) -> u64 {
    let subscriber = ops.world.subscriber_with("stripe", TestCard::RefusesLater).await;
    ops.world.pass(SignedDuration::from_hours(28 * 24 + 6)).await;
    let mut buyer = subscriber.buyer.clone();
    buyer.log_in(&ops.world.system).unwrap();
    let body = json!({
        "paymentMethodId": 194_856_795, "paymentMethod": { "payment_method": "pm_card_mastercard" },
        "returnUrl": "http://shop.test/account", "origin": "http://shop.test",
    });
    let given = buyer.post(&ops.world.system, "payment-details", &body).await;
    assert_eq!(given.status, 200, "{}", given.body);
    ops.world.pass_days(4).await;
    subscriber.subscription
}

#[tokio::test]
async fn a_refused_and_a_paid_renewal_can_be_told_to_the_subscriber() {
    let ops = Ops::new().await;
    let subscription = refused_then_paid(&ops).await;
    let text = ops.text(&format!("inspect subscription#{subscription}")).await;
    insta::assert_snapshot!(text);
    the_runbook_shows(&text);
}

#[tokio::test]
async fn a_customer_is_shown_whole_and_without_a_token() {
    let ops = Ops::new().await;
    let subscriber = ops.world.subscriber("adyen").await;
    let mut buyer = subscriber.buyer.clone();
    buyer.log_in(&ops.world.system).unwrap();
    let order = buyer.order(&ops.world.system, offers::WEEKLY).unwrap();
    buyer.pay(&ops.world.system, order, TestCard::Pays).await;
    ops.world.pass(SignedDuration::from_mins(5)).await;
    let report = ops.run(&format!("inspect customer#{}", buyer.customer)).await.unwrap();
    for row in ops.world.system.peers.cleeng.subscriptions() {
        assert!(report.text.contains(&format!("subscription#{}", row.id)), "{}", report.text);
    }
    assert!(report.text.contains(&format!("order#{order}")), "{}", report.text);
    let tokens: Vec<_> = ops.world.payments("adyen").into_iter().filter_map(|it| it.token).collect();
    assert!(!tokens.is_empty());
    for token in tokens {
        assert!(!report.text.contains(&token) && !report.json.to_string().contains(&token));
    }
    // The same by the number alone, and by the card that pays.
    assert_eq!(ops.text(&format!("inspect {}", buyer.customer)).await, report.text);
    let details = ops.world.at_cleeng(subscriber.subscription).details.unwrap();
    let by_card = ops.text(&format!("inspect details#{details}")).await;
    assert!(by_card.contains(&format!("subscription#{}", subscriber.subscription)), "{by_card}");
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_unknown() {
    let ops = Ops::new().await;
    assert!(ops.refusal("inspect subscription#121780131").await.contains("nothing is known"));
    assert!(ops.refusal("inspect 121780131").await.contains("nothing is known"));
}
