//! A Lambda Runtime API: hands events to one function's own binary and takes its answers.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use axum::routing::{get, post};
use serde_json::Value;
use settings::Settings;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use wire::{Clock, SystemClock};

/// The seven functions.
pub(crate) const JOBS: [&str; 7] = [
    "initial-purchase",
    "payment-details",
    "recurring-capture",
    "renewal-schedule",
    "settlement",
    "termination",
    "webhook-ingest",
];

/// One function's instance: its process, and the API on the other end.
pub(crate) struct Function {
    job: &'static str,
    events: mpsc::Sender<String>,
    answers: Mutex<mpsc::Receiver<Result<String, String>>>,
    process: Child,
}

struct Api {
    events: Mutex<mpsc::Receiver<String>>,
    answers: mpsc::Sender<Result<String, String>>,
}

const PATIENCE: Duration = Duration::from_secs(60);
const FUNCTION_SECONDS: u64 = 30;

impl Function {
    /// Starts the binary with these settings and nothing else in its environment.
    pub(crate) async fn start(job: &'static str, settings: &[(&str, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, to_hand_out) = mpsc::channel(16);
        let (taken, answers) = mpsc::channel(16);
        let api = Arc::new(Api { events: Mutex::new(to_hand_out), answers: taken });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(api);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let process = Command::new(&binaries()[job])
            .env_clear()
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", job)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_LEVEL", "WARN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { job, events, answers: Mutex::new(answers), process }
    }

    /// Hands it an event; its answer, or the error it reported.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, String> {
        self.events.send(event.to_string()).await.unwrap();
        let mut answers = self.answers.lock().await;
        let answer = tokio::time::timeout(PATIENCE, answers.recv()).await;
        let answer = answer.unwrap_or_else(|_| panic!("{} did not answer", self.job)).unwrap();
        answer.map(|text| serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Waits until it has ended by itself, and what it wrote.
    pub(crate) async fn end(self) -> (bool, String) {
        let output = tokio::time::timeout(PATIENCE, self.process.wait_with_output()).await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response<Body> {
    let event = api.events.lock().await.recv().await;
    let Some(event) = event else { return std::future::pending().await };
    let deadline = SystemClock.now() + Duration::from_secs(FUNCTION_SECONDS);
    Response::builder()
        .header("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000")
        .header("lambda-runtime-deadline-ms", deadline.as_millisecond().to_string())
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:123456789012:function:test")
        .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000")
        .body(Body::from(event))
        .unwrap()
}

async fn answered(
    State(api): State<Arc<Api>>,
    Path(_): Path<String>,
    body: String,
) -> axum::http::StatusCode {
    api.answers.send(Ok(body)).await.unwrap();
    axum::http::StatusCode::ACCEPTED
}

async fn failed(State(api): State<Arc<Api>>, body: String) -> axum::http::StatusCode {
    api.answers.send(Err(body)).await.unwrap();
    axum::http::StatusCode::ACCEPTED
}

/// Where the binaries are: in the folder `LAMBDA_BINARIES` (`.aws-sam/build`, as `sam build` leaves it, or `target/lambda`, as
/// `cargo lambda build --release` does), else built with this profile, once.
fn binaries() -> &'static BTreeMap<String, String> {
    static BINARIES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    BINARIES.get_or_init(|| {
        if let Some(folder) = Settings::from_environment().optional("LAMBDA_BINARIES").unwrap() {
            return JOBS.into_iter().map(|job| (job.to_owned(), built(folder, job))).collect();
        }
        // Cargo builds no other package's binaries for a test.
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(["build", "--locked", "--bins", "--message-format=json-render-diagnostics"]);
        for job in JOBS {
            cargo.args(["--package", job]);
        }
        let output = cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).unwrap();
        messages
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter_map(|message| {
                let name = message["target"]["name"].as_str()?.to_owned();
                Some((name, message["executable"].as_str()?.to_owned()))
            })
            .collect()
    })
}

/// A job's binary in a folder that was built for Lambda. `sam` names it as the template's resource is, `cargo lambda` as the
/// package is; cargo starts tests in their package's folder, and a person names a folder from the workspace's.
fn built(folder: &str, job: &str) -> String {
    let resource: String = job.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(folder);
    let mut places = [job, resource.as_str()].into_iter().map(|name| root.join(name).join("bootstrap"));
    let place = places.find(|place| place.is_file());
    let place =
        place.unwrap_or_else(|| panic!("{folder} has neither {job}/bootstrap nor {resource}/bootstrap"));
    place.to_str().unwrap().to_owned()
}
