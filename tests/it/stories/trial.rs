//! Free trials: the card is checked and kept, nothing is charged until the first paid renewal.

use local::buyer::{Billing, TestCard};
use local::simulators::cleeng::{PaymentState, offers};

use crate::world::{GATEWAYS, World};

#[tokio::test]
async fn a_free_trial_keeps_the_card_and_pays_when_it_ends() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::TRIAL).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(reply.text("/responseData/payment/status"), Some("captured"), "{}", reply.body);
        world.pass_days(1).await;
        assert_eq!(world.charges(), 0, "{gateway}: the trial costs nothing");
        let subscription = world.system.peers.cleeng.subscriptions().remove(0);
        assert!(subscription.has_access && subscription.in_trial);
        world.pass_days(16).await;
        assert_eq!(world.charges(), 1, "{gateway}: the first paid period");
        assert!(world.at_cleeng(subscription.id).has_access);
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_that_the_bank_will_not_verify_starts_no_trial() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::TRIAL).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::Refused).await;
        assert_eq!(reply.status.as_u16(), 422, "{gateway}: {}", reply.body);
        world.pass_days(1).await;
        let told = world.recorded();
        assert!(told.len() == 1 && told[0].status == PaymentState::Rejected, "{gateway}: {told:?}");
        assert_eq!(world.system.peers.cleeng.subscriptions(), []);
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_coupon_that_takes_everything_off_keeps_the_card_and_the_next_period_is_paid() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let all = Some(offers::COUPON_ALL);
        let order = buyer.order_by(&world.system, offers::MONTHLY, Billing::TwoSteps, all).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(reply.text("/responseData/payment/status"), Some("captured"), "{}", reply.body);
        world.pass_days(25).await;
        assert_eq!(world.charges(), 0, "{gateway}");
        let told = world.recorded().remove(0);
        assert_eq!(
            (told.status, told.operation.as_str()),
            (PaymentState::Captured, "initial-free-transaction"),
            "{gateway}"
        );
        world.pass_days(10).await;
        assert_eq!(world.charges(), 1, "{gateway}: at the full price");
        assert_eq!(world.payments(gateway).iter().map(|it| it.captured_minor).max(), Some(699));
        world.agrees().await;
    }
}
