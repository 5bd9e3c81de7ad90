//! The functions in one process: the same libraries that the Lambda binaries run, started from the same settings.

use bytes::Bytes;
use entrypoint::http::{Refusal, answer};
use entrypoint::{Message, Outside, StartError};
use http::{Request, Response};
use payment::Failure;
use payment_details::Desk;
use queue::Job;
use recurring_capture::Renewals;
use renewal_schedule::Schedule;
use settings::Settings;
use settlement::Settlement;
use termination::Terminations;
use webhook_ingest::Ingest;
use wire::Deadline;

/// Every function.
pub struct Functions {
    /// `initial-purchase`.
    pub shop: initial_purchase::Shop,
    /// `payment-details`.
    pub desk: Desk,
    /// `webhook-ingest`.
    pub ingest: Ingest,
    /// `recurring-capture`.
    pub renewals: Renewals,
    /// `termination`.
    pub terminations: Terminations,
    /// `settlement`.
    pub settlement: Settlement,
    /// `renewal-schedule`.
    pub schedule: Schedule,
}

impl Functions {
    /// Starts them all.
    pub fn start(settings: &Settings, outside: &Outside) -> Result<Self, StartError> {
        Ok(Self {
            shop: initial_purchase::Shop::from_settings(settings, outside)?,
            desk: Desk::from_settings(settings, outside)?,
            ingest: Ingest::from_settings(settings, outside)?,
            renewals: Renewals::from_settings(settings, outside)?,
            terminations: Terminations::from_settings(settings, outside)?,
            settlement: Settlement::from_settings(settings, outside)?,
            schedule: Schedule::from_settings(settings, outside)?,
        })
    }

    /// Serves one queue message by its job.
    pub async fn work(&self, job: Job, message: Message, deadline: Deadline) -> Result<(), Failure> {
        match job {
            Job::RecurringCapture => recurring_capture::handle(&self.renewals, message, deadline).await,
            Job::Settlement => settlement::handle(&self.settlement, message, deadline).await,
            Job::Termination => termination::handle(&self.terminations, message, deadline).await,
        }
    }
}

/// Serves one HTTP request as the HTTP API of the template does, by its path.
pub async fn route(functions: &Functions, request: Request<Bytes>, deadline: Deadline) -> Response<Bytes> {
    let path = request.uri().path().to_owned();
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["webhooks", ..] => webhook_ingest::handle(&functions.ingest, request).await,
        ["connectors", _, "payment-details", ..] => {
            payment_details::handle(&functions.desk, request, deadline).await
        }
        ["connectors", ..] => initial_purchase::handle(&functions.shop, request, deadline).await,
        _ => answer::<()>(Err(Refusal::path("There is no such call. See the API description."))),
    }
}
