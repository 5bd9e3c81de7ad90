//! Subscriptions: reading them for comparison and linking, setting their token, ending them (`/subscriptions`).

use http::Method;
use jiff::Timestamp;
use payment::{CustomerId, GatewayReference, OfferId, PaymentDetailsId, PaymentMethodId, SubscriptionId};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use wire::Deadline;

use crate::request::Ask;
use crate::settings::TerminationCall;
use crate::{Cleeng, Error};

/// A subscription as Cleeng has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Of what.
    pub offer: Option<OfferId>,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// When it began (`dateFrom`).
    pub began: Option<Timestamp>,
    /// The end of the paid period (`dateTo`).
    pub ends: Option<Timestamp>,
    /// When Cleeng will ask for the next payment.
    pub next_payment: Option<Timestamp>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Whether it is in its trial.
    pub in_trial: bool,
    /// By which payment method.
    pub method: Option<PaymentMethodId>,
    /// With which record of a token.
    pub details: Option<PaymentDetailsId>,
    /// Whether we decide when to charge.
    pub externally_managed: bool,
    /// Our id of an externally managed one.
    pub external_id: Option<String>,
    /// The gateway's id of its latest payment: leads from a purchase to its subscription.
    pub latest_payment: Option<GatewayReference>,
    /// The subscription that took its place after a switch.
    pub replaced_by: Option<SubscriptionId>,
    /// The subscription whose place it took.
    pub originated_from: Option<SubscriptionId>,
}

/// Where a subscription stands. New words are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// It renews.
    Active,
    /// The customer cancelled: access until the end (MediaStore says `cancelled`).
    Stopped,
    /// Ended.
    Terminated,
    /// Paused.
    Paused,
    /// A word that this version does not know.
    Other(String),
}

impl SubscriptionStatus {
    /// Cleeng's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
            Self::Paused => "paused",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for SubscriptionStatus {
    fn from(word: String) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "active" => Self::Active,
            "stopped" | "cancelled" | "canceled" => Self::Stopped,
            "terminated" => Self::Terminated,
            "paused" => Self::Paused,
            _ => Self::Other(word),
        }
    }
}

/// Which subscriptions to list. Cleeng answers an empty filter with an empty list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// Of this offer.
    pub offer: Option<OfferId>,
    /// With this id of ours.
    pub external_id: Option<String>,
    /// By this payment method.
    pub method: Option<PaymentMethodId>,
    /// Of this transaction (`T…`).
    pub transaction: Option<String>,
    /// In one of these states; empty is all.
    pub statuses: Vec<SubscriptionStatus>,
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// How many rows to pass over.
    pub offset: u32,
    /// How many to return, 1–100.
    pub limit: u8,
}

impl Default for Paging {
    fn default() -> Self {
        Self { offset: 0, limit: 100 }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// How many rows all pages have together, where Cleeng says it.
    pub total: Option<u64>,
}

/// Why a subscription ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TerminationKind {
    /// It was not paid.
    PaymentCancel,
    /// The customer had cancelled.
    UserCancel,
    /// The publisher ends it.
    PublisherCancel,
    /// The rules were broken.
    PolicyViolation,
}

impl Cleeng {
    /// A subscription; `None` where Cleeng has none of this id (reference: Get a subscription).
    pub async fn subscription(
        &self,
        id: SubscriptionId,
        deadline: Deadline,
    ) -> Result<Option<Subscription>, Error> {
        match self.ask(Ask::get("GET subscription", format!("/subscriptions/{id}")), deadline).await {
            Ok(answer) => answer.resource::<Body>("subscription").map(|body| Some(body.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One page of subscriptions (reference: List subscriptions).
    pub async fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        paging: Paging,
        deadline: Deadline,
    ) -> Result<Page<Subscription>, Error> {
        let answer = self.ask(Ask::get("GET subscriptions", list_path(filter, paging)), deadline).await?;
        let items = answer.list::<Body>()?.into_iter().map(Subscription::from).collect();
        Ok(Page { items, total: answer.total })
    }

    /// Sets the token that renewals use (reference: Update a subscription).
    pub async fn set_subscription_details(
        &self,
        id: SubscriptionId,
        details: PaymentDetailsId,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let body = DetailsBody { payment_details_id: details };
        let ask = Ask::write("PATCH subscription", Method::PATCH, format!("/subscriptions/{id}"), &body)?;
        self.ask(ask, deadline).await.map(drop)
    }

    /// Ends a subscription at once, which revokes access, by the call that the settings name (reference: Terminate a
    /// subscription; guide: Recurring billing for the older form). Gone already is for the caller to see: Cleeng's
    /// answer to a second termination is not documented. Whether it said so in words; an empty answer may be anybody's.
    pub async fn terminate(
        &self,
        id: SubscriptionId,
        kind: TerminationKind,
        deadline: Deadline,
    ) -> Result<bool, Error> {
        let ask = match self.settings.termination {
            TerminationCall::Post => Ask::write(
                "POST subscription terminate",
                Method::POST,
                format!("/subscriptions/{id}/terminate"),
                &TerminationBody { termination_type: kind },
            )?,
            TerminationCall::Patch => Ask::write(
                "PATCH subscription",
                Method::PATCH,
                format!("/subscriptions/{id}"),
                &StatusBody { status: "terminated" },
            )?,
        };
        self.ask(ask, deadline).await.map(|answer| answer.is_an_object())
    }
}

fn list_path(filter: &SubscriptionFilter, paging: Paging) -> String {
    let path = String::from("/subscriptions?");
    let start = path.len();
    let mut query = form_urlencoded::Serializer::for_suffix(path, start);
    let mut query =
        query.extend_pairs([("offset", paging.offset.to_string()), ("limit", paging.limit.to_string())]);
    let wanted = [
        ("customerId", filter.customer.map(|id| id.to_string())),
        ("offerId", filter.offer.as_ref().map(ToString::to_string)),
        ("externalId", filter.external_id.clone()),
        ("paymentMethodId", filter.method.map(|id| id.to_string())),
        ("transactionId", filter.transaction.clone()),
    ];
    for (name, value) in wanted {
        if let Some(value) = value {
            query = query.append_pair(name, &value);
        }
    }
    for status in &filter.statuses {
        query = query.append_pair("status[]", status.as_str());
    }
    query.finish()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailsBody {
    payment_details_id: PaymentDetailsId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TerminationBody {
    termination_type: TerminationKind,
}

#[derive(Serialize)]
struct StatusBody {
    status: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    subscription_id: SubscriptionId,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    customer_id: Option<CustomerId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    offer_id: Option<OfferId>,
    status: String,
    #[serde(default, deserialize_with = "crate::reading::maybe_time")]
    date_from: Option<Timestamp>,
    #[serde(default, deserialize_with = "crate::reading::maybe_time")]
    date_to: Option<Timestamp>,
    #[serde(default, deserialize_with = "crate::reading::maybe_time")]
    next_payment_action_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    payment_country: Option<String>,
    #[serde(default, deserialize_with = "crate::reading::maybe_flag")]
    in_trial: Option<bool>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    payment_method_id: Option<PaymentMethodId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    payment_details_id: Option<PaymentDetailsId>,
    #[serde(default, deserialize_with = "crate::reading::maybe_flag")]
    is_externally_managed: Option<bool>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    subscription_external_id: Option<String>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    latest_payment_external_id: Option<GatewayReference>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    replaced_by: Option<SubscriptionId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    originated_from: Option<SubscriptionId>,
}

impl From<Body> for Subscription {
    fn from(body: Body) -> Self {
        Self {
            id: body.subscription_id,
            customer: body.customer_id,
            offer: body.offer_id,
            status: body.status.into(),
            began: body.date_from,
            ends: body.date_to,
            next_payment: body.next_payment_action_date,
            country: body.payment_country,
            in_trial: body.in_trial.unwrap_or(false),
            method: body.payment_method_id,
            details: body.payment_details_id,
            externally_managed: body.is_externally_managed.unwrap_or(false),
            external_id: body.subscription_external_id,
            latest_payment: body.latest_payment_external_id,
            replaced_by: body.replaced_by,
            originated_from: body.originated_from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_becomes_a_query_that_nothing_breaks_out_of() {
        let filter = SubscriptionFilter {
            customer: Some("362344331".parse().unwrap()),
            external_id: Some("a&b=c".to_owned()),
            statuses: vec![SubscriptionStatus::Active, SubscriptionStatus::Stopped],
            ..SubscriptionFilter::default()
        };
        assert_eq!(
            list_path(&filter, Paging { offset: 20, limit: 50 }),
            "/subscriptions?offset=20&limit=50&customerId=362344331&externalId=a%26b%3Dc&status%5B%5D=active&status%5B%5D=stopped"
        );
    }

    #[test]
    fn a_subscription_is_read_with_ids_of_either_kind_and_words_of_either_api() {
        let body = r#"{"subscriptionId":"121780131","customerId":362344331,"offerId":"S916977979_NL","status":"cancelled",
            "dateFrom":1627287640,"dateTo":1629966040,"nextPaymentAction":"capture","paymentMethodId":"194856795",
            "latestPaymentExternalId":"pi_1","pause":null,"renewalCycle":{"completed":1,"unit":"month","amount":1},"inTrial":"0"}"#;
        let subscription: Subscription = serde_json::from_str::<Body>(body).unwrap().into();
        assert_eq!(subscription.id.number(), 121_780_131);
        assert_eq!(subscription.status, SubscriptionStatus::Stopped);
        assert_eq!(subscription.ends.unwrap().as_second(), 1_629_966_040);
        assert_eq!(subscription.method.unwrap().number(), 194_856_795);
        assert_eq!(subscription.latest_payment.unwrap().as_str(), "pi_1");
        assert!(!subscription.in_trial && !subscription.externally_managed);
    }
}
