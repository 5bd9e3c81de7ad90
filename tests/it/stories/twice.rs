//! One renewal, asked for by two different triggers: one charge.

use jiff::SignedDuration;
use wire::Clock;

use crate::world::{GATEWAYS, World};

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
                world.system.peers.cleeng_host.control(&path, &serde_json::json!({ "status": 200 }));
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
