//! The Lambda binary: reads settings, then works its queue.

use entrypoint::Outside;
use settings::Settings;
use settlement::Settlement;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    entrypoint::start_logging();
    let settings = Settings::from_environment();
    let outside = Outside::real(&settings, &[])?;
    let settlement = &Settlement::from_settings(&settings, &outside)?;
    let job = "settlement";
    entrypoint::batch::run(job, move |message, deadline| settlement::handle(settlement, message, deadline))
        .await
}
