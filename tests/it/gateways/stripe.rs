//! Stripe: the adapter against its simulator, over a network that breaks on purpose.

use std::sync::Arc;

use gateways::BuyerReturn;
use gateways::stripe::{Stripe, StripeSettings, StripeWebhookSettings, StripeWebhooks};
use local::clock::MovableClock;
use local::hosted::Hosted;
use local::simulators::stripe::{StripeAccount, StripeSimulator};
use payment::{Action, Token};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use settings::Settings;
use wire::Wire;
use wire::simulated::{Network, Peer};

use crate::gateways::contract::{Bench, Weathers, suite};

suite!(bench);

/// Stripe on a simulated network, at nine in the morning.
pub(crate) fn bench() -> Bench {
    let clock = Arc::new(MovableClock::standing("2026-11-02T09:00:00Z".parse().unwrap()));
    let simulator = Arc::new(StripeSimulator::new(StripeAccount::default()));
    let peer: Arc<dyn Peer> = Arc::new(Hosted::new(simulator.clone(), clock.clone()));
    let weather = Arc::new(Weathers::default());
    let network = Network::new(vec![("stripe.test".to_owned(), peer)], weather.clone());
    let settings = settings();
    let judge = simulator.clone();
    Bench {
        gateway: Arc::new(Stripe::new(
            Wire::new(Arc::new(network)),
            StripeSettings::from_settings(&settings).unwrap(),
        )),
        webhooks: Arc::new(StripeWebhooks::new(StripeWebhookSettings::from_settings(&settings).unwrap())),
        simulator,
        account: None,
        clock,
        weather,
        looks_up: true,
        pays: json!({ "payment_method": "pm_card_visa" }),
        refused: json!({ "payment_method": "pm_card_chargeDeclinedInsufficientFunds" }),
        challenged: json!({ "payment_method": "pm_card_authenticationRequiredOnSetup" }),
        challenge,
        spoil,
        violations: Box::new(move || judge.violations()),
    }
}

/// The settings of the simulator's account.
pub(crate) fn settings() -> Settings {
    let account = StripeAccount::default();
    Settings::from_table([
        ("CONNECTOR_MODE", "test"),
        ("STRIPE_API_URL", "http://stripe.test"),
        ("STRIPE_SECRET_KEY", account.secret_key.expose_secret()),
        ("STRIPE_PUBLISHABLE_KEY", &account.publishable_key),
        ("STRIPE_WEBHOOK_SECRETS", account.webhook_secret.expose_secret()),
    ])
}

fn challenge(bench: &Bench, action: &Action, success: bool) -> BuyerReturn {
    let page: Value = serde_json::from_str(&action.page).unwrap();
    assert!(page["client_secret"].is_string() && page["next_action"]["type"] == "use_stripe_sdk");
    let result = if success { "success" } else { "fail" };
    let answer = bench
        .control(&format!("authenticate/{}", page["id"].as_str().unwrap()), &json!({ "result": result }));
    assert!(answer.status().is_success());
    BuyerReturn { reference: action.reference.clone(), details: Value::Null }
}

fn spoil(bench: &Bench, token: &Token) {
    let (_, card) = token.expose().split_once('|').unwrap();
    bench.control(&format!("payment_methods/{card}"), &json!({ "behaviour": "insufficient_funds" }));
}
