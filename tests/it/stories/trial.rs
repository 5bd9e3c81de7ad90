//! Free trials: the card is checked and kept, nothing is charged until the first paid renewal.

use ledger::{Stage, Standing, Subject};
use local::buyer::{Billing, TestCard};
use local::simulators::cleeng::{PaymentState, offers};
use wire::simulated::Fault;

use crate::storm::{Storm, Strike};
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

#[tokio::test(start_paused = true)]
async fn a_trial_of_which_cleeng_hears_when_its_order_has_expired_is_over_and_not_looked_for_ever() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::TRIAL).unwrap();
        storm.strike(Strike {
            host: "cleeng",
            method: "POST",
            path: "/payments",
            fault: Fault::RequestLost,
            times: u32::MAX,
        });
        buyer.pay(&world.system, order, TestCard::Pays).await;
        world.pass_days(2).await;
        storm.clear();
        world.pass_days(1).await;
        let subject = Subject::Order(order.try_into().unwrap());
        let item = world.system.ledger.mapping(subject).await.unwrap().unwrap();
        let stage = &item.attempts[0].stage;
        assert!(matches!(stage, Stage::Withdrawn { .. }), "{gateway}: {stage:?}");
        assert_eq!((item.standing, item.due), (Standing::Open, None), "{gateway}: nothing was bought");
        assert_eq!(world.recorded(), [], "{gateway}");
        assert_eq!(world.system.peers.cleeng.subscriptions(), [], "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_cleeng_refuses_is_not_told_as_begun_and_can_be_begun_again() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::TRIAL).unwrap();
        let fault = Fault::Instead(422, r#"{"message":"no"}"#);
        storm.strike(Strike { host: "cleeng", method: "POST", path: "/payments", fault, times: 1 });
        let refused = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(refused.status.as_u16(), 503, "{gateway}: {}", refused.body);
        let begun = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(begun.text("/responseData/payment/status"), Some("captured"), "{}", begun.body);
        world.pass_days(1).await;
        assert!(storm.is_over(), "{gateway}");
        assert_eq!(world.system.peers.cleeng.subscriptions().len(), 1, "{gateway}");
        world.agrees().await;
    }
}
