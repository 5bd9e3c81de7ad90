//! The Lambda binary: reads settings and secrets, then works its queue.

use entrypoint::{Live, PEERS};
use settlement::Settlement;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    entrypoint::start_logging("settlement");
    let live = &Live::start(&PEERS, Settlement::from_settings).await?;
    entrypoint::batch::run("settlement", move |message, deadline| async move {
        settlement::handle(&*live.parts().await, message, deadline).await
    })
    .await
}
