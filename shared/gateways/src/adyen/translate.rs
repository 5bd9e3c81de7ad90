//! Between our words and Adyen's JSON, without any I/O: what is asked, and what an answer means.

mod request;
mod response;

use payment::{CustomerId, Intention, MerchantAccount, Token, Verb};

pub(super) use self::request::request;
pub(super) use self::response::{checkout_page, forgotten, response};
use super::wire::AdditionalData;
use crate::{Buyer, BuyerReturn, Checkout};

/// One call to Adyen.
#[derive(Clone, Copy)]
pub(super) enum Operation<'a> {
    /// `POST /paymentMethods`
    Checkout(&'a Checkout),
    /// `POST /payments`, buyer present; at zero it verifies the card.
    Pay { ask: &'a Intention, buyer: &'a Buyer },
    /// `POST /payments/details`
    Details { ask: &'a Intention, returned: &'a BuyerReturn },
    /// `POST /payments` with a stored card
    OffSession(&'a Intention),
    /// `POST /payments/{pspReference}/captures`
    Capture(&'a Intention),
    /// `POST /payments/{pspReference}/cancels`
    Cancel(&'a Intention),
    /// `POST /payments/{pspReference}/refunds`
    Refund(&'a Intention),
    /// `POST /cancels`
    VoidByReference(&'a Intention),
    /// `DELETE /storedPaymentMethods/{id}`
    Forget { token: &'a Token, customer: CustomerId, account: Option<&'a MerchantAccount> },
}

impl<'a> Operation<'a> {
    /// The modification that an intention upon a payment means.
    pub(super) fn of_payment(ask: &'a Intention) -> Self {
        match ask.verb {
            Verb::Cancel => Self::Cancel(ask),
            Verb::Refund => Self::Refund(ask),
            Verb::Capture | Verb::Purchase | Verb::Verify | Verb::Authorise | Verb::Charge => {
                Self::Capture(ask)
            }
        }
    }

    /// The call in log lines.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Checkout(_) => "payment methods",
            Self::Pay { .. } => "payment",
            Self::Details { .. } => "payment details",
            Self::OffSession(_) => "off-session payment",
            Self::Capture(_) => "capture",
            Self::Cancel(_) => "cancel",
            Self::Refund(_) => "refund",
            Self::VoidByReference(_) => "void by reference",
            Self::Forget { .. } => "remove stored card",
        }
    }

    /// The intention behind it, where money is meant.
    pub(super) fn intention(&self) -> Option<&'a Intention> {
        match self {
            Self::Pay { ask, .. }
            | Self::Details { ask, .. }
            | Self::OffSession(ask)
            | Self::Capture(ask)
            | Self::Cancel(ask)
            | Self::Refund(ask)
            | Self::VoidByReference(ask) => Some(ask),
            Self::Checkout(_) | Self::Forget { .. } => None,
        }
    }
}

/// The token that came with an answer or a webhook, in the newer or the older spelling.
pub(super) fn token_of(data: &AdditionalData, own_shopper: Option<&str>) -> Option<Token> {
    let id = data
        .get("tokenization.storedPaymentMethodId")
        .or_else(|| data.get("recurring.recurringDetailReference"))?;
    let shopper = data
        .get("tokenization.shopperReference")
        .or_else(|| data.get("recurring.shopperReference"))
        .or_else(|| data.get("shopperReference"))
        .or(own_shopper)?;
    Some(super::token::token(shopper, id))
}

/// Adyen's brands as Cleeng's front ends spell them; wallets and debit variants (`visa_applepay`, `mcdebit`) are their scheme.
pub(super) fn variant(brand: &str) -> String {
    const SCHEMES: [&str; 5] = ["visa", "mc", "amex", "discover", "diners"];
    SCHEMES.iter().find(|scheme| brand.starts_with(**scheme)).map_or(brand, |scheme| scheme).to_owned()
}

/// `3/2030` or `03/2030`.
pub(super) fn expiry(text: &str) -> Option<(u8, u16)> {
    let (month, year) = text.trim().split_once('/')?;
    let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
    let year = year.parse().ok().filter(|year| (2000..=2999).contains(year))?;
    Some((month, year))
}

/// Four digits and nothing else: what may be shown of a card.
pub(super) fn last_four(text: &str) -> Option<String> {
    let fits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
}
