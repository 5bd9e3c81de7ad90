//! The local queue behind SQS's own protocol (AWS JSON 1.0), so that the real binaries can send to it with the real SDK.

mod actions;
mod wire_format;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::HeaderMap;
use queue::{Job, LocalQueue};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// SQS takes 1 MiB of message; JSON escapes can make six characters of one.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A request that is under way when the system stops has this long to finish.
const STOP_SECONDS_MAX: Duration = Duration::from_secs(2);

/// SQS on a free port of this machine, over a local queue that others can hold too.
pub struct LocalSqs {
    url: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl LocalSqs {
    /// Listens on a free port of the loopback interface.
    pub async fn start(queue: Arc<LocalQueue>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let serving = axum::serve(listener, router(queue, &url)).with_graceful_shutdown(async {
            // Either way, told to stop or dropped, there is nobody left to serve.
            let _ = stopped.await;
        });
        let server = tokio::spawn(async move { serving.await });
        Ok(Self { url, stop, server })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The settings by which a function, in this process or another, sends to it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = crate::aws::settings().to_vec();
        settings.push(("AWS_ENDPOINT_URL_SQS", self.url.clone()));
        settings.extend(Job::ALL.map(|job| (job.queue_url_setting(), queue_url(&self.url, job))));
        settings
    }

    /// Lets running requests finish, and stops. A poll that waits for messages is cut off after two seconds.
    pub async fn stop(self) -> std::io::Result<()> {
        // The receiver is gone only if the server ended by itself, which its result tells.
        let _ = self.stop.send(());
        let polling = self.server.abort_handle();
        match tokio::time::timeout(STOP_SECONDS_MAX, self.server).await {
            Ok(joined) => joined?,
            Err(_) => {
                polling.abort();
                Ok(())
            }
        }
    }
}

/// The protocol as routes, to be served under `url`: every action by `POST /`, and the health check that a client warms
/// its connection with.
pub fn router(queue: Arc<LocalQueue>, url: &str) -> Router {
    let place = Place { queue, url: url.to_owned() };
    Router::new()
        .route("/", get(async || "healthy").post(act))
        .route("/{*queue}", any(act))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(place)
}

/// Where a job's queue is, by SQS's pattern: account, then name.
pub fn queue_url(url: &str, job: Job) -> String {
    format!("{url}/{ACCOUNT}/{job}")
}

/// The name of a job's dead-letter queue is its queue's with this behind it.
const DEAD: &str = "-dead-letters";
/// An account that is nobody's.
const ACCOUNT: &str = "000000000000";

#[derive(Clone)]
struct Place {
    queue: Arc<LocalQueue>,
    url: String,
}

async fn act(State(place): State<Place>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let action = target.strip_prefix("AmazonSQS.").unwrap_or_default();
    actions::act(&place, action, &body).await.into_response()
}
