//! Buying: once, whatever the buyer, the bank and the network do.

use jiff::SignedDuration;
use ledger::Standing;
use local::buyer::TestCard;
use local::simulators::cleeng::{PaymentState, offers};
use serde_json::json;

use crate::world::{GATEWAYS, World, code};

#[tokio::test]
async fn a_purchase_is_charged_told_and_becomes_a_subscription() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let row = world.at_cleeng(subscriber.subscription);
        assert!(row.has_access, "{gateway}");
        let mapping = world.mapping(subscriber.subscription).await;
        assert_eq!(mapping.standing, Standing::Active);
        assert_eq!(mapping.details.map(|id| id.number()), row.details);
        assert_eq!(mapping.due, None, "a linked purchase is nobody's business any more");
        assert_eq!(world.charges(), 1);
        world.agrees().await;
    }
}

#[tokio::test]
async fn paying_twice_for_one_order_charges_once() {
    for gateway in GATEWAYS {
        let world = World::slow();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let (first, second) = futures::join!(
            buyer.pay(&world.system, order, TestCard::Pays),
            buyer.pay(&world.system, order, TestCard::Pays)
        );
        let third = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert!(first.status.is_success() && second.status.is_success(), "{} {}", first.body, second.body);
        assert_eq!(third.text("/responseData/payment/status"), Some("captured"), "{}", third.body);
        world.pass(SignedDuration::from_mins(5)).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_refused_card_is_told_and_another_one_pays() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let refused = buyer.pay(&world.system, order, TestCard::Refused).await;
        assert_eq!(code(&refused), (422, Some(format!("{}0002", gateway.to_uppercase()).as_str())));
        assert_eq!(world.recorded()[0].status, PaymentState::Rejected);
        let reason = world.recorded()[0].rejected_reason.clone().unwrap();
        assert!(reason.starts_with("insufficient_funds"), "{reason}");
        let paid = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(paid.text("/responseData/payment/status"), Some("captured"), "{}", paid.body);
        world.pass(SignedDuration::from_mins(5)).await;
        world.agrees().await;
    }
}

#[tokio::test]
async fn after_3d_secure_the_gateway_is_asked_and_not_the_browser() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let mut reply = buyer.pay(&world.system, order, TestCard::AsksFirst).await;
        assert!(reply.asks_first(), "{}", reply.body);
        assert_eq!(world.charges(), 0);
        while reply.asks_first() {
            reply = buyer.authenticate(&world.system, order, &reply, true).await;
        }
        assert_eq!(reply.text("/responseData/payment/status"), Some("captured"), "{}", reply.body);
        let again = buyer.finalize(&world.system, order, &json!({})).await;
        assert_eq!(again.text("/responseData/payment/status"), Some("captured"), "{}", again.body);
        world.pass(SignedDuration::from_mins(5)).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_buyer_who_lost_the_banks_page_may_go_on() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let first = buyer.pay(&world.system, order, TestCard::AsksFirst).await;
        assert!(first.asks_first(), "{}", first.body);
        // The page is loaded anew and pays again. Stripe tells what the buyer must do; Adyen tells it only once.
        let again = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(again.asks_first(), gateway == "stripe", "{}", again.body);
        assert!(again.asks_first() || again.status.as_u16() == 202, "{}", again.body);
        let mut reply = if again.asks_first() { again } else { first };
        while reply.asks_first() {
            reply = buyer.authenticate(&world.system, order, &reply, true).await;
        }
        assert_eq!(reply.text("/responseData/payment/status"), Some("captured"), "{}", reply.body);
        world.pass(SignedDuration::from_mins(5)).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_buyer_who_failed_at_the_bank_and_comes_anew_pays_with_the_new_card() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    let first = buyer.pay(&world.system, order, TestCard::AsksFirst).await;
    let payment = first.text("/responseData/action/id").unwrap();
    let bank = &world.system.peers.stripe_host;
    bank.control(&format!("authenticate/{payment}"), &json!({ "result": "fail" }));
    let paid = buyer.pay(&world.system, order, TestCard::Pays).await;
    assert_eq!(paid.text("/responseData/payment/status"), Some("captured"), "{}", paid.body);
    world.pass(SignedDuration::from_mins(5)).await;
    assert_eq!(world.charges(), 1);
    world.agrees().await;
}

#[tokio::test]
async fn failed_3d_secure_charges_nothing_and_the_order_can_be_paid_again() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let mut reply = buyer.pay(&world.system, order, TestCard::AsksFirst).await;
        while reply.asks_first() {
            reply = buyer.authenticate(&world.system, order, &reply, false).await;
        }
        assert_eq!(reply.status.as_u16(), 422, "{}", reply.body);
        assert_eq!(world.charges(), 0);
        let paid = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(paid.text("/responseData/payment/status"), Some("captured"), "{}", paid.body);
        world.pass(SignedDuration::from_mins(5)).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn an_order_is_refused_a_bounded_number_of_times() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    for _ in 0..10 {
        assert_eq!(buyer.pay(&world.system, order, TestCard::Refused).await.status.as_u16(), 422);
    }
    assert_eq!(buyer.pay(&world.system, order, TestCard::Pays).await.status.as_u16(), 429);
    assert_eq!(world.charges(), 0);
}
