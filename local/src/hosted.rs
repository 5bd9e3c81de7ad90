//! Hosts a simulator: gives it the hour, and journals what it is asked, so that a restart finds the same state again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Clock;
use wire::simulated::Peer;

use crate::simulators::{Delivery, Simulator};

/// A simulator with a clock and, where it is kept on disk, a journal.
pub struct Hosted {
    simulator: Arc<dyn Simulator>,
    clock: Arc<dyn Clock>,
    journal: Option<Mutex<File>>,
    /// The hour of the last entry that the journal had.
    last_heard: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    at: Timestamp,
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Hosted {
    /// In memory.
    pub fn new(simulator: Arc<dyn Simulator>, clock: Arc<dyn Clock>) -> Self {
        Self { simulator, clock, journal: None, last_heard: None }
    }

    /// Kept in this file: what stands in it is played to the simulator first. An entry that a crash cut in half was
    /// never answered, and is dropped.
    pub fn journaled(simulator: Arc<dyn Simulator>, clock: Arc<dyn Clock>, file: &Path) -> io::Result<Self> {
        let (mut whole, mut last_heard) = (0, None);
        if file.exists() {
            for line in BufReader::new(File::open(file)?).split(b'\n') {
                let line = line?;
                let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { break };
                whole += u64::try_from(line.len()).map_err(io::Error::other)? + 1;
                last_heard = Some(entry.at);
                simulator.handle(entry.at, entry.request()?);
            }
        }
        let journal = OpenOptions::new().create(true).append(true).open(file)?;
        if journal.metadata()?.len() > whole {
            journal.set_len(whole)?;
        }
        Ok(Self { simulator, clock, journal: Some(Mutex::new(journal)), last_heard })
    }

    /// When somebody asked it for something last, before it was started again.
    pub fn last_heard(&self) -> Option<Timestamp> {
        self.last_heard
    }

    /// The webhooks that are due now.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.simulator.deliveries(self.clock.now())
    }

    /// Asks the simulator for what a person or a test wants to happen there: `POST /_simulator/{path}`.
    pub fn control(&self, path: &str, body: &serde_json::Value) -> Response<Bytes> {
        let request = Request::post(format!("http://simulator/_simulator/{path}"))
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()));
        match request {
            Ok(request) => self.handle(request),
            Err(error) => unwritable(&error.to_string()),
        }
    }
}

impl Peer for Hosted {
    fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let at = self.clock.now();
        if let Some(journal) = &self.journal {
            // The lock is held over both, so that the journal's order is the order of what happened.
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            return match append(&mut journal, &Entry::of(at, &request)) {
                Ok(()) => self.simulator.handle(at, request),
                Err(error) => unwritable(&error.to_string()),
            };
        }
        self.simulator.handle(at, request)
    }
}

impl Entry {
    fn of(at: Timestamp, request: &Request<Bytes>) -> Self {
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        Self {
            at,
            method: request.method().to_string(),
            uri: request.uri().to_string(),
            headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: BASE64_STANDARD.encode(request.body()),
        }
    }

    fn request(self) -> io::Result<Request<Bytes>> {
        let body = BASE64_STANDARD.decode(self.body).map_err(io::Error::other)?;
        let mut request = Request::builder().method(self.method.as_str()).uri(self.uri);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Bytes::from(body)).map_err(io::Error::other)
    }
}

fn append(journal: &mut File, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    journal.write_all(&line)
}

/// A peer that cannot write its own journal does nothing and says so; callers see a passing fault.
fn unwritable(why: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("the simulator cannot keep its journal: {why}")));
    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    response
}
