//! Deliveries, set-up and customers' tokens.

use cleeng::webhook::Topic;
use cleeng::{DunningActions, TokenError, WebhookSubscription};
use secrecy::SecretString;
use serde_json::json;

use super::world::{ADYEN, STRIPE, World, soon};
use crate::simulators::Simulator;
use crate::simulators::cleeng::CleengSimulatorSettings;
use crate::simulators::cleeng::offers::WEEKLY;

#[tokio::test]
async fn a_webhook_comes_back_until_it_is_answered_with_exactly_200() {
    let world = World::new();
    world.buy(WEEKLY).await;
    world.jump("2026-02-04T10:00:00Z".parse().unwrap());
    let due = |world: &World| world.simulator.deliveries(world.now());
    let first = due(&world).pop().unwrap();
    assert_eq!(due(&world).len(), 1, "listed until it is answered");
    for (status, back_at) in
        [(202, "2026-02-04T10:01:00Z"), (500, "2026-02-04T10:06:00Z"), (503, "2026-02-04T10:36:00Z")]
    {
        world.control(&format!("deliveries/{}", first.id), &json!({"status": status}));
        assert_eq!(due(&world).len(), 0);
        world.jump(back_at.parse().unwrap());
        assert_eq!(due(&world).pop().unwrap().body, first.body);
    }
    world.control(&format!("deliveries/{}", first.id), &json!({"status": 200}));
    assert_eq!(due(&world).len(), 0);

    world.control(&format!("deliveries/{}/again", first.id), &json!({}));
    let again = due(&world).pop().unwrap();
    let digest =
        |delivery: &crate::simulators::Delivery| world.read(&delivery.headers, &delivery.body).digest;
    assert_eq!(digest(&again), digest(&first));
}

#[tokio::test]
async fn set_up_merges_into_what_is_there_and_a_filter_keeps_others_away() {
    let empty = CleengSimulatorSettings { webhook_url: None, ..CleengSimulatorSettings::default() };
    let secret = SecretString::from(empty.webhook_secret.clone());
    let world = World::with(empty, &[]);
    let endpoint = |url: &str, method: u64| {
        WebhookSubscription::new(&url.parse().unwrap(), Some(method.try_into().unwrap()), Some(&secret))
    };
    let theirs = endpoint("https://other.example/hook", ADYEN);
    let ours = endpoint("https://ours.example/webhooks/cleeng", STRIPE);
    world
        .cleeng
        .put_webhook_subscriptions(&Topic::Authorise, std::slice::from_ref(&theirs), soon())
        .await
        .unwrap();
    let mut merged = world.cleeng.webhook_subscriptions(&Topic::Authorise, soon()).await.unwrap();
    merged.push(ours);
    world.cleeng.put_webhook_subscriptions(&Topic::Authorise, &merged, soon()).await.unwrap();
    let now = world.cleeng.webhook_subscriptions(&Topic::Authorise, soon()).await.unwrap();
    assert_eq!(
        now.iter().map(WebhookSubscription::url).collect::<Vec<_>>(),
        ["https://other.example/hook", "https://ours.example/webhooks/cleeng"]
    );
    assert!(now.iter().all(WebhookSubscription::has_secret));
    assert!(world.cleeng.webhook_subscriptions(&Topic::Capture, soon()).await.unwrap().is_empty());

    world.buy(WEEKLY).await;
    let due = world.simulator.deliveries("2026-02-04T10:00:00Z".parse().unwrap());
    let endpoints: Vec<_> =
        due.iter().flat_map(|it| &it.headers).filter(|(name, _)| name == "x-simulator-endpoint").collect();
    assert_eq!(endpoints.len(), 1, "the other connector's filter drops it");
    assert!(endpoints[0].1.contains("ours.example"));
}

#[tokio::test]
async fn dunning_actions_decide_when_a_payment_is_asked_for() {
    let world = World::new();
    let mut actions = DunningActions::recommended(STRIPE.try_into().unwrap(), false);
    actions.payment_attempts = vec![1];
    world.cleeng.put_dunning_actions("weekly", &actions, soon()).await.unwrap();
    world.buy(WEEKLY).await;
    assert_eq!(
        world.topics("2026-02-07T09:30:00Z"),
        [("2026-02-07T09:00:00Z".to_owned(), "subscriptionReadyForPaymentCapture".to_owned())]
    );
    assert!(world.cleeng.put_dunning_actions("daily", &actions, soon()).await.is_err());
    actions.grace_period = 50;
    assert!(world.cleeng.put_dunning_actions("weekly", &actions, soon()).await.unwrap_err().is_refusal());
}

#[tokio::test]
async fn a_customers_token_is_proved_by_cleeng_itself() {
    let world = World::new();
    let made = world.control("customers", &json!({}));
    let jwt = made["jwt"].as_str().unwrap().to_owned();
    let id = made["customerId"].as_u64().unwrap();
    let verify = async |token: String| world.media.verify_customer(&token.into(), world.now(), soon()).await;
    assert_eq!(verify(jwt.clone()).await.unwrap().number(), id);
    assert!(matches!(verify(String::new()).await, Err(TokenError::Missing)));
    assert!(matches!(verify("a.b.c".to_owned()).await, Err(TokenError::Invalid)));
    let expired = world.control(&format!("customers/{id}/token"), &json!({"seconds": -1}));
    assert!(matches!(verify(expired["jwt"].as_str().unwrap().to_owned()).await, Err(TokenError::Expired)));
    // Another customer's claims under this signature.
    let other = world.control("customers", &json!({}));
    let parts = |jwt: &str| jwt.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (mine, theirs) = (parts(&jwt), parts(other["jwt"].as_str().unwrap()));
    let forged = format!("{}.{}.{}", mine[0], theirs[1], mine[2]);
    assert!(matches!(verify(forged).await, Err(TokenError::Invalid)));
}
