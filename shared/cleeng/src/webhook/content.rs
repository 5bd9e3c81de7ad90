//! The identity of an event is its content: topic and the named ids, dates and amounts, whichever way they are written.

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::Topic;
use super::fields::Fields;
use crate::reading;

/// What tells two events of one topic apart. Billing: the subscription and the attempt; the others: whatever names
/// the thing, its amount and its dates. A resent event has them all alike, whatever else changed in between.
fn names(topic: &Topic) -> Option<&'static [&'static str]> {
    match topic {
        Topic::Authorise | Topic::Capture => Some(&["subscriptionId", "dunningAttemptDate", "dunningStatus"]),
        Topic::Terminate => Some(&["subscriptionId", "expirationDate", "dunningAttemptDate"]),
        Topic::Refund | Topic::CapturePayment => Some(&[
            "amount",
            "captureId",
            "date",
            "externalPaymentId",
            "orderId",
            "paymentId",
            "refund.amount",
            "refundAmount",
            "refundDate",
            "refundId",
            "refundedAmount",
            "subscriptionId",
            "transactionId",
        ]),
        Topic::DetailsDeactivated => Some(&["paymentDetailsId", "customerId", "paymentMethodId"]),
        Topic::Other(_) => None,
    }
}

/// 64 lower-case hexadecimal digits: equal for ids as integer or string and for the same instant in another zone.
pub(super) fn digest(topic: &Topic, fields: &Fields) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    };
    add(topic.as_str());
    let listed = names(topic);
    for (name, text) in fields.iter().filter(|(name, _)| listed.is_none_or(|names| names.contains(name))) {
        add(name);
        add(&canonical(name, text));
    }
    hex::encode(hash.finalize())
}

fn canonical(name: &str, text: &str) -> String {
    let dated = name.to_ascii_lowercase().ends_with("date");
    if let Some(at) = dated.then(|| reading::time(text)).flatten() {
        return at.to_string();
    }
    let counted = name.to_ascii_lowercase().ends_with("amount");
    if let Some(amount) = counted.then(|| reading::exact(text)).flatten() {
        return Decimal::normalize(&amount).to_string();
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use crate::webhook::read;

    fn digest(topic: &str, data: &str) -> String {
        read(format!(r#"{{"broadcasterId":1,"topic":"{topic}","data":{data}}}"#).as_bytes()).unwrap().digest
    }

    fn billing(topic: &str, id: &str, at: &str, more: &str) -> String {
        let data = format!(
            r#"{{"subscriptionId":{id},"offerId":"S1","customerId":5,"dunningAttemptDate":"{at}"{more}}}"#
        );
        digest(topic, &data)
    }

    #[test]
    fn a_resent_renewal_is_the_same_however_it_is_written() {
        let capture = "subscriptionReadyForPaymentCapture";
        let one = billing(capture, "332332332", "2019-11-04T19:55:41Z", "");
        assert_eq!(one.len(), 64);
        assert_eq!(
            one,
            billing(capture, r#""332332332""#, "2019-11-04T20:55:41+01:00", r#","token":"other""#)
        );
        assert_eq!(
            one,
            billing("SubscriptionReadyForPaymentCapture", "332332332", "2019-11-04T19:55:41.000Z", "")
        );
        assert_ne!(one, billing(capture, "332332332", "2019-11-05T19:55:41Z", ""));
        assert_ne!(one, billing(capture, "332332333", "2019-11-04T19:55:41Z", ""));
        assert_ne!(
            one,
            billing("subscriptionReadyForPaymentAuthorisation", "332332332", "2019-11-04T19:55:41Z", "")
        );
    }

    #[test]
    fn two_refunds_of_one_payment_by_different_amounts_are_two() {
        let refund =
            |amount: &str| digest("refundPayment", &format!(r#"{{"paymentId":7,"amount":{amount}}}"#));
        assert_eq!(refund("1.50"), refund("\"1.5\""));
        assert_ne!(refund("1.50"), refund("1.51"));
        let nested = digest("refundPayment", r#"{"payment":{"id":"7"}}"#);
        assert_eq!(nested, digest("refundPayment", r#"{"paymentId":7}"#));
    }
}
