//! The Cleeng API, one file per resource; all that is not documented is a setting or a tolerant reader, listed in docs/unverified.md.

mod client;
mod customers;
mod dunning;
mod error;
mod external;
mod orders;
mod passes;
mod payment_details;
mod payment_methods;
mod payments;
mod reading;
mod request;
mod settings;
mod subscriptions;
pub mod webhook;
mod webhook_subscriptions;

pub use client::Cleeng;
pub use customers::{MediaStore, TokenError};
pub use dunning::DunningActions;
pub use error::Error;
pub use external::{NewExternalPayment, NewSubscription, Renewal};
pub use orders::{Discount, NewRenewalOrder, Order};
pub use passes::{NewPass, Pass};
pub use payment_details::{NewDetails, PaymentDetails};
pub use payment_methods::PaymentMethod;
pub use payments::{
    DetailsGiven, NewPayment, Payment, PaymentOperation, PaymentStatus, PaymentUpdate, RefundKind,
};
pub use request::TIMEOUT;
pub use settings::{CleengSettings, MediaStoreSettings, SignatureEncoding, TerminationCall, WebhookSettings};
pub use subscriptions::{
    Page, Paging, Subscription, SubscriptionFilter, SubscriptionStatus, TerminationKind,
};
pub use webhook_subscriptions::WebhookSubscription;
