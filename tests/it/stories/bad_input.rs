//! Bad input: a clear error in Cleeng's envelope with its code; nothing charged, nothing recorded, nothing lost.

use jiff::SignedDuration;
use local::buyer::{Buyer, Reply, TestCard};
use local::simulators::cleeng::offers;
use serde_json::{Value, json};

use crate::world::{World, code};

/// A valid body, to be spoilt.
fn body(order: u64) -> Value {
    json!({
        "orderId": order, "paymentMethod": TestCard::Pays.data("stripe"), "returnUrl": "http://shop.test/return",
    })
}

async fn nothing_happened(world: &World) {
    world.system.settle().await;
    assert_eq!(world.payments("stripe"), []);
    assert_eq!(world.recorded(), []);
}

fn is_clear(reply: &Reply) {
    let text = reply.text("/errors/0").unwrap_or_default();
    assert!(text.len() > 10 && text.ends_with(['.', ':']) || text.contains(':'), "{}", reply.body);
    assert!(reply.body["responseData"].is_null(), "{}", reply.body);
}

async fn pay(world: &World, buyer: &Buyer, body: &Value) -> Reply {
    buyer.post(&world.system, "initial-payment", body).await
}

#[tokio::test]
async fn a_body_of_the_wrong_shape_is_refused_with_its_place() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    for spoilt in [
        json!(null),
        json!([]),
        json!({}),
        json!({"orderId": order}),
        json!({"orderId": "abc", "paymentMethod": {}, "returnUrl": "http://shop.test/"}),
        json!({"orderId": -5, "paymentMethod": {}, "returnUrl": "http://shop.test/"}),
        json!({"orderId": 1.5, "paymentMethod": {}, "returnUrl": "http://shop.test/"}),
        json!({"orderId": order, "paymentMethod": {}, "returnUrl": "not a url"}),
        json!({"orderId": order, "paymentMethod": {}, "returnUrl": "https://evil.example/"}),
        // serde would take an array for the members in their order.
        json!([order, TestCard::Pays.data("stripe"), "http://shop.test/return"]),
    ] {
        let reply = pay(&world, &buyer, &spoilt).await;
        assert_eq!(code(&reply), (400, Some("REQ0001")), "{spoilt} → {}", reply.body);
        is_clear(&reply);
    }
    nothing_happened(&world).await;
}

#[tokio::test]
async fn what_is_wrong_of_a_body_is_named() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    for (spoilt, sentence) in [
        (json!({"orderId": "x"}), "The body has not the expected shape: `orderId`: not a valid OrderId."),
        (json!({"orderId": 1}), "The body has not the expected shape: missing field `paymentMethod`."),
        (json!([1]), "The body is not a JSON object."),
    ] {
        let reply = pay(&world, &buyer, &spoilt).await;
        assert_eq!(reply.text("/errors/0"), Some(sentence));
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_or_too_long_is_refused() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    for raw in ["{".to_owned(), "orderId=1".to_owned(), format!("{{\"x\":\"{}\"}}", "y".repeat(70 * 1024))] {
        let request = http::Request::post("http://connector.test/connectors/stripe/initial-payment")
            .header("authorization", format!("Bearer {}", buyer.jwt))
            .body(bytes::Bytes::from(raw))
            .unwrap();
        let response = world.system.request(request).await;
        assert_eq!(response.status(), 400);
        assert!(String::from_utf8_lossy(response.body()).contains("REQ0001"));
    }
    nothing_happened(&world).await;
}

#[tokio::test]
async fn data_that_is_not_the_gateways_is_refused() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    let spoilt =
        json!({"orderId": order, "paymentMethod": {"type": "card"}, "returnUrl": "http://shop.test/"});
    let reply = pay(&world, &buyer, &spoilt).await;
    assert_eq!(code(&reply), (422, Some("STRIPE0004")), "{}", reply.body);
    nothing_happened(&world).await;
    let paid = pay(&world, &buyer, &body(order)).await;
    assert_eq!(paid.status, 200, "the order can still be paid: {}", paid.body);
}

#[tokio::test]
async fn payment_data_that_the_gateway_never_made_call_no_operator_and_leave_nothing_to_finalize() {
    let world = World::new();
    for (gateway, made_up) in [
        ("stripe", json!({"payment_method": "pm_nobodys"})),
        ("stripe", json!({"confirmationToken": "ctoken_nobodys"})),
        ("adyen", json!({"type": "\u{1}"})),
        ("adyen", json!({"type": "scheme", "encryptedCardNumber": "nobodys"})),
        ("adyen", json!({"type": "scheme", "storedPaymentMethodId": "NOBODYS"})),
    ] {
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let spoilt = json!({"orderId": order, "paymentMethod": made_up, "returnUrl": "http://shop.test/"});
        let reply = pay(&world, &buyer, &spoilt).await;
        let refused = format!("{}0004", gateway.to_uppercase());
        assert_eq!(code(&reply), (422, Some(refused.as_str())), "{made_up}: {}", reply.body);
        let nothing = format!("{}0001", gateway.to_uppercase());
        let reply = buyer.finalize(&world.system, order, &json!({})).await;
        assert_eq!(code(&reply), (422, Some(nothing.as_str())), "{}", reply.body);
        assert_eq!(buyer.pay(&world.system, order, TestCard::Pays).await.status, 200);
    }
}

#[tokio::test]
async fn an_unknown_order_and_somebody_elses_get_the_same_answer() {
    let world = World::new();
    let (buyer, other) = (world.buyer("stripe"), world.buyer("stripe"));
    let theirs = other.order(&world.system, offers::MONTHLY).unwrap();
    let (unknown, foreign) =
        (pay(&world, &buyer, &body(999_999_999)).await, pay(&world, &buyer, &body(theirs)).await);
    assert_eq!(code(&unknown), (422, Some("STRIPE0001")), "{}", unknown.body);
    assert_eq!(unknown.body, foreign.body);
    nothing_happened(&world).await;
}

#[tokio::test]
async fn an_expired_order_is_not_charged() {
    let world = World::new();
    let mut buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    world.pass(SignedDuration::from_hours(25)).await;
    buyer.log_in(&world.system).unwrap();
    let reply = pay(&world, &buyer, &body(order)).await;
    assert_eq!(code(&reply), (422, Some("STRIPE0001")), "{}", reply.body);
    assert!(reply.text("/errors/0").unwrap().contains("expired"));
    nothing_happened(&world).await;
}

#[tokio::test]
async fn an_amount_that_the_gateway_cannot_count_is_not_charged() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    // Half of 1.250 dinars is 0.625, and Stripe takes dinars in steps of 0.010 only.
    let wish = json!({
        "customerId": buyer.customer, "offerId": offers::DINARS, "currency": "KWD", "country": "KW",
        "paymentMethodId": local::buyer::method("stripe"), "couponCode": offers::COUPON_HALF,
    });
    let made = world.system.peers.cleeng_host.control("orders", &wish);
    let order: Value = serde_json::from_slice(made.body()).unwrap();
    let reply = pay(&world, &buyer, &body(order["id"].as_u64().unwrap())).await;
    assert_eq!(code(&reply), (422, Some("STRIPE0001")), "{}", reply.body);
    assert!(reply.text("/errors/0").unwrap().contains("0.625 KWD"), "{}", reply.body);
    nothing_happened(&world).await;
}

#[tokio::test]
async fn an_order_that_needs_no_payment_says_so() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::FREE).unwrap();
    let reply = pay(&world, &buyer, &body(order)).await;
    assert_eq!(code(&reply), (422, Some("STRIPE0001")), "{}", reply.body);
    nothing_happened(&world).await;
}

#[tokio::test]
async fn a_gateway_that_is_not_set_up_is_named_as_unknown() {
    let world = World::new();
    let buyer = Buyer { gateway: "paypal".to_owned(), ..world.buyer("stripe") };
    let reply = pay(&world, &buyer, &body(1)).await;
    assert_eq!(code(&reply), (404, Some("REQ0003")), "{}", reply.body);
    is_clear(&reply);
}

#[tokio::test]
async fn another_gateways_order_is_refused() {
    let world = World::new();
    let buyer = world.buyer("adyen");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    let buyer = Buyer { gateway: "stripe".to_owned(), ..buyer };
    let reply = pay(&world, &buyer, &body(order)).await;
    assert_eq!(code(&reply), (422, Some("STRIPE0001")), "{}", reply.body);
    nothing_happened(&world).await;
}

#[tokio::test]
async fn a_missing_forged_or_expired_customer_token_is_refused_by_its_own_code() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    let with = |jwt: &str| Buyer { jwt: jwt.to_owned(), ..buyer.clone() };
    let forged = {
        let (head, signature) = buyer.jwt.rsplit_once('.').unwrap();
        let other: String = signature.chars().rev().collect();
        format!("{head}.{other}")
    };
    for (jwt, expected) in
        [("", "AUTH0002"), ("abc", "AUTH0002"), ("a.b.c", "AUTH0002"), (forged.as_str(), "AUTH0002")]
    {
        let reply = pay(&world, &with(jwt), &body(order)).await;
        assert_eq!(code(&reply), (401, Some(expected)), "{jwt:?}: {}", reply.body);
    }
    let request = http::Request::post("http://connector.test/connectors/stripe/initial-payment")
        .body(bytes::Bytes::from(body(order).to_string()))
        .unwrap();
    let response = world.system.request(request).await;
    assert_eq!(response.status(), 401);
    assert!(String::from_utf8_lossy(response.body()).contains("AUTH0001"));
    world.pass(SignedDuration::from_hours(1)).await;
    let reply = pay(&world, &buyer, &body(order)).await;
    assert_eq!(code(&reply), (401, Some("AUTH0003")), "{}", reply.body);
    nothing_happened(&world).await;
}

#[tokio::test]
async fn a_card_number_anywhere_in_a_purchase_is_refused_and_not_repeated() {
    let world = World::new();
    let buyer = world.buyer("stripe");
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    for (place, value) in [
        ("paymentMethod", json!({"number": "4242424242424242"})),
        ("paymentMethod", json!({"payment_method": "pm_card_visa", "note": "4242 4242 4242 4242"})),
        ("billingAddress", json!({"street": "5555-5555-5555-4444"})),
        ("browserInfo", json!({"x": 4_242_424_242_424_242_u64})),
    ] {
        let mut spoilt = body(order);
        spoilt[place] = value;
        let reply = pay(&world, &buyer, &spoilt).await;
        assert_eq!(code(&reply), (400, Some("REQ0001")), "{}", reply.body);
        assert!(!reply.body.to_string().contains("4242") && !reply.body.to_string().contains("4444"));
    }
    nothing_happened(&world).await;
}
