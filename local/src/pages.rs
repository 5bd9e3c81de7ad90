//! The pages of the local system and the JSON behind them: what happened, what is waiting, and what a person may try.

mod assets;
mod books;
mod deal;
mod live;
mod outcomes;
mod rows;
mod snapshot;
#[cfg(test)]
mod tests;
mod timeline;
mod tries;

pub(crate) use snapshot::Snapshots;

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use queue::Job;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::Clock;

use self::books::Deal;
use self::rows::{Row, Which};
use self::tries::{Fault, Sale, Wish};
use crate::LocalError;
use crate::served::{Served, Shared};

/// The routes of pages and their JSON. What changes something takes JSON only, which no page of another origin may send.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .merge(assets::router())
        .route("/local/environment", get(environment))
        .route("/local/state", get(state))
        .route("/local/events", get(|State(served): State<Shared>| async { live::stream(served) }))
        .route("/local/deals", get(deals))
        .route("/local/deals/{kind}/{id}", get(one_deal))
        .route("/local/deals/{kind}/{id}/{verb}", post(try_it))
        .route("/local/clock", post(move_clock))
        .route("/local/faults", post(break_next))
        .route("/local/sales", post(sell))
        .route("/local/dead-letters/{job}/replay", post(replay))
}

/// What `ops` needs to operate this system: its settings, as JSON for `ops --settings`.
async fn environment(State(served): State<Shared>) -> Json<BTreeMap<&'static str, String>> {
    let started = &served.started;
    let mut settings: BTreeMap<_, _> = started.settings.iter().cloned().collect();
    settings.insert("CLOCK_AHEAD_SECONDS", started.system.clock.ahead().as_secs().to_string());
    Json(settings)
}

async fn state(State(served): State<Shared>) -> Result<Json<impl Serialize>, Trouble> {
    let snapshot = served.snapshots.fresh(&served.started.system).await?;
    Ok(Json(snapshot::overview(&served, &snapshot)))
}

/// Which part of which list.
#[derive(Deserialize)]
#[serde(default)]
struct Part {
    offset: usize,
    limit: usize,
    which: Which,
    text: String,
}

impl Default for Part {
    fn default() -> Self {
        Self { offset: 0, limit: 50, which: Which::All, text: String::new() }
    }
}

/// Rows of one answer.
const ROWS_MAX: usize = 200;

#[derive(Serialize)]
struct Rows {
    total: usize,
    offset: usize,
    rows: Vec<Row>,
}

async fn deals(State(served): State<Shared>, Query(part): Query<Part>) -> Result<Json<Rows>, Trouble> {
    let snapshot = Snapshots::soon(&served).await?;
    let text = part.text.trim().to_lowercase();
    let wanted: Vec<_> =
        snapshot.rows.iter().filter(|row| row.is(part.which) && row.matches(&text)).collect();
    let rows = wanted.iter().skip(part.offset).take(part.limit.min(ROWS_MAX));
    let rows = rows.map(|row| (*row).clone()).collect();
    Ok(Json(Rows { total: wanted.len(), offset: part.offset, rows }))
}

async fn one_deal(
    State(served): State<Shared>,
    Path((kind, id)): Path<(String, u64)>,
) -> Result<Json<impl Serialize>, Trouble> {
    let none = || Trouble(StatusCode::NOT_FOUND, format!("There is no {kind} {id}."));
    let deal = Deal::read(&kind, id).ok_or_else(none)?;
    deal::read(&served, deal).await?.map(Json).ok_or_else(none)
}

async fn try_it(
    State(served): State<Shared>,
    Path((kind, id, verb)): Path<(String, u64, String)>,
    Json(wish): Json<Wish>,
) -> Result<Json<Value>, Trouble> {
    let deal = Deal::read(&kind, id);
    let deal = deal.ok_or_else(|| Trouble(StatusCode::NOT_FOUND, format!("There is no {kind} {id}.")))?;
    let told = tries::perform(&served, deal, &verb, &wish).await?;
    served.started.system.overheard.changed();
    Ok(done(told))
}

/// Where the clock is to be sent: so far on, to the next event, or nowhere (it stops where it is).
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Move {
    hours: i64,
    days: i64,
    next: bool,
    stop: bool,
}

/// A person's leap; a longer one is made in several.
const DAYS_MAX: i64 = 366;
/// After an event, so that what follows from it has happened too.
const AFTER: SignedDuration = SignedDuration::from_mins(1);

async fn move_clock(State(served): State<Shared>, Json(by): Json<Move>) -> Result<Json<Value>, Trouble> {
    let now = served.started.system.clock.now();
    if by.stop {
        served.send_clock(None);
        return Ok(Json(json!({ "now": now, "goal": null })));
    }
    let goal = if by.next { next_event(&served, now).await? } else { leap(&by, now) };
    let goal = goal.ok_or_else(|| {
        let why =
            format!("Move it by 1 hour to {DAYS_MAX} days, forward only, or to an event that is to come.");
        Trouble(StatusCode::BAD_REQUEST, why)
    })?;
    served.send_clock(Some(goal));
    Ok(Json(json!({ "now": now, "goal": goal })))
}

fn leap(by: &Move, now: Timestamp) -> Option<Timestamp> {
    let hours = by.days.saturating_mul(24).saturating_add(by.hours);
    let fits = (1..=DAYS_MAX * 24).contains(&hours);
    fits.then(|| now.checked_add(SignedDuration::from_hours(hours)).ok()).flatten()
}

async fn next_event(served: &Served, now: Timestamp) -> Result<Option<Timestamp>, Trouble> {
    let system = &served.started.system;
    let next = served.snapshots.fresh(system).await?.next(system);
    Ok(next.filter(|at| *at > now).and_then(|at| at.checked_add(AFTER).ok()))
}

async fn break_next(State(served): State<Shared>, Json(fault): Json<Fault>) -> Result<Json<Value>, Trouble> {
    Ok(done(tries::break_next(&served, &fault)?))
}

async fn sell(State(served): State<Shared>, Json(sale): Json<Sale>) -> Result<Json<Value>, Trouble> {
    Ok(done(tries::sell(&served, &sale)?))
}

async fn replay(
    State(served): State<Shared>,
    Path(job): Path<String>,
    Json(_): Json<Value>,
) -> Result<Json<Value>, Trouble> {
    let job = Job::ALL.into_iter().find(|known| known.as_str() == job);
    let job = job.ok_or_else(|| Trouble(StatusCode::NOT_FOUND, "There is no such job.".to_owned()))?;
    let count = served.started.system.queue.replay(job);
    Ok(done(format!("{count} dead letters are worked once more.")))
}

fn done(sentence: String) -> Json<Value> {
    Json(json!({ "done": sentence }))
}

/// What went wrong, as plain text for the person at the page.
#[derive(Debug)]
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
