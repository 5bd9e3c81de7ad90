//! One instance of a function: its process, plain or under callgrind, and a Lambda Runtime API on the other end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex as Shared, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;
use wire::{Clock, SystemClock};

use crate::Result;

/// How an instance is run.
pub(crate) enum Under {
    /// As it is.
    Nothing,
    /// Under callgrind, which counts its instructions into this file.
    Callgrind(PathBuf),
}

/// A running function.
pub(crate) struct Instance {
    events: mpsc::Sender<String>,
    answers: mpsc::Receiver<Answered>,
    polls: mpsc::Receiver<()>,
    process: Child,
    log: PathBuf,
    served: usize,
}

/// What came of one event.
pub(crate) struct Answered {
    pub(crate) answer: std::result::Result<Value, String>,
    /// From the event's leaving to the answer's arrival.
    pub(crate) took: Duration,
}

struct Api {
    events: Mutex<mpsc::Receiver<String>>,
    handed: Shared<Option<Instant>>,
    answers: mpsc::Sender<Answered>,
    polls: mpsc::Sender<()>,
}

const PATIENCE: Duration = Duration::from_secs(120);
const FUNCTION_SECONDS: u64 = 60;
/// After it has asked for the next event it still has to go to sleep.
const REST: Duration = Duration::from_millis(200);

impl Instance {
    /// Starts a binary with these settings and nothing else in its environment, and waits until it asks for its first event.
    pub(crate) async fn start(
        binary: &Path,
        settings: &[(&'static str, String)],
        under: &Under,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, to_hand_out) = mpsc::channel(1);
        let (taken, answers) = mpsc::channel(1);
        let (polled, polls) = mpsc::channel(4);
        let api =
            Api { events: Mutex::new(to_hand_out), handed: Shared::default(), answers: taken, polls: polled };
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(Arc::new(api));
        let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
            let _ = socket.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = std::env::temp_dir().join(format!(
            "perf-{}-{}.log",
            std::process::id(),
            address.replace(':', "-")
        ));
        let mut command = match under {
            Under::Nothing => Command::new(binary),
            Under::Callgrind(out) => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["--quiet", "--tool=callgrind"]);
                valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(binary);
                valgrind
            }
        };
        let process = command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", &name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let mut instance = Self { events, answers, polls, process, log, served: 0 };
        let why = tokio::select! {
            polled = instance.polls.recv() => match polled {
                Some(()) => return Ok(instance),
                None => "it reported a failure".to_owned(),
            },
            ended = instance.process.wait() => format!("it ended with {}", ended?),
            () = tokio::time::sleep(PATIENCE) => format!("not within {} s", PATIENCE.as_secs()),
        };
        Err(format!("{name} did not start: {why}: {}", instance.logged()).into())
    }

    /// Hands it an event, and waits until it asks for the next one.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<Answered> {
        self.events.send(event.to_string()).await?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await?;
        let answer = answer.ok_or_else(|| format!("no answer: {}", self.logged()))?;
        tokio::time::timeout(PATIENCE, self.polls.recv()).await?;
        self.served += 1;
        Ok(answer)
    }

    /// Hands it an event that must succeed.
    pub(crate) async fn serve(&mut self, event: &Value) -> Result<Duration> {
        let Answered { answer, took } = self.invoke(event).await?;
        let answer = answer?;
        let status = answer.get("statusCode").and_then(Value::as_u64);
        let failures = answer.get("batchItemFailures").and_then(Value::as_array);
        let served = match (status, failures) {
            (Some(status), _) => status == 200,
            (None, Some(failures)) => failures.is_empty(),
            (None, None) => answer.is_null(),
        };
        if !served {
            return Err(format!("an event was not served: {answer} {}", self.logged()).into());
        }
        Ok(took)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.process.id().ok_or_else(|| "the function ended by itself".into())
    }

    /// What it wrote so far.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends it a signal (`STOP`, `CONT`, `TERM`).
    pub(crate) async fn signal(&self, signal: &str) -> Result<()> {
        let sent =
            Command::new("kill").arg(format!("-{signal}")).arg(self.pid()?.to_string()).status().await?;
        if sent.success() { Ok(()) } else { Err(format!("{signal} could not be sent").into()) }
    }

    /// Lets it come to rest and ends it.
    pub(crate) async fn end(mut self) -> Result<()> {
        tokio::time::sleep(REST).await;
        self.signal("TERM").await?;
        tokio::time::timeout(PATIENCE, self.process.wait()).await??;
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // A log that cannot be removed is left to the system's own tidying.
        let _ = std::fs::remove_file(&self.log);
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response<Body> {
    // Nobody listens any more once the instance is being ended.
    let _ = api.polls.send(()).await;
    let Some(event) = api.events.lock().await.recv().await else { return std::future::pending().await };
    let deadline = SystemClock.now() + Duration::from_secs(FUNCTION_SECONDS);
    *api.handed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    let mut response = Response::new(Body::from(event));
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millisecond().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:perf".to_owned(),
        ),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000".to_owned()),
    ] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn answered(State(api): State<Arc<Api>>, body: String) -> StatusCode {
    take(&api, Ok(serde_json::from_str(&body).unwrap_or_default())).await
}

async fn failed(State(api): State<Arc<Api>>, body: String) -> StatusCode {
    take(&api, Err(body)).await
}

async fn take(api: &Api, answer: std::result::Result<Value, String>) -> StatusCode {
    let handed = *api.handed.lock().unwrap_or_else(PoisonError::into_inner);
    let took = handed.map(|handed| handed.elapsed()).unwrap_or_default();
    // As above.
    let _ = api.answers.send(Answered { answer, took }).await;
    StatusCode::ACCEPTED
}
