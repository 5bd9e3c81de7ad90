//! The Lambda binary: reads settings and secrets, then works its queue.

use entrypoint::{Live, PEERS};
use termination::Terminations;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    entrypoint::start_logging("termination");
    let live = &Live::start(&PEERS, Terminations::from_settings).await?;
    entrypoint::batch::run("termination", move |message, deadline| async move {
        termination::handle(&*live.parts().await, message, deadline).await
    })
    .await
}
