//! What the card networks forbid: trying a card that was refused for good, too often, or too soon.

use jiff::SignedDuration;
use local::buyer::TestCard;
use local::simulators::cleeng::{CleengPayment, PaymentState, offers};
use wire::simulated::Fault;

use super::details::{another_card, back, give};
use super::doubt::card_turns;
use crate::storm::{Storm, Strike};
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
        card_turns(
            &world,
            gateway,
            first.subscription,
            if gateway == "stripe" { "stolen_card" } else { "5" },
        )
        .await;
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

#[tokio::test]
async fn a_card_is_not_tried_before_the_hour_that_the_network_names() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let two_days = match gateway {
            "stripe" => "insufficient_funds/26",
            _ => "declined_12_51_26",
        };
        card_turns(&world, gateway, subscriber.subscription, two_days).await;
        let ends = world.at_cleeng(subscriber.subscription).ends;
        world.system.run_until(ends - SignedDuration::from_hours(47)).await;
        assert_eq!(
            (asked_in_vain(&world, gateway), refused(&world).len()),
            (1, 2),
            "{gateway}: a day is too soon"
        );
        let told = refused(&world).last().unwrap().rejected_reason.clone().unwrap();
        assert!(told.starts_with("try_again_later | connector:not_before="), "{gateway}: {told}");
        let pays = if gateway == "stripe" { "ok" } else { "approve" };
        card_turns(&world, gateway, subscriber.subscription, pays).await;
        world.system.run_until(ends + SignedDuration::from_hours(1)).await;
        assert_eq!(world.charges(), 2, "{gateway}: after two days it is asked again, and pays");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_that_comes_a_little_too_soon_waits_for_the_hour_that_the_network_names() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let subscriber = world.subscriber(gateway).await;
        let a_day = match gateway {
            "stripe" => "insufficient_funds/25",
            _ => "declined_12_51_25",
        };
        card_turns(&world, gateway, subscriber.subscription, a_day).await;
        storm.strike(Strike {
            host: "cleeng",
            method: "POST",
            path: "/orders",
            fault: Fault::Refused,
            times: 3,
        });
        let ends = world.at_cleeng(subscriber.subscription).ends;
        world.system.run_until(ends - SignedDuration::from_hours(47)).await;
        assert_eq!(
            asked_in_vain(&world, gateway),
            2,
            "{gateway}: a day after the first was answered, and not a minute sooner"
        );
        assert!(storm.is_over(), "{gateway}: the first try came late");
        let reasons: Vec<_> = refused(&world).into_iter().map(|row| row.rejected_reason.unwrap()).collect();
        assert!(reasons.iter().all(|told| told.starts_with("insufficient_funds")), "{gateway}: {reasons:?}");
        world.agrees().await;
    }
}
