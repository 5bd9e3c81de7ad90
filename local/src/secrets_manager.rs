//! Secrets Manager's one call that functions make (`GetSecretValue`, AWS JSON 1.1), so that the real binaries read and rotate
//! secrets with the real SDK.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Secrets Manager on a free port of this machine.
pub struct LocalSecrets {
    url: String,
    held: Held,
    server: JoinHandle<std::io::Result<()>>,
}

type Held = Arc<Mutex<BTreeMap<String, String>>>;

impl LocalSecrets {
    /// Listens on a free port of the loopback interface, and holds nothing.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let held = Held::default();
        let routes = Router::new().route("/", post(read)).with_state(held.clone());
        let server = tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, held, server })
    }

    /// Gives a secret this value, new or another.
    pub fn put(&self, name: &str, value: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(name.to_owned(), value.to_owned());
    }

    /// The settings by which a function reads these secrets.
    pub fn settings(&self, names: &[&str]) -> Vec<(&'static str, String)> {
        let mut settings = crate::aws::settings().to_vec();
        settings.push(("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.url.clone()));
        settings.push(("SECRETS", names.join(",")));
        settings
    }

    /// Takes a secret away.
    pub fn remove(&self, name: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Drop for LocalSecrets {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn read(State(held): State<Held>, body: Bytes) -> (StatusCode, Json<Value>) {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let name = asked.get("SecretId").and_then(Value::as_str).unwrap_or_default();
    let held = held.lock().unwrap_or_else(PoisonError::into_inner);
    match held.get(name) {
        Some(value) => (StatusCode::OK, Json(json!({ "ARN": name, "Name": name, "SecretString": value }))),
        None => (StatusCode::BAD_REQUEST, Json(json!({ "__type": "ResourceNotFoundException" }))),
    }
}
