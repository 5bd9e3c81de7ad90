//! What both billing topics say: which subscription, who pays with what, and for which period.

use jiff::Timestamp;
use payment::{Currency, CustomerId, OfferId, PaymentDetailsId, PaymentMethodId, SubscriptionId, Token};
use serde::{Deserialize, Serialize};

use super::Unreadable;
use super::fields::Fields;

/// A renewal that is due (reference: Webhook – Subscription topics). It carries no amount: the order does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// What is renewed.
    pub subscription: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// For what.
    pub offer: OfferId,
    /// Cleeng's record of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<PaymentDetailsId>,
    /// By which payment method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaymentMethodId>,
    /// The gateway's token, as Cleeng has it; none where its record is out of use, so that nothing is charged to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The attempt that this is (`dunningAttemptDate`).
    pub asked: Timestamp,
    /// The end of the paid period (`expirationDate`): what tells one renewal from the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Timestamp>,
    /// In which currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Whether the record of the token is the one to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// Everything after the attempt's date is optional: the guide shows the capture's payload in part only.
pub(super) fn read(fields: &Fields) -> Result<Billing, Unreadable> {
    let active = fields.flag("active");
    Ok(Billing {
        subscription: fields.required("subscriptionId")?,
        customer: fields.required("customerId")?,
        offer: fields.required("offerId")?,
        details: fields.maybe("paymentDetailsId"),
        method: fields.maybe("paymentMethodId"),
        // A subscription that was switched to is sold with the record of the old one, even if that is out of use.
        token: fields.text("token").map(Token::new).filter(|_| active != Some(false)),
        asked: fields
            .time("dunningAttemptDate")
            .ok_or_else(|| Unreadable::new("dunningAttemptDate is missing or malformed"))?,
        period_end: fields.time("expirationDate"),
        currency: fields.maybe("currency"),
        country: fields.maybe("paymentCountry"),
        active,
    })
}
