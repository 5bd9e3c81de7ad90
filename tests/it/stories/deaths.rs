//! Whatever dies at whichever wait, in the middle of a purchase or a renewal: it is taken up again, and one charge is made.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use jiff::SignedDuration;
use local::buyer::TestCard;
use local::simulators::cleeng::offers;

use crate::world::{GATEWAYS, World};

/// More waits than any of these flows has.
const WAITS_MAX: usize = 60;

/// Runs until it has waited so many times, then drops it as it is. `None` if it died.
async fn dies_after<T>(waits: usize, whole: impl Future<Output = T>) -> Option<T> {
    let mut whole = pin!(whole);
    let mut left = waits;
    poll_fn(|context| match whole.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_purchase_that_dies_at_any_wait_is_charged_once() {
    for gateway in GATEWAYS {
        let (mut deaths, mut unpaid) = (0, 0);
        for waits in 0..WAITS_MAX {
            let world = World::slow();
            let mut buyer = world.buyer(gateway);
            let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
            let died = dies_after(waits, buyer.pay(&world.system, order, TestCard::Pays)).await.is_none();
            // The buyer looks again at once, and once more when everything has been looked into.
            buyer.pay(&world.system, order, TestCard::Pays).await;
            world.pass(SignedDuration::from_hours(48)).await;
            buyer.log_in(&world.system).unwrap();
            let seen = buyer.pay(&world.system, order, TestCard::Pays).await;
            world.pass(SignedDuration::from_hours(1)).await;
            let what = format!("{gateway}, after {waits} waits: {}", seen.body);
            assert!(world.charges() <= 1, "{what}");
            if world.charges() == 0 {
                // It died with the card's data, before anything was sent: no repetition can make up for it, and it is
                // not told as refused. The buyer pays with another order.
                assert!(world.recorded().is_empty(), "{what}");
                buyer.log_in(&world.system).unwrap();
                let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
                buyer.pay(&world.system, order, TestCard::Pays).await;
                world.pass(SignedDuration::from_hours(1)).await;
                unpaid += 1;
            }
            assert_eq!(world.charges(), 1, "{what}");
            assert_eq!(world.system.peers.cleeng.subscriptions().len(), 1, "{what}");
            world.agrees().await;
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!((3..WAITS_MAX - 1).contains(&deaths), "{gateway}: died {deaths} times");
        assert!(unpaid < deaths, "{gateway}: only between the claim and the asking");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_dies_at_any_wait_is_charged_once() {
    const TOPICS: [(&str, i64); 2] =
        [("subscriptionReadyForPaymentAuthorisation", 72), ("subscriptionReadyForPaymentCapture", 0)];
    for gateway in GATEWAYS {
        for (dying, _) in TOPICS {
            let mut deaths = 0;
            for waits in 0..WAITS_MAX {
                let world = World::slow();
                let subscriber = world.subscriber(gateway).await;
                let mut died = false;
                for (topic, hours) in TOPICS {
                    let event = world.renewal_event(topic, subscriber.subscription, hours);
                    assert_eq!(world.cleeng_says(&event).await.status(), 200);
                    if topic == dying {
                        died = dies_after(waits, world.system.settle()).await.is_none();
                    }
                    world.pass(SignedDuration::from_hours(1)).await;
                }
                let what = format!("{gateway}, {dying}, after {waits} waits");
                assert_eq!(world.charges(), 2, "{what}: the purchase and one renewal");
                assert_eq!(world.payments(gateway).len(), 2, "{what}: nothing was tried beside it");
                world.agrees().await;
                if !died {
                    break;
                }
                deaths += 1;
            }
            assert!((3..WAITS_MAX - 1).contains(&deaths), "{gateway}, {dying}: died {deaths} times");
        }
    }
}
