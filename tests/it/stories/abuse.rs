//! Somebody who tests stolen cards: stopped by a captcha where one is wanted, and told nothing either way.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use local::buyer::{Buyer, Reply};
use local::simulators::cleeng::{PaymentState, offers};
use serde_json::{Value, json};
use wire::simulated::{Clear, Peer};

use super::secrets::Written;
use crate::world::{GATEWAYS, World, code};

/// A siteverify of the common kind: `solved` passes, once; anything else does not.
#[derive(Default)]
struct Siteverify {
    forms: Mutex<Vec<String>>,
    answers: Mutex<Option<(u16, &'static str)>>,
}

impl Peer for Siteverify {
    fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        let mut forms = self.forms.lock().unwrap();
        let passes = form.contains("response=solved") && !forms.contains(&form);
        forms.push(form);
        let (status, body) = self.answers.lock().unwrap().unwrap_or((200, ""));
        let usual = json!({ "success": passes, "hostname": "shop.test", "error-codes": [] }).to_string();
        let body = if body.is_empty() { usual } else { body.to_owned() };
        Response::builder().status(status).body(Bytes::from(body)).unwrap()
    }
}

const SETTINGS: [(&str, &str); 2] =
    [("CAPTCHA_VERIFY_URL", "http://captcha.test/siteverify"), ("CAPTCHA_SECRET", "captcha-canary-1")];

fn guarded() -> (World, Arc<Siteverify>) {
    let verifier = Arc::new(Siteverify::default());
    let peer: Arc<dyn Peer> = verifier.clone();
    (World::deployed(&SETTINGS, Arc::new(Clear), vec![("captcha.test".to_owned(), peer)]), verifier)
}

fn card(gateway: &str, stripe: &str, adyen: &str) -> Value {
    match gateway {
        "stripe" => json!({ "payment_method": stripe }),
        _ => json!({
            "type": "scheme", "encryptedCardNumber": adyen, "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030", "encryptedSecurityCode": "test_737",
        }),
    }
}

async fn pay(world: &World, buyer: &Buyer, order: u64, card: &Value, captcha: Option<&str>) -> Reply {
    let body = json!({
        "orderId": order, "paymentMethod": card, "returnUrl": "http://shop.test/return", "captcha": captcha,
        "origin": "http://shop.test", "browserInfo": {
            "userAgent": "Mozilla/5.0", "acceptHeader": "*/*", "language": "nl-NL", "colorDepth": 24,
            "screenHeight": 900, "screenWidth": 1440, "timeZoneOffset": -60, "javaEnabled": false,
        },
    });
    buyer.post(&world.system, "initial-payment", &body).await
}

#[tokio::test]
async fn without_a_solved_captcha_no_card_is_tried() {
    for gateway in GATEWAYS {
        let (world, verifier) = guarded();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let visa = card(gateway, "pm_card_visa", "test_visa");
        let missing = pay(&world, &buyer, order, &visa, None).await;
        assert_eq!(code(&missing), (400, Some("REQ0001")), "{}", missing.body);
        assert!(missing.text("/errors/0").unwrap().contains("`captcha`"), "{}", missing.body);
        let wrong = pay(&world, &buyer, order, &visa, Some("guessed")).await;
        assert_eq!(wrong.status.as_u16(), 422, "{}", wrong.body);
        for answer in [(500, "{}"), (200, "<html>"), (403, "{}")] {
            *verifier.answers.lock().unwrap() = Some(answer);
            let away = pay(&world, &buyer, order, &visa, Some("solved")).await;
            assert_eq!(away.status.as_u16(), 503, "it does not open by being away: {}", away.body);
        }
        *verifier.answers.lock().unwrap() = None;
        verifier.forms.lock().unwrap().clear();
        assert_eq!(world.payments(gateway), [], "{gateway}: nobody's card was tried");
        let paid = pay(&world, &buyer, order, &visa, Some("solved")).await;
        assert_eq!(paid.text("/responseData/payment/status"), Some("captured"), "{}", paid.body);
        // The same call once more finds its payment, although a captcha counts once.
        let again = pay(&world, &buyer, order, &visa, Some("solved")).await;
        assert_eq!(again.text("/responseData/payment/status"), Some("captured"), "{}", again.body);
        let forms = verifier.forms.lock().unwrap().clone();
        assert_eq!(forms, ["secret=captcha-canary-1&response=solved"]);
        world.pass_days(1).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn without_a_solved_captcha_no_card_is_added() {
    for gateway in GATEWAYS {
        let (world, _) = guarded();
        let buyer = world.buyer(gateway);
        let give = async |captcha: Option<&str>| {
            let body = json!({
                "paymentMethodId": local::buyer::method(gateway), "captcha": captcha,
                "paymentMethod": card(gateway, "pm_card_visa", "test_visa"), "returnUrl": "http://shop.test/",
                "origin": "http://shop.test", "browserInfo": {
                    "userAgent": "Mozilla/5.0", "acceptHeader": "*/*", "language": "nl-NL", "colorDepth": 24,
                    "screenHeight": 900, "screenWidth": 1440, "timeZoneOffset": -60, "javaEnabled": false,
                },
            });
            buyer.post(&world.system, "payment-details", &body).await
        };
        assert_eq!(code(&give(None).await), (400, Some("REQ0001")));
        assert_eq!(give(Some("guessed")).await.status.as_u16(), 422);
        assert_eq!(world.payments(gateway), []);
        let kept = give(Some("solved")).await;
        assert_eq!(kept.text("/responseData/paymentDetails/status"), Some("active"), "{}", kept.body);
    }
}

#[tokio::test]
async fn every_refused_card_is_answered_alike_and_only_cleeng_hears_why() {
    for (gateway, cards) in [
        (
            "stripe",
            [
                "pm_card_chargeDeclined",
                "pm_card_chargeDeclinedInsufficientFunds",
                "pm_card_chargeDeclinedLostCard",
                "pm_card_chargeDeclinedExpiredCard",
                "pm_card_chargeDeclinedIncorrectCvc",
                "pm_card_chargeDeclinedFraudulent",
            ],
        ),
        (
            "adyen",
            [
                "test_declined_2",
                "test_declined_12",
                "test_declined_5",
                "test_declined_6",
                "test_declined_24",
                "test_declined_20",
            ],
        ),
    ] {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let mut answers = Vec::new();
        for name in cards {
            let reply = pay(&world, &buyer, order, &card(gateway, name, name), None).await;
            answers.push((reply.status.as_u16(), reply.body.to_string()));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{gateway}: {answers:?}");
        assert_eq!(answers[0].0, 422);
        let told = world.recorded();
        assert!(told.iter().all(|row| row.status == PaymentState::Rejected));
        let mut reasons: Vec<_> = told.into_iter().filter_map(|row| row.rejected_reason).collect();
        reasons.sort();
        reasons.dedup();
        assert_eq!(reasons.len(), cards.len(), "{gateway}: Cleeng hears each reason: {reasons:?}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn neither_a_captchas_value_nor_its_secret_is_written_or_answered() {
    let written = Written::default();
    let logs =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(written.clone()).finish();
    let _guard = tracing::subscriber::set_default(logs);
    let (world, verifier) = guarded();
    let buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    let visa = card("stripe", "pm_card_visa", "");
    let mut answers = pay(&world, &buyer, order, &visa, Some("value-canary-1")).await.body.to_string();
    *verifier.answers.lock().unwrap() = Some((500, "value-canary-1 captcha-canary-1"));
    answers += &pay(&world, &buyer, order, &visa, Some("value-canary-1")).await.body.to_string();
    let logs = written.text();
    assert!(logs.contains("No captcha can be checked"), "{logs}");
    for canary in ["value-canary-1", "captcha-canary-1"] {
        assert!(!logs.contains(canary) && !answers.contains(canary), "{canary}");
    }
}
