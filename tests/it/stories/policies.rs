//! What a deployment may choose: how renewals without an authorisation are charged, how a subscription is ended, and
//! whether tokens are kept.

use http::Method;
use local::buyer::TestCard;
use local::simulators::cleeng::{PaymentState, SubscriptionState};
use serde_json::json;
use wire::simulated::Peer;

use super::money_back::control;
use crate::world::{GATEWAYS, World};

#[tokio::test]
async fn a_capture_with_nothing_authorised_charges_in_one_step() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let event = world.renewal_event("subscriptionReadyForPaymentCapture", subscriber.subscription, 0);
        for _ in 0..3 {
            assert_eq!(world.cleeng_says(&event).await.status().as_u16(), 200);
        }
        world.pass(jiff::SignedDuration::from_mins(10)).await;
        let renewals: Vec<_> =
            world.recorded().into_iter().filter(|row| row.operation == "recurring-payment").collect();
        assert_eq!(renewals.len(), 1, "{gateway}");
        assert_eq!(renewals[0].status, PaymentState::Captured);
        assert_eq!(world.charges(), 2, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_refused_authorisation_is_charged_again_on_its_due_date_only_where_that_is_wanted() {
    for gateway in GATEWAYS {
        let mut tries = Vec::new();
        for policy in ["charge", "skip"] {
            let world = World::with_settings(&[("CAPTURE_WITHOUT_AUTHORISATION", policy)]);
            let subscriber = world.subscriber_with(gateway, TestCard::RefusesLater).await;
            world.pass_days(40).await;
            assert_eq!(world.at_cleeng(subscriber.subscription).status, SubscriptionState::Terminated);
            assert_eq!(world.charges(), 1, "{gateway} {policy}");
            tries.push(world.payments(gateway).iter().filter(|it| it.declined).count());
            world.agrees().await;
        }
        assert_eq!(tries[1], 4, "{gateway}: one for each dunning date");
        assert!(tries[0] > tries[1], "{gateway}: {tries:?}");
    }
}

#[tokio::test]
async fn a_subscription_is_ended_by_the_older_call_where_that_is_set() {
    let world = World::with_settings(&[("CLEENG_TERMINATION", "patch")]);
    let subscriber = world.subscriber("stripe").await;
    control(&world, "cleeng", &format!("subscriptions/{}/stop", subscriber.subscription), &json!({}));
    world.pass_days(33).await;
    assert_eq!(world.at_cleeng(subscriber.subscription).status, SubscriptionState::Terminated);
    world.agrees().await;
}

#[tokio::test]
async fn a_card_whose_details_are_deactivated_is_removed_at_the_gateway_only_where_that_is_set() {
    for gateway in GATEWAYS {
        for (setting, forgotten) in [("no", false), ("yes", true)] {
            let world = World::with_settings(&[("FORGET_TOKENS", setting)]);
            let subscriber = world.subscriber(gateway).await;
            let details = world.at_cleeng(subscriber.subscription).details.unwrap();
            let token = world.mapping(subscriber.subscription).await.token.unwrap();
            let card = token.expose().split_once('|').unwrap().1;
            control(&world, "cleeng", &format!("payment_details/{details}/deactivate"), &json!({}));
            world.pass(jiff::SignedDuration::from_mins(10)).await;
            assert_eq!(world.mapping(subscriber.subscription).await.token, None);
            assert_eq!(is_gone(&world, gateway, card), forgotten, "{gateway} {setting}");
            world.agrees().await;
        }
    }
}

#[tokio::test]
async fn a_card_is_not_removed_with_one_of_two_records_of_it_while_the_other_pays() {
    for gateway in GATEWAYS {
        let world = World::with_settings(&[("FORGET_TOKENS", "yes")]);
        let id = world.subscriber(gateway).await.subscription;
        let mapping = world.mapping(id).await;
        let token = mapping.token.unwrap();
        // A request of ours that was taken for lost arrives late: Cleeng puts its record in the place of the first.
        let body = json!({
            "customerId": mapping.customer, "token": token.expose(), "paymentMethodId": mapping.method, "active": true,
        });
        world.staff(Method::POST, "payment_details", &body);
        assert_ne!(world.at_cleeng(id).details, mapping.details.map(|id| id.number()), "{gateway}");
        world.pass(jiff::SignedDuration::from_mins(10)).await;
        assert!(!is_gone(&world, gateway, token.expose().split_once('|').unwrap().1), "{gateway}");
    }
}

/// Whether a gateway no longer keeps a card. Stripe says so by refusing to detach it again.
fn is_gone(world: &World, gateway: &str, card: &str) -> bool {
    let host = world.system.peers.host(gateway).unwrap();
    if gateway == "stripe" {
        return !host.control(&format!("payment_methods/{card}/detach"), &json!({})).status().is_success();
    }
    let state = http::Request::get("http://adyen.test/_simulator/state").body(bytes::Bytes::new()).unwrap();
    let state: serde_json::Value = serde_json::from_slice(host.handle(state).body()).unwrap();
    state["stored"][card]["disabled"].as_bool().unwrap()
}

#[tokio::test]
async fn the_card_of_an_ended_subscription_is_kept_or_forgotten_as_set_and_never_while_another_pays_with_it()
{
    for gateway in GATEWAYS {
        for (setting, forgotten) in [("yes", false), ("ended", true)] {
            let world = World::with_settings(&[("FORGET_TOKENS", setting)]);
            let first = world.subscriber(gateway).await;
            let second = world.subscriber(gateway).await;
            let mapping = world.mapping(first.subscription).await;
            let card = mapping.token.unwrap().expose().split_once('|').unwrap().1.to_owned();
            control(&world, "cleeng", &format!("subscriptions/{}/stop", first.subscription), &json!({}));
            world.pass_days(33).await;
            assert_eq!(world.at_cleeng(first.subscription).status, SubscriptionState::Terminated);
            assert_eq!(is_gone(&world, gateway, &card), forgotten, "{gateway} {setting}");
            let details = world.system.peers.cleeng.payment_details();
            let deleted = details.iter().find(|it| Some(it.id) == mapping.details.map(|id| id.number()));
            assert_eq!(deleted.unwrap().deleted, forgotten, "{gateway} {setting}");
            assert_eq!(world.charges(), 3, "{gateway}: the other customer goes on");
            assert!(world.at_cleeng(second.subscription).has_access);
            world.agrees().await;
        }
    }
}

#[tokio::test]
async fn a_card_that_still_pays_for_something_else_is_not_forgotten() {
    for gateway in GATEWAYS {
        let world = World::with_settings(&[("FORGET_TOKENS", "ended")]);
        let first = world.subscriber(gateway).await;
        let order = first.buyer.order(&world.system, local::simulators::cleeng::offers::ANNUAL).unwrap();
        first.buyer.pay(&world.system, order, TestCard::Pays).await;
        world.pass(jiff::SignedDuration::from_mins(10)).await;
        // From now on one card pays for both.
        let reply = super::details::give(
            &world,
            &super::details::back(&world, &first),
            super::details::another_card(gateway),
        )
        .await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.body);
        world.pass(jiff::SignedDuration::from_mins(10)).await;
        let token = world.mapping(first.subscription).await.token.unwrap();
        let card = token.expose().split_once('|').unwrap().1;
        control(&world, "cleeng", &format!("subscriptions/{}/stop", first.subscription), &json!({}));
        world.pass_days(33).await;
        assert_eq!(world.at_cleeng(first.subscription).status, SubscriptionState::Terminated);
        assert!(!is_gone(&world, gateway, card), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_is_not_forgotten_with_an_offer_that_its_customer_switched_from() {
    for gateway in GATEWAYS {
        let world = World::with_settings(&[("FORGET_TOKENS", "ended")]);
        let subscriber = world.subscriber(gateway).await;
        let token = world.mapping(subscriber.subscription).await.token.unwrap();
        let path = format!("subscriptions/{}/switch", subscriber.subscription);
        control(&world, "cleeng", &path, &json!({ "offerId": local::simulators::cleeng::offers::WEEKLY }));
        world.pass_days(2).await;
        let old = world.mapping(subscriber.subscription).await;
        assert_eq!(old.standing, ledger::Standing::Closed, "{gateway}");
        assert!(
            world.system.peers.gateway(gateway).unwrap().keeps(token.expose().split_once('|').unwrap().1)
        );
        world.pass_days(40).await;
        assert!(world.charges() > 2, "{gateway}: the new offer is paid with it");
        world.agrees().await;
    }
}
