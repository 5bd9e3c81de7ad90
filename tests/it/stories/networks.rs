//! What the card networks forbid: trying a card that was refused for good, or one that was refused too often.

use jiff::SignedDuration;
use local::buyer::TestCard;
use local::simulators::cleeng::{CleengPayment, PaymentState, offers};
use serde_json::json;

use super::details::{another_card, back, give};
use super::money_back::control;
use crate::world::{GATEWAYS, World};

const PATIENT: SignedDuration = SignedDuration::from_mins(10);

fn refused(world: &World) -> Vec<CleengPayment> {
    let all = world.recorded().into_iter();
    all.filter(|row| row.operation == "recurring-payment" && row.status == PaymentState::Rejected).collect()
}

fn asked_in_vain(world: &World, gateway: &str) -> usize {
    world.payments(gateway).iter().filter(|it| it.declined).count()
}

#[tokio::test]
async fn a_card_that_is_refused_for_good_is_asked_once_whatever_it_pays_for() {
    for gateway in GATEWAYS {
        let world = World::new();
        let first = world.subscriber(gateway).await;
        world.pass_days(2).await;
        let buyer = back(&world, &first);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        assert_eq!(buyer.pay(&world.system, order, TestCard::Pays).await.status.as_u16(), 200);
        world.pass(PATIENT).await;
        assert_eq!(give(&world, &buyer, another_card(gateway)).await.status.as_u16(), 200);
        world.pass(PATIENT).await;
        let token = world.mapping(first.subscription).await.token.unwrap();
        let card = token.expose().split_once('|').unwrap().1;
        match gateway {
            "stripe" => control(
                &world,
                gateway,
                &format!("payment_methods/{card}"),
                &json!({ "behaviour": "stolen_card" }),
            ),
            _ => control(&world, gateway, &format!("stored/{card}"), &json!({ "behaviour": "5" })),
        };
        world.pass_days(40).await;
        assert_eq!(asked_in_vain(&world, gateway), 1, "{gateway}: two subscriptions, one card, one question");
        let told = refused(&world);
        assert!(told.len() > 4, "{gateway}: Cleeng hears of every try: {}", told.len());
        let reason = |row: &CleengPayment| row.rejected_reason.clone().unwrap();
        assert!(told.iter().all(|row| reason(row).starts_with("lost_or_stolen")), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_is_not_tried_more_often_than_the_networks_allow_until_there_is_another() {
    for gateway in GATEWAYS {
        let world = World::with_settings(&[("DECLINES_PER_CARD_MONTH_MAX", "2")]);
        let subscriber = world.subscriber_with(gateway, TestCard::RefusesLater).await;
        let ends = world.at_cleeng(subscriber.subscription).ends;
        world.system.run_until(ends - SignedDuration::from_hours(12)).await;
        assert_eq!(asked_in_vain(&world, gateway), 2, "{gateway}");
        let told = refused(&world);
        let last = told.last().unwrap().rejected_reason.as_deref().unwrap();
        assert_eq!(last, "limit_exceeded | connector:declines_in_30_days=2", "{gateway}");
        assert_eq!(
            give(&world, &back(&world, &subscriber), another_card(gateway)).await.status.as_u16(),
            200
        );
        world.pass_days(1).await;
        assert_eq!(world.charges(), 2, "{gateway}: the new card is asked, and pays");
        world.agrees().await;
    }
}
