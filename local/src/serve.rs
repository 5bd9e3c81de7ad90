//! `cargo run`: everything on one address of this machine, moving by itself.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, get};
use bytes::Bytes;
use clap::Args;
use tokio::net::TcpListener;
use wire::Clock;
use wire::simulated::Peer;

use crate::LocalError;
use crate::cors;
use crate::disk::{Hour, Reach, Started, start};
use crate::pages;
use crate::served::{Served, Shared};

/// Where to serve.
#[derive(Args, Clone, Debug)]
pub struct Serving {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// The origin of a page elsewhere that may call the API and be returned to, such as http://localhost:5173; repeatable.
    #[arg(long = "page-origin", value_name = "ORIGIN")]
    pub page_origins: Vec<String>,
}

/// Bodies beyond this are cut off before any function sees them; the functions' own bounds are far lower.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long the driver rests when nothing is waiting.
const REST: Duration = Duration::from_millis(100);

/// Serves until Ctrl-C.
pub async fn run(serving: &Serving, data: Option<&Path>) -> Result<ExitCode, LocalError> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], serving.port))).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let reach = Reach::Server { origin: origin.clone(), pages: serving.page_origins.clone() };
    let started = Arc::new(start(data, Hour::Running(0), &reach).await?);
    let served = Arc::new(Served::new(started));
    served.started.system.overheard.listen();
    welcome(&origin, data);
    let server = axum::serve(listener, routes(served.clone())).with_graceful_shutdown(interrupted());
    tokio::select! {
        ended = server => ended?,
        () = drive(&served) => {}
    }
    goodbye();
    Ok(ExitCode::SUCCESS)
}

/// All routes: the functions' own, the peers', the pages.
pub fn router(started: Arc<Started>) -> Router {
    routes(Arc::new(Served::new(started)))
}

pub(crate) fn routes(served: Shared) -> Router {
    Router::new()
        .route("/connectors/{*rest}", any(functions))
        .route("/webhooks/{*rest}", any(functions))
        .route("/peers/{peer}/{*rest}", any(peers))
        .route("/_simulator/redirect/{payment}", get(bank))
        .merge(pages::router())
        .with_state(served)
}

/// Turns for ever: webhooks, timer and queues move as they would in the cloud, and the clock where it was sent.
async fn drive(served: &Served) {
    loop {
        match round(served).await {
            Some(true) => tokio::time::sleep(REST).await,
            Some(false) => tokio::task::yield_now().await,
            None => {
                tracing::warn!("All workers were killed in the middle of their work, and are started again")
            }
        }
    }
}

/// One round of what waits, or of the clock's way; whether nothing is left to do, and nothing where the workers died.
pub(crate) async fn round(served: &Served) -> Option<bool> {
    let system = &served.started.system;
    let work = async {
        match served.next_stop() {
            Some(stop) => {
                system.run_until(stop).await;
                served.keep_hour();
                false
            }
            None => system.turn().await.is_idle(),
        }
    };
    served.crash.unless(work).await
}

async fn functions(State(served): State<Shared>, request: Request) -> Response {
    let page = cors::page(&served.started.pages, request.headers());
    if let Some(answer) = cors::preflight(page.as_ref(), &request) {
        return answer;
    }
    let request = match whole(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let answer = match served.crash.unless(served.started.system.request(request)).await {
        Some(answer) => answer.map(Body::from),
        // As the front door answers for a function that died.
        None => status(502),
    };
    cors::allow(page.as_ref(), answer)
}

async fn peers(State(served): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some((name, rest)) = path.trim_start_matches("/peers/").split_once('/') else { return status(404) };
    let system = &served.started.system;
    let Some(host) = system.peers.host(name) else { return status(404) };
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let Ok(uri) = format!("/{rest}{query}").parse() else { return status(400) };
    let mut request = match whole(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    *request.uri_mut() = uri;
    let asked = system.overheard.asked(system.clock.now(), &request);
    let by_hand = rest.starts_with("_simulator") && request.method() == http::Method::POST;
    let moves_money =
        name != "cleeng" && request.method() == http::Method::POST && !rest.starts_with("_simulator");
    let mut answer = host.handle(request);
    if moves_money && served.crash.happens() {
        // Whoever asked is dead, and this answer is lost with it.
        answer = http::Response::default();
        *answer.status_mut() = http::StatusCode::BAD_GATEWAY;
    }
    if let Some(asked) = asked {
        system.overheard.called(name, &asked, &answer);
    }
    if by_hand {
        system.overheard.changed();
    }
    answer.map(Body::from)
}

/// The bank's page of a redirect. Adyen's simulator knows by which host it was called, and no path before its own.
async fn bank(State(served): State<Shared>, request: Request) -> Response {
    match whole(request).await {
        Ok(request) => served.started.system.peers.adyen_host.handle(request).map(Body::from),
        Err(refusal) => refusal,
    }
}

async fn whole(request: Request) -> Result<http::Request<Bytes>, Response> {
    let (parts, body) = request.into_parts();
    match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => Ok(http::Request::from_parts(parts, body)),
        Err(_) => Err(status(413)),
    }
}

fn status(code: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::BAD_REQUEST);
    response
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!("Ctrl-C cannot be heard: {error}");
        std::future::pending::<()>().await;
    }
}

#[expect(clippy::print_stdout, reason = "this is what the person who started it reads")]
fn welcome(origin: &str, data: Option<&Path>) {
    println!("The payment connector runs, with simulators of Cleeng, Stripe and Adyen around it.\n");
    println!("  checkout   {origin}/checkout      buy a subscription as a viewer would");
    println!("  console    {origin}/              see what happened, move the clock, make things go wrong");
    println!("  API        {origin}/connectors/…  what front ends call");
    println!("  webhooks   {origin}/webhooks/…    what Cleeng and the gateways call\n");
    match data {
        Some(directory) => println!("Data is kept in {}.", directory.display()),
        None => println!("Data is kept in memory; `--data DIR` keeps it on disk."),
    }
    println!("Ctrl-C stops it.");
}

#[expect(clippy::print_stdout, reason = "this is what the person who started it reads")]
fn goodbye() {
    println!("\nStopped.");
}
