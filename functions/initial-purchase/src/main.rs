//! The Lambda binary: reads settings and secrets, then serves.

use entrypoint::{BUYERS_PEERS, Live};
use initial_purchase::Shop;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    entrypoint::start_logging("initial-purchase");
    let live = &Live::start(&BUYERS_PEERS, Shop::from_settings).await?;
    entrypoint::http::run(move |request, deadline| async move {
        initial_purchase::handle(&*live.parts().await, request, deadline).await
    })
    .await
}
