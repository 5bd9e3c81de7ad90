//! The Lambda binary: reads settings and secrets, then serves.

use entrypoint::{BUYERS_PEERS, Live};
use payment_details::Desk;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    entrypoint::start_logging("payment-details");
    let live = &Live::start(&BUYERS_PEERS, Desk::from_settings).await?;
    entrypoint::http::run(move |request, deadline| async move {
        payment_details::handle(&*live.parts().await, request, deadline).await
    })
    .await
}
