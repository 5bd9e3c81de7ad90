//! The pages of the local system and the JSON behind them: what happened, what is waiting, and a clock to move.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use ledger::Mapping;
use payment::{Target, Token};
use queue::Job;
use serde::{Deserialize, Serialize};
use wire::Clock;

use crate::LocalError;
use crate::disk::Hour;
use crate::ledgers::{Comparison, all_mappings, compare};
use crate::serve::Shared;

/// The routes of pages and their JSON.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(|| async { Html(include_str!("../console/index.html")) }))
        .route("/checkout", get(|| async { Html(include_str!("../checkout/index.html")) }))
        .route("/local/state", get(state))
        .route("/local/clock", post(move_clock))
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
    mapping: Mapping,
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
    let mappings = all_mappings(system).await?.into_iter().map(|mapping| Known {
        due: mapping.due,
        version: mapping.version,
        mapping: without_tokens(mapping),
    });
    Ok(Json(Everything {
        now: system.clock.now(),
        queues: queues.collect(),
        mappings: mappings.collect(),
        comparison: compare(system).await?,
    }))
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

/// A token charges a card: not even this page shows it.
fn without_tokens(mut mapping: Mapping) -> Mapping {
    mapping.token = None;
    for attempt in &mut mapping.attempts {
        if let Target::Token(token) = &mut attempt.intention.target {
            *token = Token::new("…");
        }
    }
    mapping
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
