//! Adyen's JSON, exactly for the fields that are used, in Adyen's spelling. Everything that is read is optional: what is missing is judged later.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// `{"value":999,"currency":"EUR"}`
#[derive(Serialize)]
pub(super) struct Amount<'a> {
    pub(super) value: i64,
    pub(super) currency: &'a str,
}

/// `POST /paymentMethods`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentMethodsRequest<'a> {
    pub(super) merchant_account: &'a str,
    pub(super) amount: Amount<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) country_code: Option<&'a str>,
    pub(super) channel: &'static str,
}

/// `POST /payments`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentRequest<'a> {
    pub(super) merchant_account: &'a str,
    pub(super) amount: Amount<'a>,
    pub(super) reference: &'a str,
    pub(super) return_url: &'a str,
    pub(super) payment_method: PaymentMethod<'a>,
    pub(super) shopper_reference: &'a str,
    pub(super) shopper_interaction: &'static str,
    pub(super) recurring_processing_model: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_data: Option<ManualCapture>,
    pub(super) metadata: Metadata<'a>,
    #[serde(flatten)]
    pub(super) present: Option<Present<'a>>,
}

/// What the page's library made, or a stored card.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum PaymentMethod<'a> {
    FromPage(&'a Value),
    #[serde(rename_all = "camelCase")]
    Stored {
        r#type: &'static str,
        stored_payment_method_id: &'a str,
    },
}

/// `additionalData.manualCapture`: hold only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManualCapture {
    pub(super) manual_capture: &'static str,
}

/// What comes back in webhooks as `metadata.…`: at most 20 pairs, keys of 20 and values of 80 characters.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    pub(super) verb: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_id: Option<String>,
}

/// What only a present buyer brings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Present<'a> {
    pub(super) store_payment_method: bool,
    pub(super) channel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) browser_info: Option<BrowserInfo<'a>>,
    #[serde(rename = "shopperIP", skip_serializing_if = "Option::is_none")]
    pub(super) shopper_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) billing_address: Option<BillingAddress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) country_code: Option<&'a str>,
}

/// `BrowserInfo`: what 3-D Secure wants to know. The API wants all of it but one.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BrowserInfo<'a> {
    accept_header: &'a str,
    color_depth: i32,
    java_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    java_script_enabled: Option<bool>,
    language: &'a str,
    screen_height: i32,
    screen_width: i32,
    time_zone_offset: i32,
    user_agent: &'a str,
}

/// `BillingAddress`: all of it but the state, or nothing.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BillingAddress<'a> {
    city: &'a str,
    country: &'a str,
    house_number_or_name: &'a str,
    postal_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_or_province: Option<&'a str>,
    street: &'a str,
}

/// `POST /payments/details`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetailsRequest<'a> {
    pub(super) details: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payment_data: Option<&'a str>,
}

/// `POST /payments/{paymentPspReference}/captures`, `/cancels`, `/refunds`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModificationRequest<'a> {
    pub(super) merchant_account: &'a str,
    pub(super) reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amount: Option<Amount<'a>>,
}

/// `POST /cancels`: a void by our own reference, where Adyen's was never heard.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelByReferenceRequest<'a> {
    pub(super) merchant_account: &'a str,
    pub(super) payment_reference: &'a str,
}

/// Answer to `/payments` and `/payments/details`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentResponse<'a> {
    #[serde(default, deserialize_with = "text")]
    pub(super) result_code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) psp_reference: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) merchant_reference: Option<String>,
    #[serde(default)]
    pub(super) amount: Option<ReadAmount>,
    #[serde(default, deserialize_with = "text")]
    pub(super) refusal_reason: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) refusal_reason_code: Option<String>,
    #[serde(default)]
    pub(super) additional_data: AdditionalData,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) payment_method: Option<ReadPaymentMethod>,
    #[serde(default, borrow)]
    pub(super) action: Option<&'a RawValue>,
}

/// Answer to a modification: 201 `received`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModificationResponse {
    #[serde(default, deserialize_with = "text")]
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) psp_reference: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) payment_psp_reference: Option<String>,
    #[serde(default)]
    pub(super) amount: Option<ReadAmount>,
}

/// Body of 4xx and 5xx.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceError {
    #[serde(default, deserialize_with = "text")]
    pub(super) error_code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) error_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) psp_reference: Option<String>,
}

/// A webhook as it arrives: a standard notification with its items, or one of the newer kinds with a type and data.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    #[serde(default, deserialize_with = "text")]
    pub(super) live: Option<String>,
    #[serde(default)]
    pub(super) notification_items: Option<Vec<Item>>,
    #[serde(default, deserialize_with = "text")]
    pub(super) r#type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) environment: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) created_at: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) event_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) data: Option<StoredMethod>,
}

/// One wrapped item.
#[derive(Deserialize)]
pub(super) struct Item {
    #[serde(rename = "NotificationRequestItem")]
    pub(super) item: NotificationItem,
}

/// One item of a standard notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NotificationItem {
    #[serde(default, deserialize_with = "text")]
    pub(super) event_code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) success: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) psp_reference: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) original_reference: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) merchant_account_code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) merchant_reference: Option<String>,
    #[serde(default)]
    pub(super) amount: Option<ReadAmount>,
    #[serde(default, deserialize_with = "text")]
    pub(super) event_date: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) payment_method: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) additional_data: AdditionalData,
}

/// `data` of a `recurring.token.…` webhook.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredMethod {
    #[serde(default, deserialize_with = "text")]
    pub(super) merchant_account: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) shopper_reference: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) stored_payment_method_id: Option<String>,
}

/// An amount as Adyen writes it. One of another shape is there, and says nothing: it agrees with no amount.
#[derive(Debug, Default)]
pub(super) struct ReadAmount {
    pub(super) value: Option<String>,
    pub(super) currency: Option<String>,
}

impl<'de> Deserialize<'de> for ReadAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(mut fields) = Value::deserialize(deserializer)? else { return Ok(Self::default()) };
        let mut take = |name| fields.remove(name).and_then(plain);
        Ok(Self { value: take("value"), currency: take("currency") })
    }
}

/// `paymentMethod` of an answer.
#[derive(Deserialize)]
pub(super) struct ReadPaymentMethod {
    #[serde(default, deserialize_with = "text")]
    pub(super) brand: Option<String>,
}

/// `additionalData`: text by name; anything else in it is left out.
#[derive(Default)]
pub(super) struct AdditionalData(BTreeMap<String, String>);

impl AdditionalData {
    /// The text of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for AdditionalData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(fields) = Value::deserialize(deserializer)? else { return Ok(Self::default()) };
        Ok(Self(fields.into_iter().filter_map(|(name, value)| Some((name, plain(value)?))).collect()))
    }
}

/// Text, number or truth value as text; anything else, `null` among it, as absent.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(plain(Value::deserialize(deserializer)?))
}

/// A member of its own shape; of any other shape it counts as absent.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
