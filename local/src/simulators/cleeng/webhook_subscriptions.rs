//! Where each topic is sent: a PUT replaces the topic's whole list.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::answer::{Answer, bad_request, list};
use super::settings::CleengSimulatorSettings;
use super::state::State;

/// The topics that this simulator sends.
pub(super) const TOPICS: [&str; 6] = [
    "subscriptionReadyForPaymentAuthorisation",
    "subscriptionReadyForPaymentCapture",
    "subscriptionReadyForTermination",
    "refundPayment",
    "capturePayment",
    "paymentDetailsDeactivated",
];

/// All topics to the address of the settings, signed; nothing where there is none.
pub(super) fn initial(settings: &CleengSimulatorSettings) -> BTreeMap<String, Vec<Map<String, Value>>> {
    let Some(url) = &settings.webhook_url else { return BTreeMap::new() };
    let options = json!({"hashAlg": "SHA256", "sharedSecret": settings.webhook_secret});
    let endpoint = Map::from_iter([
        ("url".to_owned(), json!(url)),
        ("verification".to_owned(), json!({"name": "HMAC", "options": options})),
    ]);
    TOPICS.into_iter().map(|topic| (topic.to_owned(), vec![endpoint.clone()])).collect()
}

/// `GET /webhook_subscriptions`.
pub(super) fn all(state: &State) -> Answer {
    let rows: Vec<_> = state
        .endpoints
        .iter()
        .flat_map(|(topic, endpoints)| endpoints.iter().map(move |endpoint| (topic, endpoint.clone())))
        .map(|(topic, mut endpoint)| {
            endpoint.insert("topic".to_owned(), json!(topic));
            let secret =
                endpoint.get_mut("verification").and_then(|it| it.get_mut("options")?.as_object_mut());
            if let Some(options) = secret.filter(|_| state.settings.quirks.webhook_secrets_hidden) {
                options.remove("sharedSecret");
            }
            endpoint
        })
        .collect();
    list(&rows, rows.len())
}

/// `PUT /webhook_subscriptions/{topic}`.
pub(super) fn replace(state: &mut State, topic: &str, body: &Bytes) -> Answer {
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(body)
        .map_err(|_| bad_request("The request body is not a list of endpoints"))?;
    let well_formed = |row: &Map<String, Value>| {
        let url = row.get("url").and_then(Value::as_str).is_some_and(|url| url.starts_with("http"));
        let secret = row.get("verification").and_then(|it| it.get("options")?.get("sharedSecret")?.as_str());
        url && secret.is_none_or(|secret| (16..=64).contains(&secret.len()))
    };
    if !rows.iter().all(well_formed) {
        return Err(bad_request("An endpoint needs a url, and a sharedSecret has 16 to 64 bytes"));
    }
    state.endpoints.insert(topic.to_owned(), rows.clone());
    list(&rows, rows.len())
}
