//! The Lambda binary: reads settings and secrets, then works its queue.

use entrypoint::{Live, PEERS};
use recurring_capture::Renewals;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    entrypoint::start_logging("recurring-capture");
    let live = &Live::start(&PEERS, Renewals::from_settings).await?;
    entrypoint::batch::run("recurring-capture", move |message, deadline| async move {
        recurring_capture::handle(&*live.parts().await, message, deadline).await
    })
    .await
}
