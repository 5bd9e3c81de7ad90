//! Adyen: the adapter against its simulator, over a network that breaks on purpose.

use std::sync::Arc;

use gateways::BuyerReturn;
use gateways::adyen::{Adyen, AdyenSettings, AdyenWebhookSettings, AdyenWebhooks};
use local::clock::MovableClock;
use local::hosted::Hosted;
use local::simulators::adyen::{AdyenAccount, AdyenSimulator};
use payment::{Action, Token};
use serde_json::{Value, json};
use wire::Wire;
use wire::simulated::{Network, Peer};

use crate::gateways::adyen_world::{MERCHANT, settings};
use crate::gateways::contract::{Bench, Weathers, suite};

suite!(bench);

/// Adyen on a simulated network, at nine in the morning.
pub(crate) fn bench() -> Bench {
    let clock = Arc::new(MovableClock::standing("2026-11-02T09:00:00Z".parse().unwrap()));
    let simulator = Arc::new(AdyenSimulator::new(AdyenAccount::default()));
    let peer: Arc<dyn Peer> = Arc::new(Hosted::new(simulator.clone(), clock.clone()));
    let weather = Arc::new(Weathers::default());
    let network = Network::new(vec![("adyen.test".to_owned(), peer)], weather.clone());
    let settings = settings();
    let judge = simulator.clone();
    Bench {
        gateway: Arc::new(Adyen::new(
            Wire::new(Arc::new(network)),
            AdyenSettings::from_settings(&settings).unwrap(),
        )),
        webhooks: Arc::new(AdyenWebhooks::new(AdyenWebhookSettings::from_settings(&settings).unwrap())),
        simulator,
        account: Some(MERCHANT.parse().unwrap()),
        clock,
        weather,
        looks_up: false,
        pays: card("test_visa"),
        refused: card("test_declined_12"),
        challenged: card("test_3ds_redirect"),
        challenge,
        spoil,
        violations: Box::new(move || judge.violations()),
    }
}

fn card(name: &str) -> Value {
    json!({ "type": "scheme", "encryptedCardNumber": name, "encryptedSecurityCode": "test_737" })
}

fn challenge(_: &Bench, action: &Action, success: bool) -> BuyerReturn {
    let page: Value = serde_json::from_str(&action.page).unwrap();
    assert_eq!(page["type"], "redirect");
    let payment = action.reference.as_ref().unwrap();
    let result = if success { "authorised" } else { "refused" };
    BuyerReturn {
        reference: action.reference.clone(),
        details: json!({ "redirectResult": format!("{payment}.{result}") }),
    }
}

fn spoil(bench: &Bench, token: &Token) {
    let (_, card) = token.expose().split_once('|').unwrap();
    assert!(bench.control(&format!("stored/{card}"), &json!({ "behaviour": "12" })).status().is_success());
}
