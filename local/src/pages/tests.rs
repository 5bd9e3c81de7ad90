//! What the console's pages rely on, over a system that is served as a person would start it.

mod safety;
mod stories;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::disk::{Hour, Reach, start};
use crate::serve::{round, routes};
use crate::served::{Served, Shared};

/// A served system whose clock stands until it is moved.
struct Console {
    served: Shared,
}

/// Rounds before a test that does not come to rest is ended.
const ROUNDS_MAX: usize = 20_000;
/// While buyers pay, over real connections.
const A_MOMENT: Duration = Duration::from_millis(5);
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Console {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let hour = Hour::Standing("2027-01-04T09:00:00Z".parse::<Timestamp>().unwrap());
        let started = start(None, hour, &Reach::Server { origin, pages: Vec::new() }).await.unwrap();
        started.system.overheard.listen();
        let served = Arc::new(Served::new(Arc::new(started)));
        let routes = routes(served.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { served }
    }

    async fn ask(&self, request: Request<Body>) -> (StatusCode, String) {
        self.served.snapshots.forget();
        let answer = routes(self.served.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn read(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, String) {
        let request = Request::post(path).header("content-type", "application/json");
        self.ask(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Presses a button, which must say what it did.
    async fn press(&self, path: &str, body: Value) -> String {
        let (status, told) = self.post(path, &body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {told}");
        let told: Value = serde_json::from_str(&told).unwrap();
        told["done"].as_str().unwrap_or_default().to_owned()
    }

    /// Lets everything happen that is under way, up to where the clock was sent.
    async fn rest(&self) {
        for _ in 0..ROUNDS_MAX {
            if round(&self.served).await == Some(true) && self.served.goal().is_none() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Sells so many, and waits until each has its subscription. The newest one's key.
    async fn sell(&self, gateway: &str, card: &str, count: u32) -> String {
        let sale = json!({ "gateway": gateway, "card": card, "count": count });
        self.press("/local/sales", sale).await;
        while self.served.buyers.load(Ordering::SeqCst) > 0 {
            self.rest().await;
            tokio::time::sleep(A_MOMENT).await;
        }
        // Cleeng's subscription is found, and its mapping written.
        self.press("/local/clock", json!({ "hours": 1 })).await;
        self.rest().await;
        self.read("/local/deals").await["rows"][0]["key"].as_str().unwrap().to_owned()
    }

    async fn deal(&self, key: &str) -> Value {
        self.read(&format!("/local/deals/{key}")).await
    }

    /// Tries something with a deal, and lets what follows happen.
    async fn try_it(&self, key: &str, verb: &str, wish: Value) {
        self.press(&format!("/local/deals/{key}/{verb}"), wish).await;
        self.rest().await;
    }
}
