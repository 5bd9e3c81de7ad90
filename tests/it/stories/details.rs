//! Cards that customers add or change: checked at zero, kept by Cleeng, and charged from the next renewal on.

use jiff::SignedDuration;
use ledger::{Mapping, Subject};
use local::buyer::{Buyer, Reply, TestCard, method};
use local::simulators::GatewayPayment;
use local::simulators::cleeng::{CleengSimulatorSettings, PaymentState, SubscriptionState, offers};
use serde_json::{Value, json};
use wire::Clock;
use wire::simulated::{Fault, Peer};

use super::money_back::control;
use crate::storm::{Storm, Strike};
use crate::world::{GATEWAYS, Subscriber, World, code};

const PATIENT: SignedDuration = SignedDuration::from_mins(5);

/// A Mastercard, which no subscription here was bought with.
pub(super) fn another_card(gateway: &str) -> Value {
    match gateway {
        "stripe" => json!({ "payment_method": "pm_card_mastercard" }),
        _ => json!({
            "type": "scheme", "encryptedCardNumber": "test_mastercard", "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030", "encryptedSecurityCode": "test_737",
        }),
    }
}

pub(super) async fn give(world: &World, buyer: &Buyer, card: Value) -> Reply {
    buyer.add_card(&world.system, method(&buyer.gateway), &card).await
}

/// Logged in again, because a token lives half an hour.
pub(super) fn back(world: &World, subscriber: &Subscriber) -> Buyer {
    let mut buyer = subscriber.buyer.clone();
    buyer.log_in(&world.system).unwrap();
    buyer
}

async fn item(world: &World, buyer: &Buyer) -> Mapping {
    let subject = Subject::Customer(buyer.customer.try_into().unwrap());
    world.system.ledger.mapping(subject).await.unwrap().unwrap()
}

/// The card of the youngest payment that was charged or is held.
fn paid_with(world: &World, gateway: &str) -> Option<String> {
    let moved = |it: &GatewayPayment| it.captured_minor > 0 || it.held_minor > 0;
    world.payments(gateway).into_iter().rfind(moved).and_then(|it| it.token)
}

#[tokio::test]
async fn a_new_card_is_kept_by_cleeng_and_pays_the_next_renewal_of_every_subscription() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let mut buyer = back(&world, &subscriber);
        let order = buyer.order(&world.system, offers::WEEKLY).unwrap();
        buyer.pay(&world.system, order, TestCard::Pays).await;
        world.pass(PATIENT).await;
        let old = world.mapping(subscriber.subscription).await.token.unwrap();

        let reply = give(&world, &buyer, another_card(gateway)).await;
        assert_eq!(code(&reply), (200, None), "{gateway}: {}", reply.body);
        let details = &reply.body["responseData"]["paymentDetails"];
        assert_eq!(details["paymentMethodSpecificParams"]["lastCardFourDigits"], "4444");
        assert_eq!((details["active"].as_bool(), details["status"].as_str()), (Some(true), Some("active")));
        assert!(!reply.body.to_string().contains("cus_"), "no token reaches a page");

        for row in world.system.peers.cleeng.subscriptions() {
            assert_eq!(row.details, details["id"].as_u64(), "{gateway}");
            let mapping = world.mapping(row.id).await;
            assert_ne!(mapping.token.as_ref(), Some(&old));
            assert_eq!(mapping.details.map(payment::PaymentDetailsId::number), details["id"].as_u64());
        }
        assert_eq!(item(&world, &buyer).await.due, None, "nothing is left to be done");
        world.pass_days(33).await;
        buyer.log_in(&world.system).unwrap();
        let new = world.mapping(subscriber.subscription).await.token.unwrap();
        let card = new.expose().split_once('|').unwrap().1;
        assert!(paid_with(&world, gateway).unwrap().contains(card), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_that_asks_for_authentication_is_kept_once_it_has_it() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let buyer = back(&world, &subscriber);
        let mut reply = give(&world, &buyer, TestCard::AsksFirst.data(gateway)).await;
        let before = world.mapping(subscriber.subscription).await.details;
        for _ in 0..2 {
            if reply.asks_first() {
                reply = come_back(&world, &buyer, &reply).await;
            }
        }
        assert_eq!(code(&reply), (200, None), "{gateway}: {}", reply.body);
        assert_eq!(reply.text("/responseData/paymentDetails/status"), Some("active"));
        assert_ne!(world.mapping(subscriber.subscription).await.details, before);
        // The page comes back once more: the same result, no second card.
        let kept = world.system.peers.cleeng.payment_details().len();
        let again = come_back(&world, &buyer, &reply).await;
        assert_eq!(again.text("/responseData/paymentDetails/status"), Some("active"), "{gateway}");
        world.pass_days(1).await;
        assert_eq!(world.system.peers.cleeng.payment_details().len(), kept);
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_that_a_webhook_tells_of_before_the_page_does_is_shown_like_any_other() {
    let world = World::new();
    let subscriber = world.subscriber("stripe").await;
    let buyer = back(&world, &subscriber);
    let reply = give(&world, &buyer, TestCard::AsksFirst.data("stripe")).await;
    let setup = reply.text("/responseData/action/id").unwrap();
    // The page is closed as soon as the bank has its answer. Stripe's event names the card, and does not describe it.
    control(&world, "stripe", &format!("authenticate/{setup}"), &json!({ "result": "success" }));
    world.pass(PATIENT).await;
    let kept = world.system.peers.cleeng.payment_details().into_iter().find(|it| it.active).unwrap();
    assert!(kept.params.is_some_and(|shown| shown.contains("3155")));
    world.agrees().await;
}

async fn come_back(world: &World, buyer: &Buyer, reply: &Reply) -> Reply {
    let details = match buyer.gateway.as_str() {
        "stripe" => {
            if let Some(id) = reply.text("/responseData/action/id") {
                control(world, "stripe", &format!("authenticate/{id}"), &json!({ "result": "success" }));
            }
            json!({})
        }
        _ => {
            let payment = reply.text("/responseData/action/token").unwrap_or("none");
            let fingerprint = reply.text("/responseData/action/subtype") == Some("fingerprint");
            let result = if fingerprint { "" } else { ".authorised" };
            json!({ "threeDSResult": format!("{payment}{result}") })
        }
    };
    let body = json!({ "paymentMethodId": method(&buyer.gateway), "details": details });
    buyer.post(&world.system, "payment-details/finalize", &body).await
}

#[tokio::test]
async fn a_refused_card_changes_nothing_and_another_may_be_given_at_once() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let buyer = back(&world, &subscriber);
        let before = world.mapping(subscriber.subscription).await;
        let refused = give(&world, &buyer, TestCard::Refused.data(gateway)).await;
        let expected = format!("{}0002", gateway.to_uppercase());
        assert_eq!(code(&refused), (422, Some(expected.as_str())), "{gateway}");
        assert_eq!(world.mapping(subscriber.subscription).await.token, before.token);
        // A challenge that the customer gives up does not stand in the way either.
        assert!(give(&world, &buyer, TestCard::AsksFirst.data(gateway)).await.asks_first());
        assert_eq!(code(&give(&world, &buyer, another_card(gateway)).await), (200, None), "{gateway}");
        let after = world.mapping(subscriber.subscription).await;
        assert_ne!(after.token, before.token);
        world.pass_days(2).await;
        assert_eq!(world.mapping(subscriber.subscription).await.token, after.token, "the newest card counts");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_customer_without_a_subscription_may_add_a_card() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let page = buyer.post(&world.system, "payment-methods", &json!({})).await;
        assert_eq!(code(&page), (200, None), "{gateway}: {}", page.body);
        let reply = give(&world, &buyer, another_card(gateway)).await;
        assert_eq!(code(&reply), (200, None), "{gateway}: {}", reply.body);
        assert_eq!(world.system.peers.cleeng.payment_details().len(), 1);
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_new_card_pays_what_the_old_one_could_not() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber_with(gateway, TestCard::RefusesLater).await;
        // 60 hours before the period ends: the first of four tries has been refused.
        let due = world.at_cleeng(subscriber.subscription).ends;
        world.system.run_until(due - SignedDuration::from_hours(60)).await;
        let rejected = |row: &local::simulators::cleeng::CleengPayment| row.status == PaymentState::Rejected;
        assert_eq!(world.recorded().into_iter().filter(rejected).count(), 1, "{gateway}");
        let buyer = back(&world, &subscriber);
        assert_eq!(code(&give(&world, &buyer, another_card(gateway)).await), (200, None), "{gateway}");
        world.pass_days(5).await;
        assert_eq!(world.at_cleeng(subscriber.subscription).status, SubscriptionState::Active, "{gateway}");
        assert_eq!(world.charges(), 2, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_hold_on_the_old_card_is_let_go_and_the_new_one_pays() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let due = world.at_cleeng(subscriber.subscription).ends;
        world.system.run_until(due - SignedDuration::from_hours(60)).await;
        assert_eq!(world.payments(gateway).iter().filter(|it| it.held_minor > 0).count(), 1, "{gateway}");
        let buyer = back(&world, &subscriber);
        assert_eq!(code(&give(&world, &buyer, another_card(gateway)).await), (200, None), "{gateway}");
        world.pass(SignedDuration::from_mins(30)).await;
        assert_eq!(world.payments(gateway).iter().filter(|it| it.held_minor > 0).count(), 0, "{gateway}");
        let cancelled =
            |row: &&local::simulators::cleeng::CleengPayment| row.status == PaymentState::Cancelled;
        assert_eq!(world.recorded().iter().filter(cancelled).count(), 1, "{gateway}");
        world.pass_days(4).await;
        assert_eq!(world.charges(), 2, "{gateway}: the first payment, and the renewal on the new card");
        assert!(world.at_cleeng(subscriber.subscription).ends > due);
        world.agrees().await;
    }
}

#[tokio::test]
async fn details_that_are_deactivated_are_charged_no_more() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let details = world.at_cleeng(subscriber.subscription).details.unwrap();
        control(&world, "cleeng", &format!("payment_details/{details}/deactivate"), &json!({}));
        world.pass(PATIENT).await;
        let mapping = world.mapping(subscriber.subscription).await;
        assert_eq!((mapping.token, mapping.details), (None, None), "{gateway}");
        world.pass_days(40).await;
        assert_eq!(world.charges(), 1, "{gateway}: nothing is charged to a card that is gone");
        let refusals = world.recorded().into_iter().filter(|row| row.status == PaymentState::Rejected);
        assert!(refusals.into_iter().all(|row| row.rejected_reason.as_deref() == Some("token_missing")));
        world.agrees().await;
    }
}

#[tokio::test]
async fn details_that_are_deactivated_are_not_charged_for_an_offer_that_is_switched_to_either() {
    for gateway in GATEWAYS {
        for setting in ["no", "yes"] {
            let world = World::with_settings(&[("FORGET_TOKENS", setting)]);
            let old = world.subscriber(gateway).await.subscription;
            let details = world.at_cleeng(old).details.unwrap();
            control(&world, "cleeng", &format!("payment_details/{details}/deactivate"), &json!({}));
            world.pass(PATIENT).await;
            // Cleeng sells the new offer with the record of the old one, and there is no item of it here yet.
            let path = format!("subscriptions/{old}/switch");
            control(&world, "cleeng", &path, &json!({ "offerId": offers::WEEKLY }));
            let new = world.at_cleeng(old).replaced_by.unwrap();
            assert_eq!(world.at_cleeng(new).details, Some(details));
            world.pass_days(40).await;
            assert_eq!(world.mapping(new).await.token, None, "{gateway} {setting}");
            assert_eq!(world.charges(), 1, "{gateway} {setting}: nothing is charged to a card that is gone");
            let refusals: Vec<_> =
                world.recorded().into_iter().filter(|row| row.status == PaymentState::Rejected).collect();
            assert!(!refusals.is_empty(), "{gateway} {setting}: Cleeng is told");
            assert!(refusals.iter().all(|row| row.rejected_reason.as_deref() == Some("token_missing")));
            world.agrees().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_card_of_which_cleengs_word_is_lost_is_not_forgotten_with_the_one_before() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::deployed(&[("FORGET_TOKENS", "yes")], storm.clone(), Vec::new());
        let subscriber = world.subscriber(gateway).await;
        assert_eq!(
            give(&world, &back(&world, &subscriber), another_card(gateway)).await.status.as_u16(),
            200
        );
        world.pass(PATIENT).await;
        let fault = Fault::AnswerLost;
        storm.strike(Strike { host: "cleeng", method: "POST", path: "/payment_details", fault, times: 1 });
        give(&world, &back(&world, &subscriber), another_card(gateway)).await;
        assert!(storm.is_over(), "{gateway}");
        world.pass_days(40).await;
        assert_eq!(world.charges(), 2, "{gateway}: the newest card pays");
        assert!(world.recorded().iter().all(|row| row.status == PaymentState::Captured), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_card_change_that_was_cut_short_is_finished_by_the_timer() {
    for gateway in GATEWAYS {
        for strike in [
            // Cleeng's answer about the new card is lost, then it is away for a while.
            Strike {
                host: "cleeng",
                method: "POST",
                path: "/payment_details",
                fault: Fault::RequestLost,
                times: 2,
            },
            Strike {
                host: "cleeng",
                method: "POST",
                path: "/payment_details",
                fault: Fault::AnswerLost,
                times: 1,
            },
            // The list of subscriptions does not come.
            Strike {
                host: "cleeng",
                method: "GET",
                path: "/subscriptions",
                fault: Fault::Instead(503, "away"),
                times: 3,
            },
        ] {
            let storm = Storm::calm();
            let world = World::in_weather(storm.clone());
            let subscriber = world.subscriber(gateway).await;
            let before = world.mapping(subscriber.subscription).await.token;
            let buyer = back(&world, &subscriber);
            // The first change asks for the subscriptions before anything else: let that one pass.
            give(&world, &buyer, TestCard::Refused.data(gateway)).await;
            let what = format!("{gateway} {} {}", strike.method, strike.path);
            storm.strike(strike);
            let reply = give(&world, &buyer, another_card(gateway)).await;
            assert!(reply.status.is_success(), "{what}: {}", reply.body);
            world.pass_days(2).await;
            assert!(storm.is_over(), "{what}");
            let after = world.mapping(subscriber.subscription).await;
            assert_ne!(after.token, before, "{what}");
            assert_eq!(
                after.details.map(payment::PaymentDetailsId::number),
                world.at_cleeng(subscriber.subscription).details,
                "{what}"
            );
            assert_eq!(item(&world, &buyer).await.due, None, "{what}");
            world.agrees().await;
        }
    }
}

#[tokio::test]
async fn somebody_who_tries_many_cards_is_stopped_for_an_hour() {
    for gateway in GATEWAYS {
        let world = World::new();
        let mut buyer = world.buyer(gateway);
        for _ in 0..5 {
            let reply = give(&world, &buyer, TestCard::Refused.data(gateway)).await;
            assert_eq!(reply.status.as_u16(), 422, "{gateway}");
            // A new order for each card does not help.
            let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
            let reply = buyer.pay(&world.system, order, TestCard::Refused).await;
            assert_eq!(reply.status.as_u16(), 422, "{gateway}");
        }
        let asked = world.payments(gateway).len();
        assert_eq!(give(&world, &buyer, another_card(gateway)).await.status.as_u16(), 429, "{gateway}");
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(reply.status.as_u16(), 429, "{gateway}");
        assert_eq!(world.payments(gateway).len(), asked, "{gateway}: the bank hears of none");
        world.pass(SignedDuration::from_mins(61)).await;
        buyer.log_in(&world.system).unwrap();
        assert_eq!(code(&give(&world, &buyer, another_card(gateway)).await), (200, None), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_of_another_gateway_takes_over_and_a_late_event_does_not_bring_the_old_one_back() {
    let world = World::new();
    let subscriber = world.subscriber("stripe").await;
    let late = world.renewal_event("subscriptionReadyForPaymentAuthorisation", subscriber.subscription, 48);
    let buyer = Buyer { gateway: "adyen".to_owned(), ..back(&world, &subscriber) };
    assert_eq!(code(&give(&world, &buyer, another_card("adyen")).await), (200, None));
    assert_eq!(world.cleeng_says(&late).await.status().as_u16(), 200);
    world.pass(PATIENT).await;
    assert_eq!(world.payments("stripe").len(), 1, "only the first payment");
    let held = world.payments("adyen").into_iter().filter(|it| it.held_minor > 0).count();
    assert_eq!(held, 1, "the renewal is held on the new card");
}

#[tokio::test]
async fn a_subscription_that_cleeng_left_on_the_old_card_is_set_to_the_new_one() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let old = world.at_cleeng(subscriber.subscription).details.unwrap();
        let buyer = back(&world, &subscriber);
        give(&world, &buyer, another_card(gateway)).await;
        world.pass(PATIENT).await;
        let new = world.at_cleeng(subscriber.subscription).details.unwrap();
        // As a Cleeng that does not move subscriptions by itself would have it.
        let back =
            http::Request::patch(format!("http://cleeng.test/3.1/subscriptions/{}", subscriber.subscription))
                .header("content-type", "application/json")
                .header("x-publisher-token", CleengSimulatorSettings::default().publisher_token)
                .body(json!({ "paymentDetailsId": old }).to_string().into());
        let answer = world.system.peers.cleeng_host.handle(back.unwrap());
        assert!(answer.status().is_success(), "{answer:?}");
        assert_eq!(world.at_cleeng(subscriber.subscription).details, Some(old));
        let mut unspread = item(&world, &buyer).await;
        unspread.wake = Some(world.system.clock.now());
        unspread.due = unspread.wake;
        world.system.ledger.write(&unspread).await.unwrap();
        world.pass(PATIENT).await;
        assert_eq!(world.at_cleeng(subscriber.subscription).details, Some(new), "{gateway}");
        assert_eq!(item(&world, &buyer).await.due, None);
        world.agrees().await;
    }
}
