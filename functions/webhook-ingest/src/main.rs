//! The Lambda binary: reads settings and secrets, then serves.

use entrypoint::Live;
use queue::Job;
use webhook_ingest::Ingest;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    entrypoint::start_logging("webhook-ingest");
    let live = &Live::start_sending(&Job::ALL, &[], Ingest::from_settings).await?;
    entrypoint::http::run(move |request, _| async move {
        webhook_ingest::handle(&*live.parts().await, request).await
    })
    .await
}
