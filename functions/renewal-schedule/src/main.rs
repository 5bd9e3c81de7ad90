//! The Lambda binary: reads settings and secrets, then sweeps at every tick.

use entrypoint::Live;
use queue::Job;
use renewal_schedule::Schedule;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    entrypoint::start_logging("renewal-schedule");
    let live = &Live::start_sending(&Job::ALL, &[], Schedule::from_settings).await?;
    entrypoint::timer::run("renewal-schedule", move |deadline| async move {
        renewal_schedule::sweep(&*live.parts().await, deadline).await.map(drop)
    })
    .await
}
