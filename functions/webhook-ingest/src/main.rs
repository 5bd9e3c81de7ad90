//! The Lambda binary: reads settings, then serves.

use entrypoint::Outside;
use queue::Job;
use settings::Settings;
use webhook_ingest::Ingest;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    entrypoint::start_logging();
    let settings = Settings::from_environment();
    let outside = Outside::real(&settings, &[Job::RecurringCapture, Job::Settlement, Job::Termination])?;
    let ingest = &Ingest::from_settings(&settings, &outside)?;
    entrypoint::http::run(move |request, _| webhook_ingest::handle(ingest, request)).await
}
