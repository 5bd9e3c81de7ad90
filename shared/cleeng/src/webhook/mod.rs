//! Cleeng's webhooks: raw bytes, signature, topic, then our own event; one file per topic.

mod authorise;
mod billing;
mod capture;
mod capture_payment;
mod content;
mod details_deactivated;
mod fields;
mod refund;
mod signature;
mod termination;
mod topic;

use payment::PaymentMethodId;
use serde::{Deserialize, Serialize};

pub use billing::Billing;
pub use capture_payment::CaptureAsked;
pub use details_deactivated::DetailsGone;
pub use refund::RefundAsked;
pub use signature::{Rejected, Verifier};
pub use termination::Termination;
pub use topic::Topic;

use fields::Envelope;

/// One webhook in our words. It travels in queue messages; e-mail addresses were left behind when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it is about.
    pub topic: Topic,
    /// Whose (`broadcasterId`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<u64>,
    /// The identity of its content, 64 lower-case hexadecimal digits: Cleeng gives events no id.
    pub digest: String,
    /// What it says.
    pub data: EventData,
}

/// What a webhook says, by topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventData {
    /// A renewal is to be authorised.
    Authorise(Billing),
    /// A renewal is to be captured, or charged in one step.
    Capture(Billing),
    /// A subscription is to be ended.
    Terminate(Termination),
    /// A payment is to be returned.
    Refund(RefundAsked),
    /// An authorised payment is to be captured.
    CapturePayment(CaptureAsked),
    /// A kept token is no longer used.
    DetailsDeactivated(DetailsGone),
    /// A topic that is not ours; kept and counted.
    Other,
}

impl EventData {
    /// Cleeng's payment method, where the event names it: two connectors may hear the same events.
    pub fn method(&self) -> Option<PaymentMethodId> {
        match self {
            Self::Authorise(billing) | Self::Capture(billing) => billing.method,
            Self::Terminate(termination) => termination.method,
            Self::Refund(refund) => refund.method,
            Self::CapturePayment(capture) => capture.method,
            Self::DetailsDeactivated(gone) => gone.method,
            Self::Other => None,
        }
    }
}

/// A body that is signed and still not what its topic promises. The text names the field, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook cannot be read: {what}")]
pub struct Unreadable {
    what: String,
}

impl Unreadable {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// Reads a webhook whose signature was verified. An unknown topic is [`EventData::Other`], never an error.
pub fn read(body: &[u8]) -> Result<Event, Unreadable> {
    let Envelope { topic, publisher, fields } = Envelope::read(body)?;
    let data = match topic {
        Topic::Authorise => EventData::Authorise(authorise::read(&fields)?),
        Topic::Capture => EventData::Capture(capture::read(&fields)?),
        Topic::Terminate => EventData::Terminate(termination::read(&fields)?),
        Topic::Refund => EventData::Refund(refund::read(&fields)?),
        Topic::CapturePayment => EventData::CapturePayment(capture_payment::read(&fields)?),
        Topic::DetailsDeactivated => EventData::DetailsDeactivated(details_deactivated::read(&fields)?),
        Topic::Other(_) => EventData::Other,
    };
    let digest = content::digest(&topic, &fields);
    Ok(Event { topic, publisher, digest, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_topic_is_kept_and_told_apart_by_all_it_says() {
        let body = |id: u32| {
            format!(r#"{{"broadcasterId":"558186818","topic":"passCreated","data":{{"passId":"{id}"}}}}"#)
        };
        let event = read(body(1).as_bytes()).unwrap();
        assert_eq!((event.topic.as_str(), event.publisher), ("passCreated", Some(558_186_818)));
        assert_eq!(event.data, EventData::Other);
        assert_ne!(event.digest, read(body(2).as_bytes()).unwrap().digest);
    }

    #[test]
    fn what_is_not_a_webhook_is_said_to_be_none() {
        for body in ["", "[]", "{}", r#"{"topic":""}"#, r#"{"topic":5,"data":{}}"#, "\u{0}", r#"{"topic":"x"#]
        {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn an_event_survives_its_queue() {
        let event =
            read(include_bytes!("../../fixtures/subscriptionReadyForPaymentAuthorisation.json")).unwrap();
        let message = serde_json::to_string(&event).unwrap();
        assert!(!message.contains('@'), "an e-mail address travels: {message}");
        assert_eq!(serde_json::from_str::<Event>(&message).unwrap(), event);
    }
}
