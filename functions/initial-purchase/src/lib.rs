//! Takes a buyer's payment from the front end: what the page needs, the payment, and its end after 3-D Secure.

mod finalize;
mod initial_payment;
mod order;
mod payment_methods;
mod reply;
mod tries;

use attempt::{Dunning, Means};
use bytes::Bytes;
use cleeng::{MediaStore, MediaStoreSettings};
use entrypoint::Outside;
use entrypoint::captcha::Captcha;
use entrypoint::connectors::{call_of, no_such_call, tries_per_customer_hour_max, verification_currency};
use entrypoint::http::{ReturnUrls, answer};
use entrypoint::managed::{self, ManagedOffers};
use gateways::Routes;
use http::{Request, Response};
use payment::Currency;
use settings::{SettingError, Settings};
use wire::Deadline;

/// What this job may use.
pub struct Shop {
    means: Means,
    media_store: MediaStore,
    routes: Routes,
    return_urls: ReturnUrls,
    currency: Currency,
    tries_max: u32,
    tries_per_customer_hour_max: u32,
    captcha: Captcha,
    offers: ManagedOffers,
    dunning: Dunning,
}

impl Shop {
    /// Reads what Cleeng, the gateways and the routes need, `RETURN_URLS`, `VERIFICATION_CURRENCY`, `TRIES_PER_ORDER_MAX`
    /// (10), `TRIES_PER_CUSTOMER_HOUR_MAX`, `CAPTCHA_VERIFY_URL`, `MANAGED_OFFERS` and
    /// `MANAGED_GRACE_HOURS`.
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let routes = Routes::from_settings(settings)?;
        Ok(Self {
            means: entrypoint::means(settings, outside, &routes)?,
            media_store: MediaStore::new(outside.wire.clone(), MediaStoreSettings::from_settings(settings)?),
            routes,
            return_urls: ReturnUrls::from_settings(settings)?,
            currency: verification_currency(settings)?,
            tries_max: settings.parsed_or("TRIES_PER_ORDER_MAX", 10)?,
            tries_per_customer_hour_max: tries_per_customer_hour_max(settings)?,
            captcha: Captcha::from_settings(settings, &outside.wire)?,
            offers: ManagedOffers::from_settings(settings)?,
            dunning: managed::dunning(settings)?,
        })
    }
}

/// `POST /connectors/{gateway}/payment-methods`, `/initial-payment` and `/initial-payment/finalize`.
pub async fn handle(shop: &Shop, request: Request<Bytes>, deadline: Deadline) -> Response<Bytes> {
    let (gateway, call) = match call_of(&request, &shop.routes) {
        Ok(found) => found,
        Err(refusal) => return answer::<()>(Err(refusal)),
    };
    match call.as_slice() {
        ["payment-methods"] => answer(payment_methods::serve(shop, &gateway, &request, deadline).await),
        ["initial-payment"] => initial_payment::serve(shop, &gateway, &request, deadline).await,
        ["initial-payment", "finalize"] => finalize::serve(shop, &gateway, &request, deadline).await,
        _ => answer::<()>(Err(no_such_call())),
    }
}
