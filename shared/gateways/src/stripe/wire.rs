//! Stripe's JSON, exactly the fields that are used, read leniently: what is missing or of an unknown kind is absent.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;

/// A payment.
#[derive(Clone, Deserialize)]
pub(super) struct PaymentIntent {
    pub(super) id: String,
    pub(super) status: IntentStatus,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) amount: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) amount_received: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) currency: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) client_secret: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) customer: Option<Linked<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) payment_method: Option<Linked<PaymentMethod>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) latest_charge: Option<Linked<Charge>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) next_action: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) last_payment_error: Option<ApiError>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) capture_method: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) cancellation_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) metadata: Metadata,
}

/// A card being checked and kept at zero amount.
#[derive(Clone, Deserialize)]
pub(super) struct SetupIntent {
    pub(super) id: String,
    pub(super) status: IntentStatus,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) client_secret: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) customer: Option<Linked<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) payment_method: Option<Linked<PaymentMethod>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) next_action: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) last_setup_error: Option<ApiError>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) metadata: Metadata,
}

/// Where an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IntentStatus {
    Canceled,
    Processing,
    RequiresAction,
    RequiresCapture,
    RequiresConfirmation,
    RequiresPaymentMethod,
    Succeeded,
    /// A word of later versions.
    #[serde(other)]
    Other,
}

/// Money on its way back.
#[derive(Clone, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: RefundStatus,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) amount: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) currency: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) payment_intent: Option<Linked<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) failure_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) metadata: Metadata,
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundStatus {
    Canceled,
    Failed,
    Pending,
    RequiresAction,
    Succeeded,
    /// A word of later versions, or none.
    #[default]
    #[serde(other)]
    Other,
}

/// One try to take money, inside a payment.
#[derive(Clone, Deserialize)]
pub(super) struct Charge {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) amount: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) currency: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) payment_intent: Option<Linked<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) payment_method_details: Option<PaymentMethod>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) refunds: Option<List<Refund>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) metadata: Metadata,
}

/// A stored payment method, or what a charge says of the one it used.
#[derive(Clone, Deserialize)]
pub(super) struct PaymentMethod {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) customer: Option<Linked<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) card: Option<CardFacts>,
}

/// What may be shown of a card, and how long a hold on it lasts.
#[derive(Clone, Deserialize)]
pub(super) struct CardFacts {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) brand: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) last4: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) exp_month: Option<u8>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) exp_year: Option<u16>,
    /// Unix seconds.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) capture_before: Option<i64>,
}

/// A chargeback.
#[derive(Clone, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) amount: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) currency: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) payment_intent: Option<Linked<Value>>,
}

/// A list or a page of search results.
#[derive(Clone, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) has_more: bool,
}

/// Any object of which only the id matters.
#[derive(Clone, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// Any object of which only what we wrote beside it matters.
#[derive(Clone, Deserialize)]
pub(super) struct Beside {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) metadata: Metadata,
}

/// The body of an answer that is not 2xx.
#[derive(Clone, Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: ApiError,
}

/// An error, also the last one of an intent.
#[derive(Clone, Default, Deserialize)]
pub(super) struct ApiError {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub(super) kind: ErrorKind,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) decline_code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) advice_code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) network_advice_code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) network_decline_code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) param: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) payment_intent: Option<Named>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) setup_intent: Option<Named>,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorKind {
    ApiError,
    CardError,
    IdempotencyError,
    InvalidRequestError,
    /// A word of later versions, or none.
    #[default]
    #[serde(other)]
    Other,
}

impl ErrorKind {
    /// Stripe's word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ApiError => "api_error",
            Self::CardError => "card_error",
            Self::IdempotencyError => "idempotency_error",
            Self::InvalidRequestError => "invalid_request_error",
            Self::Other => "unknown_error",
        }
    }
}

/// A webhook.
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Unix seconds.
    pub(super) created: i64,
    pub(super) livemode: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) account: Option<String>,
    pub(super) data: EventData,
}

/// What a webhook speaks of.
#[derive(Deserialize)]
pub(super) struct EventData {
    pub(super) object: Value,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) previous_attributes: Option<PaymentMethod>,
}

/// What we wrote beside an object, and read back.
pub(super) type Metadata = BTreeMap<String, String>;

/// Another object: its id, or itself where it was expanded.
#[derive(Clone)]
pub(super) enum Linked<T> {
    Id(String),
    Whole(String, T),
}

impl<T> Linked<T> {
    /// The id, in either form.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Whole(id, _) => id,
        }
    }

    /// The object, where it was expanded.
    pub(super) fn whole(&self) -> Option<&T> {
        match self {
            Self::Whole(_, object) => Some(object),
            Self::Id(_) => None,
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Linked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(id) => Ok(Self::Id(id)),
            value => {
                let Named { id } = Named::deserialize(&value).map_err(D::Error::custom)?;
                Ok(Self::Whole(id, T::deserialize(value).map_err(D::Error::custom)?))
            }
        }
    }
}

/// A member that does not have the expected form counts as absent: no detail may cost us the answer.
fn lenient<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Value::deserialize(deserializer).map(|value| T::deserialize(value).unwrap_or_default())
}
