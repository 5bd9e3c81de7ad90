//! A peer as a function reaches it: over a real socket, with a latency, counted, and able to hang up on everybody.

use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::Listener;
use bytes::Bytes;
use http::StatusCode;
use local::hosted::Hosted;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use wire::simulated::Peer;
use wire::{Http, Reply, Transport};

use crate::Result;

/// Who really answers.
pub(crate) enum Behind {
    /// A simulator in this process.
    Simulator(Arc<Hosted>),
    /// A server of this process, at this origin.
    Server(String, Box<Http>),
}

/// One call that a peer answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// From the request's arrival to the answer's leaving.
    pub(crate) took: Duration,
    /// Bytes of the item that it wrote, as DynamoDB counts them.
    pub(crate) item_bytes: usize,
}

/// A front on a free port.
pub(crate) struct Front {
    pub(crate) url: String,
    seen: Arc<Seen>,
}

struct Seen {
    behind: Behind,
    latency_ms: AtomicU64,
    connections: AtomicUsize,
    open: Mutex<Vec<std::net::TcpStream>>,
    answers: Mutex<Vec<Answer>>,
}

const BODY_BYTES_MAX: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

impl Front {
    pub(crate) async fn start(behind: Behind) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let seen = Arc::new(Seen {
            behind,
            latency_ms: AtomicU64::default(),
            connections: AtomicUsize::default(),
            open: Mutex::default(),
            answers: Mutex::default(),
        });
        let routes = Router::new().fallback(answer).with_state(seen.clone());
        let listener = Counting { listener, seen: seen.clone() };
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, seen })
    }

    /// Answers no sooner than this from now on.
    pub(crate) fn set_latency(&self, latency_ms: u64) {
        self.seen.latency_ms.store(latency_ms, Ordering::SeqCst);
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// What was answered since the last time this was asked.
    pub(crate) fn take_answers(&self) -> Vec<Answer> {
        std::mem::take(&mut *self.seen.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Closes every connection, as a peer does that found them idle.
    pub(crate) fn hang_up(&self) {
        for socket in self.seen.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // One that its caller has closed already is as good.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

async fn answer(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    let began = Instant::now();
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let puts = target.is_some_and(|target| target.ends_with(".PutItem"));
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return status(StatusCode::PAYLOAD_TOO_LARGE) };
    let item_bytes = if puts { item_bytes(&body) } else { 0 };
    let latency = seen.latency_ms.load(Ordering::SeqCst);
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let response = match &seen.behind {
        Behind::Simulator(host) => host.handle(http::Request::from_parts(parts, body)).map(Body::from),
        Behind::Server(origin, http) => {
            let Ok(uri) = format!("{origin}{}", parts.uri).parse() else {
                return status(StatusCode::BAD_REQUEST);
            };
            parts.uri = uri;
            parts.headers.remove(http::header::HOST);
            forward(http, http::Request::from_parts(parts, body)).await
        }
    };
    let took = began.elapsed();
    seen.answers.lock().unwrap_or_else(PoisonError::into_inner).push(Answer { took, item_bytes });
    response
}

/// Names and values of a `PutItem` (developer guide, "Item sizes and formats"); this table has texts and numbers only.
fn item_bytes(body: &[u8]) -> usize {
    let ask: Value = serde_json::from_slice(body).unwrap_or_default();
    let attributes = ask.get("Item").and_then(Value::as_object).into_iter().flatten();
    let bytes = |value: &Value| match (value["S"].as_str(), value["N"].as_str()) {
        (Some(text), _) => text.len(),
        (None, Some(number)) => number.len().div_ceil(2) + 1,
        (None, None) => 0,
    };
    attributes.map(|(name, value)| name.len() + bytes(value)).sum()
}

async fn forward(http: &Http, request: http::Request<Bytes>) -> Response {
    match http.send(request, PATIENCE).await {
        Reply::Answered(answer) => answer.map(Body::from),
        Reply::NotSent(_) | Reply::Unknown(_) => status(StatusCode::BAD_GATEWAY),
    }
}

fn status(code: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

/// Counts connections, and keeps a handle on each.
struct Counting {
    listener: TcpListener,
    seen: Arc<Seen>,
}

impl Counting {
    async fn one(&self) -> std::io::Result<(TcpStream, SocketAddr)> {
        let (socket, address) = self.listener.accept().await?;
        socket.set_nodelay(true)?;
        let socket = socket.into_std()?;
        let handle = socket.try_clone()?;
        self.seen.open.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        self.seen.connections.fetch_add(1, Ordering::SeqCst);
        Ok((TcpStream::from_std(socket)?, address))
    }
}

impl Listener for Counting {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Ok(accepted) = self.one().await {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
