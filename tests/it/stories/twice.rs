//! One payment, brought home by two that do not know of each other: one charge, and one record of it.

use jiff::SignedDuration;
use local::buyer::TestCard;
use local::simulators::cleeng::offers;
use serde_json::json;
use wire::Clock;

use super::money_back::control;
use crate::world::{GATEWAYS, World};

#[tokio::test(start_paused = true)]
async fn a_buyer_who_comes_back_twice_beside_the_gateways_news_is_recorded_once() {
    for passes in ["success", "fail"] {
        let world = World::slow();
        let buyer = world.buyer("stripe");
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::AsksFirst).await;
        let id = reply.text("/responseData/action/id").unwrap();
        control(&world, "stripe", &format!("authenticate/{id}"), &json!({ "result": passes }));
        let details = json!({});
        futures::join!(
            buyer.finalize(&world.system, order, &details),
            buyer.finalize(&world.system, order, &details),
            world.system.settle()
        );
        world.pass(SignedDuration::from_hours(1)).await;
        assert_eq!(world.recorded().len(), 1, "{passes}: {:?}", world.recorded());
        assert_eq!(world.charges(), usize::from(passes == "success"));
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_renewal_that_the_daily_comparison_made_up_for_is_not_charged_again_when_its_webhooks_come_after_all()
 {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let event = |topic, hours| world.renewal_event(topic, subscriber.subscription, hours);
        let late = [
            event("subscriptionReadyForPaymentAuthorisation", 72),
            event("subscriptionReadyForPaymentAuthorisation", 48),
            event("subscriptionReadyForPaymentCapture", 0),
        ];
        let paid_until = world.at_cleeng(subscriber.subscription).ends;
        let end = paid_until + SignedDuration::from_hours(24);
        while world.system.clock.now() < end && world.at_cleeng(subscriber.subscription).ends == paid_until {
            world.system.clock.move_to(world.system.clock.now() + SignedDuration::from_mins(30));
            for delivery in world.system.peers.cleeng_host.deliveries() {
                let path = format!("deliveries/{}", delivery.id);
                world.system.peers.cleeng_host.control(&path, &json!({ "status": 200 }));
            }
            world.system.settle().await;
        }
        assert_eq!(world.charges(), 2, "{gateway}: made up for");
        for event in &late {
            assert_eq!(world.cleeng_says(event).await.status(), 200);
            world.pass(SignedDuration::from_mins(10)).await;
        }
        assert_eq!(world.charges(), 2, "{gateway}");
        assert_eq!(world.payments(gateway).len(), 2, "{gateway}: nor is anything held beside it");
        world.agrees().await;
    }
}
