//! No key, token, signature, e-mail address or card number ever comes out in a log line or an answer, whatever comes in.

use std::io;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use local::buyer::TestCard;
use local::simulators::cleeng::offers;
use local::system::{Addresses, settings_table};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{GATEWAYS, World, signature};

/// Everything that was logged, by every crate, at every level.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

const EMAIL: &str = "canary.viewer@example.com";

#[tokio::test]
async fn nothing_secret_is_ever_written_or_answered() {
    let written = Written::default();
    let logs =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(written.clone()).finish();
    let _guard = tracing::subscriber::set_default(logs);
    let mut answers = String::new();
    let mut canaries: Vec<String> = vec![EMAIL.to_owned(), "4242424242424242".to_owned()];
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        canaries.push(buyer.jwt.clone());
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        // Refused, garbled, with a card number, then paid.
        for body in [
            json!({"orderId": order, "paymentMethod": {"number": "4242424242424242"}, "returnUrl": "http://shop.test/"}),
            json!({"orderId": order, "paymentMethod": EMAIL, "returnUrl": "http://shop.test/"}),
            json!({"orderId": EMAIL, "paymentMethod": {}, "returnUrl": "http://shop.test/"}),
            json!({"orderId": order, "paymentMethod": {}, "returnUrl": format!("http://{EMAIL}/")}),
        ] {
            answers += &buyer.post(&world.system, "initial-payment", &body).await.body.to_string();
        }
        answers += &buyer.pay(&world.system, order, TestCard::Refused).await.body.to_string();
        answers += &buyer.pay(&world.system, order, TestCard::Pays).await.body.to_string();
        world.pass(SignedDuration::from_mins(5)).await;
        let subscription = world.system.peers.cleeng.subscriptions().remove(0).id;
        let token = world.mapping(subscription).await.token.unwrap().expose().to_owned();
        canaries.extend(token.split('|').map(str::to_owned));
        // A renewal by webhook, a forged one, and one that cannot be read.
        let mut event = world.renewal_event("subscriptionReadyForPaymentAuthorisation", subscription, 72);
        event["data"]["customerEmail"] = json!(EMAIL);
        answers += &String::from_utf8_lossy(world.cleeng_says(&event).await.body());
        answers += &String::from_utf8_lossy(world.cleeng_posts(&event.to_string(), Some("00")).await.body());
        let broken = format!(r#"{{"topic":"subscriptionReadyForPaymentCapture","data":"{EMAIL}"}}"#);
        answers +=
            &String::from_utf8_lossy(world.cleeng_posts(&broken, Some(&signature(&broken))).await.body());
        canaries.push(signature(&event.to_string()));
        world.pass_days(33).await;
        world.agrees().await;
    }
    let secrets = [
        "CLEENG_PUBLISHER_TOKEN",
        "CLEENG_WEBHOOK_SECRETS",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRETS",
        "ADYEN_API_KEY",
        "ADYEN_HMAC_KEYS",
    ];
    let settings = settings_table(&Addresses::simulated());
    canaries.extend(settings.into_iter().filter(|(name, _)| secrets.contains(name)).map(|(_, value)| value));
    let logs = written.text();
    assert!(logs.contains("Took in"), "the logs are really caught");
    for canary in canaries {
        for (what, text) in [("a log line", &logs), ("an answer", &answers)] {
            let place = text.lines().find(|line| line.contains(&canary));
            assert_eq!(place, None, "{canary} came out in {what}");
        }
    }
}
