//! One trait and its adapters: whoever moves money speaks to a [`Gateway`], and no provider's word leaves this crate.

mod advice;
pub mod adyen;
mod error;
mod gateway;
mod mode;
mod news;
mod routing;
pub mod stripe;

pub use error::{GatewayError, WebhookError};
pub use gateway::{Buyer, BuyerReturn, Checkout, CheckoutPage, Gateway, Origin, Resolution};
pub use news::{News, NewsKind, WebhookReader, WebhookRequest};
pub use routing::{CaptureMode, Gateways, Route, Routes};
