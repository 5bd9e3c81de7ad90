//! What no answer may hold, and what no input may do.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::Console;

#[tokio::test]
async fn no_answer_holds_a_token_a_key_or_an_address() {
    let console = Console::open().await;
    let mut keys = Vec::new();
    for gateway in ["stripe", "adyen"] {
        let key = console.sell(gateway, "pays", 1).await;
        console.try_it(&key, "change-card", json!({ "card": "pays" })).await;
        console.try_it(&key, "renew", json!({})).await;
        console.try_it(&key, "refund", json!({})).await;
        keys.push(key);
    }
    let system = &console.served.started.system;
    let details = system.peers.cleeng.payment_details();
    let whole = details.iter().map(|it| it.token.expose().to_owned());
    let at_gateways = ["stripe", "adyen"].into_iter().filter_map(|name| system.peers.gateway(name));
    let charged = at_gateways.flat_map(|it| it.payments()).filter_map(|it| it.token);
    let tokens: Vec<_> =
        whole.chain(charged).flat_map(|it| it.split('|').map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(tokens.len() > 8, "{tokens:?}");
    let mut paths: Vec<_> = keys.iter().map(|key| format!("/local/deals/{key}")).collect();
    paths.extend(["/local/state", "/local/deals"].map(str::to_owned));
    for path in paths {
        let (_, body) = console.get(&path).await;
        let found: Vec<_> = tokens.iter().filter(|token| body.contains(token.as_str())).collect();
        assert!(found.is_empty(), "{path} shows {found:?}");
        for word in ["@", "sk_test", "whsec", "eyJ", "\"token\""] {
            assert!(!body.contains(word), "{path} holds {word}");
        }
    }
}

#[tokio::test]
async fn no_page_of_another_origin_can_press_a_button() {
    let console = Console::open().await;
    let routes = ["clock", "faults", "sales", "deals/subscription/1/renew", "dead-letters/settlement/replay"];
    for route in routes {
        // What a form or a simple request of another page may send, without asking first.
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let request = Request::post(format!("/local/{route}")).header("content-type", kind);
            let (status, _) = console.ask(request.body(Body::from("{\"days\":1}")).unwrap()).await;
            assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{route} takes {kind}");
        }
    }
    assert!(console.served.goal().is_none());
}

#[tokio::test]
async fn what_makes_no_sense_is_answered_in_a_sentence_and_does_nothing() {
    let console = Console::open().await;
    let wrong = [
        ("clock", json!({ "days": 10_000 }), StatusCode::BAD_REQUEST),
        ("clock", json!({ "days": i64::MAX }), StatusCode::BAD_REQUEST),
        ("clock", json!({ "hours": -1 }), StatusCode::BAD_REQUEST),
        ("clock", json!({ "next": true }), StatusCode::BAD_REQUEST),
        ("clock", json!({ "weeks": 1 }), StatusCode::UNPROCESSABLE_ENTITY),
        ("sales", json!({ "gateway": "stripe", "count": 0 }), StatusCode::BAD_REQUEST),
        ("sales", json!({ "gateway": "stripe", "count": 1_000_000 }), StatusCode::BAD_REQUEST),
        ("sales", json!({ "gateway": "stripe", "count": -1 }), StatusCode::UNPROCESSABLE_ENTITY),
        ("faults", json!({ "gateway": "nobody", "what": "lose" }), StatusCode::NOT_FOUND),
        ("faults", json!({ "gateway": "stripe", "what": "explode" }), StatusCode::UNPROCESSABLE_ENTITY),
        ("deals/subscription/1/renew", json!({}), StatusCode::CONFLICT),
        ("deals/order/1/renew", json!({}), StatusCode::CONFLICT),
        ("deals/nothing/1/renew", json!({}), StatusCode::NOT_FOUND),
        ("deals/subscription/1/dance", json!({}), StatusCode::NOT_FOUND),
        ("dead-letters/nobody/replay", json!({}), StatusCode::NOT_FOUND),
    ];
    for (route, body, expected) in wrong {
        let (status, told) = console.post(&format!("/local/{route}"), &body).await;
        assert_eq!(status, expected, "{route} {body}: {told}");
        assert!(told.split_whitespace().count() > 2, "{route} {body} says only {told:?}");
    }
    for unknown in ["subscription/1", "order/99999999999", "customer/1", "subscription/0"] {
        assert_eq!(
            console.get(&format!("/local/deals/{unknown}")).await.0,
            StatusCode::NOT_FOUND,
            "{unknown}"
        );
    }
    let front = console.read("/local/state").await;
    assert_eq!(
        (&front["counts"]["all"], &front["buyers"], &front["goal"]),
        (&json!(0), &json!(0), &json!(null))
    );
}

#[tokio::test]
async fn a_long_list_comes_in_parts_and_is_searched_whole() {
    let console = Console::open().await;
    console.sell("stripe", "pays", 30).await;
    let key = console.sell("adyen", "refused", 1).await;
    let first = console.read("/local/deals?limit=20").await;
    let rest = console.read("/local/deals?limit=20&offset=20").await;
    assert_eq!((&first["total"], first["rows"].as_array().unwrap().len()), (&json!(31), 20));
    assert_eq!(rest["rows"].as_array().unwrap().len(), 11);
    assert_eq!(first["rows"][0]["key"], json!(key), "the newest stands first");
    for (asked, total) in [
        ("text=adyen", 1),
        ("text=ADYEN", 1),
        ("which=orders", 1),
        ("which=living", 30),
        ("text=no+such+thing", 0),
        ("offset=1000", 31),
        ("limit=1000000000", 31),
    ] {
        assert_eq!(console.read(&format!("/local/deals?{asked}")).await["total"], total, "{asked}");
    }
    assert_eq!(console.get("/local/deals?which=nonsense").await.0, StatusCode::BAD_REQUEST);
}
