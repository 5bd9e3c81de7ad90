//! Takes a buyer's payment from the front end: what the page needs, the payment, and its end after 3-D Secure.

mod finalize;
mod initial_payment;
mod order;
mod payment_methods;
mod reply;

use attempt::Means;
use bytes::Bytes;
use cleeng::{MediaStore, MediaStoreSettings};
use entrypoint::Outside;
use entrypoint::http::{Refusal, ReturnUrls, answer};
use gateways::Routes;
use http::{Method, Request, Response};
use payment::GatewayName;
use settings::{SettingError, Settings};
use wire::Deadline;

/// What this job may use.
pub struct Shop {
    means: Means,
    media_store: MediaStore,
    routes: Routes,
    return_urls: ReturnUrls,
    tries_max: u32,
}

impl Shop {
    /// Reads what Cleeng, the gateways and the routes need, `RETURN_URLS`, and `TRIES_PER_ORDER_MAX` (10).
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let routes = Routes::from_settings(settings)?;
        Ok(Self {
            means: entrypoint::means(settings, outside, &routes)?,
            media_store: MediaStore::new(outside.wire.clone(), MediaStoreSettings::from_settings(settings)?),
            routes,
            return_urls: ReturnUrls::from_settings(settings)?,
            tries_max: settings.parsed_or("TRIES_PER_ORDER_MAX", 10)?,
        })
    }
}

/// `POST /connectors/{gateway}/payment-methods`, `/initial-payment` and `/initial-payment/finalize`.
pub async fn handle(shop: &Shop, request: Request<Bytes>, deadline: Deadline) -> Response<Bytes> {
    let path = request.uri().path().to_owned();
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let (gateway, call) = match (request.method(), parts.as_slice()) {
        (&Method::POST, ["connectors", gateway, call @ ..]) => (*gateway, call),
        _ => return answer::<()>(Err(Refusal::path("There is no such call. See the API description."))),
    };
    let gateway = match gateway.parse::<GatewayName>() {
        Ok(name) if shop.routes.to_gateway(&name).is_some() => name,
        _ => return answer::<()>(Err(Refusal::path("No payment gateway of this name is set up here."))),
    };
    match call {
        ["payment-methods"] => answer(payment_methods::serve(shop, &gateway, &request, deadline).await),
        ["initial-payment"] => initial_payment::serve(shop, &gateway, &request, deadline).await,
        ["initial-payment", "finalize"] => finalize::serve(shop, &gateway, &request, deadline).await,
        _ => answer::<()>(Err(Refusal::path("There is no such call. See the API description."))),
    }
}
