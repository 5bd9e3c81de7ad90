//! The Lambda binary: reads settings, then works its queue.

use entrypoint::Outside;
use settings::Settings;
use termination::Terminations;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    entrypoint::start_logging();
    let settings = Settings::from_environment();
    let outside = Outside::real(&settings, &[])?;
    let terminations = &Terminations::from_settings(&settings, &outside)?;
    let job = "termination";
    entrypoint::batch::run(job, move |message, deadline| termination::handle(terminations, message, deadline))
        .await
}
