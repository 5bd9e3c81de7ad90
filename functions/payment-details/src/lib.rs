//! Adds or changes a customer's card: the gateway checks it at zero amount, Cleeng keeps it, and every subscription of
//! that customer pays with it from then on.

mod add;
mod finalize;
mod reply;
mod spread;

use attempt::Means;
use bytes::Bytes;
use cleeng::{MediaStore, MediaStoreSettings};
use entrypoint::Outside;
use entrypoint::captcha::Captcha;
use entrypoint::connectors::{call_of, no_such_call, tries_per_customer_hour_max, verification_currency};
use entrypoint::http::{Refusal, ReturnUrls, answer};
use gateways::{Route, Routes};
use http::{Request, Response};
use payment::{Currency, GatewayName, PaymentMethodId};
use settings::{SettingError, Settings};
use wire::Deadline;

/// What this job may use.
pub struct Desk {
    means: Means,
    media_store: MediaStore,
    routes: Routes,
    return_urls: ReturnUrls,
    currency: Currency,
    tries_max: u32,
    captcha: Captcha,
}

impl Desk {
    /// Reads what Cleeng, the gateways and the routes need, `RETURN_URLS`, `VERIFICATION_CURRENCY`,
    /// `TRIES_PER_CUSTOMER_HOUR_MAX` and `CAPTCHA_VERIFY_URL`.
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let routes = Routes::from_settings(settings)?;
        Ok(Self {
            means: entrypoint::means(settings, outside, &routes)?,
            media_store: MediaStore::new(outside.wire.clone(), MediaStoreSettings::from_settings(settings)?),
            routes,
            return_urls: ReturnUrls::from_settings(settings)?,
            currency: verification_currency(settings)?,
            tries_max: tries_per_customer_hour_max(settings)?,
            captcha: Captcha::from_settings(settings, &outside.wire)?,
        })
    }
}

/// `POST /connectors/{gateway}/payment-details` and `/payment-details/finalize`.
pub async fn handle(desk: &Desk, request: Request<Bytes>, deadline: Deadline) -> Response<Bytes> {
    let (gateway, call) = match call_of(&request, &desk.routes) {
        Ok(found) => found,
        Err(refusal) => return answer::<()>(Err(refusal)),
    };
    match call.as_slice() {
        ["payment-details"] => add::serve(desk, &gateway, &request, deadline).await,
        ["payment-details", "finalize"] => finalize::serve(desk, &gateway, &request, deadline).await,
        _ => answer::<()>(Err(no_such_call())),
    }
}

/// Where the payment method leads; only to the gateway that the page speaks to.
pub(crate) fn route<'a>(
    desk: &'a Desk,
    gateway: &GatewayName,
    method: PaymentMethodId,
) -> Result<&'a Route, Refusal> {
    desk.routes.get(method).filter(|route| route.gateway == *gateway).ok_or_else(|| {
        Refusal::unservable(
            gateway,
            "The payment method is not served by this gateway. Choose another method.",
        )
    })
}
