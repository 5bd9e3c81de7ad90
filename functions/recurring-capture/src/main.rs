//! The Lambda binary: reads settings, then works its queue.

use entrypoint::Outside;
use recurring_capture::Renewals;
use settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    entrypoint::start_logging();
    let settings = Settings::from_environment();
    let outside = Outside::real(&settings, &[])?;
    let renewals = &Renewals::from_settings(&settings, &outside)?;
    let job = "recurring-capture";
    entrypoint::batch::run(job, move |message, deadline| {
        recurring_capture::handle(renewals, message, deadline)
    })
    .await
}
