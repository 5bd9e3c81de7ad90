//! Single purchases: a pass, an event, a film. Paid once, never renewed, and nobody looks for a subscription.

use jiff::SignedDuration;
use ledger::{Standing, Subject};
use local::buyer::{Billing, TestCard};
use local::simulators::cleeng::{PaymentState, offers};

use crate::world::{GATEWAYS, World, code};

#[tokio::test]
async fn a_pass_an_event_and_a_film_are_paid_once_and_never_renewed() {
    for gateway in GATEWAYS {
        for (offer, cents) in [(offers::PASS, 399), (offers::EVENT, 499), (offers::RENTAL, 299)] {
            let world = World::new();
            let buyer = world.buyer(gateway);
            let order = buyer.order(&world.system, offer).unwrap();
            let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
            assert_eq!(reply.text("/responseData/payment/status"), Some("captured"), "{}", reply.body);
            let item = async || {
                let subject = Subject::Order(order.try_into().unwrap());
                world.system.ledger.mapping(subject).await.unwrap().unwrap()
            };
            let paid = item().await;
            assert_eq!((paid.standing, paid.due), (Standing::Closed, None), "{offer}: nothing is looked for");
            world.pass_days(40).await;
            assert_eq!(item().await.looks, 0, "{offer}: no subscription that never comes was looked for");
            let taken: Vec<_> = world.payments(gateway).iter().map(|it| it.captured_minor).collect();
            assert_eq!(taken, [cents], "{gateway} {offer}");
            assert_eq!(world.system.peers.cleeng.subscriptions(), []);
            assert_eq!(world.system.peers.cleeng.passes().len(), 1);
            world.agrees().await;
        }
    }
}

#[tokio::test]
async fn a_refused_pass_is_told_and_another_card_pays() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::PASS).unwrap();
        assert_eq!(buyer.pay(&world.system, order, TestCard::Refused).await.status.as_u16(), 422);
        buyer.pay(&world.system, order, TestCard::Pays).await;
        world.pass(SignedDuration::from_mins(5)).await;
        let told: Vec<_> = world.recorded().iter().map(|row| row.status).collect();
        assert_eq!(told, [PaymentState::Rejected, PaymentState::Captured], "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_pass_of_ours_is_recorded_and_made_and_an_event_cannot_be_sold_so() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order_by(&world.system, offers::PASS, Billing::OwnSchedule, None).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(reply.text("/responseData/payment/status"), Some("captured"), "{}", reply.body);
        let passes = world.system.peers.cleeng.passes();
        assert_eq!(passes[0].external_id.as_deref(), Some(format!("order-{order}").as_str()));
        let row = world.recorded().remove(0);
        assert_eq!(
            (row.order, row.status, row.tax.to_string().as_str()),
            (None, PaymentState::Captured, "0.69")
        );
        let event = buyer.order_by(&world.system, offers::EVENT, Billing::OwnSchedule, None).unwrap();
        let refused = buyer.pay(&world.system, event, TestCard::Pays).await;
        assert_eq!(code(&refused).0, 422, "{}", refused.body);
        world.pass_days(40).await;
        assert_eq!((world.charges(), passes.len()), (1, 1), "{gateway}");
        world.agrees().await;
    }
}
