//! Webhook subscriptions: where Cleeng sends a topic (set-up; a PUT replaces the topic's whole list).

use std::fmt;

use http::Method;
use payment::PaymentMethodId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use wire::Deadline;

use crate::request::Ask;
use crate::webhook::Topic;
use crate::{Cleeng, Error};

/// One endpoint of a topic, with all that Cleeng says of it, so that another connector's endpoint goes back as it came.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookSubscription(Map<String, Value>);

impl WebhookSubscription {
    /// An endpoint of ours: signed, and filtered by payment method where the topic's payload is known to name it (a
    /// filter on a payload that lacks the field drops everything).
    pub fn new(url: &Url, method: Option<PaymentMethodId>, secret: Option<&SecretString>) -> Self {
        let mut members = Map::new();
        members.insert("url".to_owned(), json!(url.as_str()));
        if let Some(method) = method {
            let filter = json!([{"name": "paymentMethodId", "options": {"value": method.number()}}]);
            members.insert("filters".to_owned(), filter);
        }
        if let Some(secret) = secret {
            let options = json!({"hashAlg": "SHA256", "sharedSecret": secret.expose_secret()});
            members.insert("verification".to_owned(), json!({"name": "HMAC", "options": options}));
        }
        Self(members)
    }

    /// Where it leads.
    pub fn url(&self) -> &str {
        self.text("url").unwrap_or_default()
    }

    /// The payment method that it is filtered by.
    pub fn method(&self) -> Option<PaymentMethodId> {
        let filters = self.0.get("filters")?.as_array()?;
        let filter = filters.iter().find(|filter| filter.get("name") == Some(&json!("paymentMethodId")))?;
        serde_json::from_value(filter.get("options")?.get("value")?.clone()).ok()
    }

    /// Whether Cleeng signs what it sends there.
    pub fn is_signed(&self) -> bool {
        self.0.get("verification").is_some_and(Value::is_object)
    }

    /// Whether its secret came with it. Where Cleeng keeps it back, sending the endpoint again would lose it.
    pub fn has_secret(&self) -> bool {
        self.0
            .get("verification")
            .and_then(|v| v.get("options")?.get("sharedSecret"))
            .is_some_and(Value::is_string)
    }

    /// Whether what Cleeng sends there is signed with one of these, as far as it shows its secret.
    pub fn is_signed_with(&self, secrets: &[SecretString]) -> bool {
        let shown = self.0.get("verification").and_then(|v| v.get("options")?.get("sharedSecret")?.as_str());
        shown.is_some_and(|shown| secrets.iter().any(|secret| secret.expose_secret() == shown))
    }

    /// Whether it is filtered by anything but the payment method.
    pub fn has_other_filters(&self) -> bool {
        let others =
            |filters: &Vec<Value>| filters.iter().any(|it| it.get("name") != Some(&json!("paymentMethodId")));
        self.0.get("filters").and_then(Value::as_array).is_some_and(others)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Whether it belongs to this topic; a list that was asked for by topic need not repeat it.
    fn is_of(&self, topic: &Topic) -> bool {
        self.text("topic").is_none_or(|name| Topic::from(name.to_owned()) == *topic)
    }

    /// Without what is Cleeng's own and not taken back.
    fn writable(&self) -> Map<String, Value> {
        let keep = ["url", "filters", "verification", "retryPolicy"];
        self.0
            .iter()
            .filter(|(name, _)| keep.contains(&name.as_str()))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    }
}

impl fmt::Debug for WebhookSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSubscription")
            .field("url", &self.url())
            .field("method", &self.method())
            .finish_non_exhaustive()
    }
}

impl Cleeng {
    /// The endpoints of a topic (reference: List webhook subscriptions, which lists all topics).
    pub async fn webhook_subscriptions(
        &self,
        topic: &Topic,
        deadline: Deadline,
    ) -> Result<Vec<WebhookSubscription>, Error> {
        let answer =
            self.ask(Ask::get("GET webhook subscriptions", "/webhook_subscriptions"), deadline).await?;
        let rows = answer.list::<WebhookSubscription>()?;
        Ok(rows.into_iter().filter(|row| row.is_of(topic)).collect())
    }

    /// Replaces all endpoints of a topic (reference: Webhook settings). Read, merge, then write: what is left out here
    /// is cut off.
    pub async fn put_webhook_subscriptions(
        &self,
        topic: &Topic,
        endpoints: &[WebhookSubscription],
        deadline: Deadline,
    ) -> Result<(), Error> {
        let body: Vec<_> = endpoints.iter().map(WebhookSubscription::writable).collect();
        let path = format!("/webhook_subscriptions/{}", topic.as_str());
        self.ask(Ask::write("PUT webhook subscriptions", Method::PUT, path, &body)?, deadline).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_written_as_the_guide_has_it_and_its_secret_is_not_printed() {
        let secret = SecretString::from("canary-0123456789");
        let ours = WebhookSubscription::new(
            &"https://connector.example/webhooks/cleeng".parse().unwrap(),
            Some("320113641".parse().unwrap()),
            Some(&secret),
        );
        assert_eq!(
            serde_json::to_value(ours.writable()).unwrap(),
            json!({
                "url": "https://connector.example/webhooks/cleeng",
                "filters": [{"name": "paymentMethodId", "options": {"value": 320_113_641}}],
                "verification": {"name": "HMAC", "options": {"hashAlg": "SHA256", "sharedSecret": "canary-0123456789"}}
            })
        );
        assert!(ours.is_signed() && ours.has_secret() && !format!("{ours:?}").contains("canary"));
    }

    #[test]
    fn anothers_endpoint_goes_back_as_it_came() {
        let theirs: WebhookSubscription = serde_json::from_value(json!({
            "id": 7, "topic": "refundPayment", "url": "https://other.example/", "retryPolicy": {"name": "x"},
            "filters": [{"name": "paymentMethodId", "options": {"value": "5"}}, {"name": "offerId", "options": {"value": "S1"}}]
        }))
        .unwrap();
        assert!(theirs.is_of(&Topic::Refund) && !theirs.is_of(&Topic::Capture));
        assert_eq!(theirs.method().map(PaymentMethodId::number), Some(5));
        let written = serde_json::to_value(theirs.writable()).unwrap();
        assert_eq!(written["filters"].as_array().unwrap().len(), 2);
        assert!(written.get("retryPolicy").is_some() && written.get("id").is_none());
    }
}
