//! The pages of the local system and the JSON behind them: what happened, what is waiting, and a clock to move.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use queue::Job;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wire::Clock;

use crate::LocalError;
use crate::disk::Hour;
use crate::ledgers::{Comparison, all_mappings, compare};
use crate::serve::Shared;

/// The routes of pages and their JSON.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(|| async { page(HTML, include_str!("../console/index.html")) }))
        .route("/checkout", get(|| async { page(HTML, include_str!("../checkout/index.html")) }))
        .route(
            "/style.css",
            get(|| async { page("text/css; charset=utf-8", include_str!("../console/style.css")) }),
        )
        .route("/console.js", get(|| async { page(SCRIPT, include_str!("../console/console.js")) }))
        .route(
            "/connector.js",
            get(|| async { page(SCRIPT, include_str!("../../packages/connector-js/dist/connector.js")) }),
        )
        .route("/checkout.js", get(|| async { page(SCRIPT, include_str!("../checkout/checkout.js")) }))
        .route("/local/environment", get(environment))
        .route("/local/state", get(state))
        .route("/local/clock", post(move_clock))
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A page's file. Nothing but this origin's own files runs or loads, and no other page may frame it.
fn page(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
    ([(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, policy)], text)
}

/// Everything at a glance.
#[derive(Serialize)]
struct Everything {
    now: Timestamp,
    queues: Vec<QueueNow>,
    mappings: Vec<Known>,
    comparison: Comparison,
}

#[derive(Serialize)]
struct QueueNow {
    job: &'static str,
    waiting: usize,
    in_flight: usize,
    dead: usize,
}

/// A mapping with what its store keeps beside the body.
#[derive(Serialize)]
struct Known {
    due: Option<Timestamp>,
    version: u64,
    #[serde(flatten)]
    mapping: Value,
}

/// How far the clock is to be moved.
#[derive(Deserialize)]
struct Move {
    #[serde(default)]
    hours: i64,
    #[serde(default)]
    days: i64,
}

/// A person's leap; a longer one is made in several.
const DAYS_MAX: i64 = 366;

async fn state(State(started): State<Shared>) -> Result<Json<Everything>, Trouble> {
    let system = &started.system;
    let queues = Job::ALL.into_iter().map(|job| {
        let depth = system.queue.depth(job);
        QueueNow {
            job: job.as_str(),
            waiting: depth.visible + depth.delayed,
            in_flight: depth.in_flight,
            dead: depth.dead,
        }
    });
    let mut mappings = Vec::new();
    for mapping in all_mappings(system).await? {
        let mut body = serde_json::to_value(&mapping)?;
        without_tokens(&mut body);
        mappings.push(Known { due: mapping.due, version: mapping.version, mapping: body });
    }
    Ok(Json(Everything {
        now: system.clock.now(),
        queues: queues.collect(),
        mappings,
        comparison: compare(system).await?,
    }))
}

/// What `ops` needs in its environment to look into this system's table.
async fn environment(State(started): State<Shared>) -> String {
    let lines = started.dynamo.settings().into_iter().map(|(name, value)| format!("export {name}={value}\n"));
    lines.collect()
}

async fn move_clock(State(started): State<Shared>, Json(by): Json<Move>) -> Result<Json<Timestamp>, Trouble> {
    let hours = by.days.saturating_mul(24).saturating_add(by.hours);
    if !(1..=DAYS_MAX * 24).contains(&hours) {
        return Err(Trouble(
            StatusCode::BAD_REQUEST,
            format!("move it by 1 hour to {DAYS_MAX} days, forward only"),
        ));
    }
    let system = &started.system;
    system.run_for(SignedDuration::from_hours(hours)).await;
    let ahead = i64::try_from(system.clock.ahead().as_millis()).unwrap_or(i64::MAX);
    started.keep_hour(Hour::Running(ahead))?;
    Ok(Json(system.clock.now()))
}

/// A token charges a card: not even this page shows it, wherever in an item it stands.
fn without_tokens(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("token");
            members.values_mut().for_each(without_tokens);
        }
        Value::Array(items) => items.iter_mut().for_each(without_tokens),
        _ => {}
    }
}

/// What went wrong, as plain text for the person at the page.
struct Trouble(StatusCode, String);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl<E: Into<LocalError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.into().to_string())
    }
}
