//! The Lambda binary: reads settings, then sweeps at every tick.

use entrypoint::Outside;
use queue::Job;
use renewal_schedule::Schedule;
use settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    entrypoint::start_logging();
    let settings = Settings::from_environment();
    let outside = Outside::real(&settings, &[Job::RecurringCapture, Job::Settlement, Job::Termination])?;
    let schedule = &Schedule::new(&outside);
    entrypoint::timer::run("renewal-schedule", move |deadline| async move {
        renewal_schedule::sweep(schedule, deadline).await.map(drop)
    })
    .await
}
