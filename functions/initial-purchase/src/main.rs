//! The Lambda binary: reads settings, then serves.

use entrypoint::Outside;
use initial_purchase::Shop;
use settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    entrypoint::start_logging();
    let settings = Settings::from_environment();
    let outside = Outside::real(&settings, &[])?;
    let shop = &Shop::from_settings(&settings, &outside)?;
    entrypoint::http::run(move |request, deadline| initial_purchase::handle(shop, request, deadline)).await
}
