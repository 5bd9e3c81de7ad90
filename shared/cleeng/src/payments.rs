//! Payments: Cleeng's record of money that the gateway moved (`/payments`, `/orders/{id}/payments`).

mod body;

use http::Method;
use payment::{
    CustomerId, GatewayReference, OfferId, OrderId, PaymentDetailsId, PaymentId, PaymentMethodId, Price,
    SubscriptionId,
};
use serde::{Serialize, Serializer};
use url::form_urlencoded;
use wire::Deadline;

pub(crate) use body::Body;
use body::{NewBody, UpdateBody};

use crate::payment_details::{NewDetails, token_members};
use crate::request::Ask;
use crate::settings::CleengSettings;
use crate::{Cleeng, Error};

/// A payment as Cleeng has it. Fields that it left out are absent, not errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// The order that it pays; absent for externally managed purchases.
    pub order: Option<OrderId>,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Cleeng's word for what it was (`initial-payment`, `recurring-payment`, …).
    pub operation: Option<String>,
    /// The whole amount, tax and fees in.
    pub price: Option<Price>,
    /// Who paid.
    pub customer: Option<CustomerId>,
    /// For what.
    pub offer: Option<OfferId>,
    /// With which record of a token.
    pub details: Option<PaymentDetailsId>,
    /// By which payment method, where Cleeng gives its id.
    pub method: Option<PaymentMethodId>,
    /// For which subscription.
    pub subscription: Option<SubscriptionId>,
    /// The gateway's id of it.
    pub external: Option<GatewayReference>,
    /// Why it was refused.
    pub rejected_reason: Option<String>,
    /// Why it was returned, as the latest return said.
    pub refunded_reason: Option<String>,
}

/// Where a payment stands at Cleeng. New words are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Held (sent as `authorized`; `authorised` is read too).
    Authorized,
    /// Taken.
    Captured,
    /// Refused.
    Rejected,
    /// Returned.
    Refunded,
    /// Let go.
    Cancelled,
    /// A word that this version does not know (`receivable`, `temporary`, …).
    Other(String),
}

impl PaymentStatus {
    /// Cleeng's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Rejected => "rejected",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for PaymentStatus {
    fn from(word: String) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "authorized" | "authorised" => Self::Authorized,
            "captured" => Self::Captured,
            "rejected" => Self::Rejected,
            "refunded" => Self::Refunded,
            "cancelled" | "canceled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

impl Serialize for PaymentStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentOperation {
    /// The first of an order, with an amount.
    InitialPayment,
    /// The first of an order, without an amount: a trial or a 100 % coupon. Its word is a setting.
    InitialFreeTransaction,
    /// A renewal; its subscription goes with it.
    RecurringPayment,
}

impl PaymentOperation {
    fn word(self, settings: &CleengSettings) -> &str {
        match self {
            Self::InitialPayment => "initial-payment",
            Self::InitialFreeTransaction => &settings.free_payment_operation,
            Self::RecurringPayment => "recurring-payment",
        }
    }
}

/// Which token paid: one that Cleeng has, or one that it is given with the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetailsGiven {
    /// Cleeng's record of it.
    Id(PaymentDetailsId),
    /// A new one; Cleeng makes the record. The customer is the order's.
    Inline(NewDetails),
}

/// A payment to record for an order. Amount and currency are the order's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// What it pays.
    pub order: OrderId,
    /// Authorised, captured or rejected.
    pub status: PaymentStatus,
    /// What it is for.
    pub operation: PaymentOperation,
    /// With which token.
    pub details: Option<DetailsGiven>,
    /// The gateway's id; only a refusal may be without.
    pub external: Option<GatewayReference>,
    /// Why it was refused; with `Rejected`.
    pub rejected_reason: Option<String>,
    /// Which subscription it renews; with `RecurringPayment`.
    pub subscription: Option<SubscriptionId>,
}

/// A change to a recorded payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentUpdate {
    /// The order that it pays; Cleeng wants it wherever there is one.
    pub order: Option<OrderId>,
    /// Captured, rejected or refunded.
    pub status: PaymentStatus,
    /// What it was for; Cleeng requires it with `Refunded`.
    pub operation: Option<PaymentOperation>,
    /// The gateway's id, where the capture's differs from the authorisation's.
    pub external: Option<GatewayReference>,
    /// Why it was refused; with `Rejected`.
    pub rejected_reason: Option<String>,
    /// Why it was returned; with `Refunded`.
    pub refunded_reason: Option<String>,
    /// How much was returned, major units; absent is all of it.
    pub refunded: Option<Price>,
    /// Given back or taken back; with `Refunded`.
    pub refund_kind: Option<RefundKind>,
}

impl PaymentUpdate {
    /// The payment as far as this change says it.
    fn done(&self, id: PaymentId) -> Payment {
        Payment {
            id,
            order: self.order,
            status: self.status.clone(),
            operation: None,
            price: None,
            customer: None,
            offer: None,
            details: None,
            method: None,
            subscription: None,
            external: self.external.clone(),
            rejected_reason: self.rejected_reason.clone(),
            refunded_reason: self.refunded_reason.clone(),
        }
    }
}

/// How money went back to the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RefundKind {
    /// We gave it back.
    Refund,
    /// The bank took it back.
    Chargeback,
}

impl Cleeng {
    /// Records a payment (reference: Create a payment). Not idempotent: posted twice it is there twice, so after
    /// [`Error::may_have_happened`] look at [`Cleeng::order_payments`] first.
    pub async fn create_payment(&self, new: &NewPayment, deadline: Deadline) -> Result<Payment, Error> {
        let (id, inline) = match &new.details {
            Some(DetailsGiven::Id(id)) => (Some(*id), None),
            Some(DetailsGiven::Inline(details)) => (None, Some(token_members(details))),
            None => (None, None),
        };
        let body = NewBody {
            order_id: new.order,
            status: &new.status,
            payment_operation: new.operation.word(&self.settings),
            payment_details_id: id,
            payment_details: inline,
            external_payment_id: new.external.as_ref(),
            rejected_reason: new.rejected_reason.as_deref(),
            subscription_id: new.subscription,
        };
        let ask = Ask::write("POST payment", Method::POST, "/payments", &body)?;
        self.ask(ask, deadline).await?.resource::<Body>("payment").map(Payment::from)
    }

    /// Changes a recorded payment (reference: Update a payment). Repeating the same change is harmless. What a success
    /// answers with is not documented: a JSON object that is no payment takes the change at its word.
    pub async fn update_payment(
        &self,
        id: PaymentId,
        update: &PaymentUpdate,
        deadline: Deadline,
    ) -> Result<Payment, Error> {
        let body = UpdateBody { update, settings: &self.settings };
        let ask = Ask::write("PATCH payment", Method::PATCH, format!("/payments/{id}"), &body)?;
        let answer = self.ask(ask, deadline).await?;
        match answer.resource::<Body>("payment") {
            Ok(payment) => Ok(payment.into()),
            // Nothing, or a page: somebody in between may have answered, and Cleeng may not have heard.
            Err(unreadable) if !answer.is_an_object() => Err(unreadable),
            Err(_) => Ok(update.done(id)),
        }
    }

    /// Tells Cleeng that an authorised payment was let go (reference: Cancel a payment; no body). Whether Cleeng said so in
    /// words; an empty answer may be anybody's.
    pub async fn cancel_payment(&self, id: PaymentId, deadline: Deadline) -> Result<bool, Error> {
        let ask = Ask::bare("PATCH payment cancel", Method::PATCH, format!("/payments/{id}/cancel"));
        self.ask(ask, deadline).await.map(|answer| answer.is_an_object())
    }

    /// All payments of an order, to look before posting again (reference: Get payment by order id; its path is a
    /// setting). An order without payments is an empty list, also where Cleeng answers 404.
    pub async fn order_payments(&self, order: OrderId, deadline: Deadline) -> Result<Vec<Payment>, Error> {
        let path = self.settings.order_payments_path.replace("{orderId}", &order.to_string());
        read_list(self.ask(Ask::get("GET order payments", path), deadline).await)
    }

    /// The payments of this id at the gateway, to look before posting again what has no order (undocumented; its path is a
    /// setting). `None` where Cleeng does not say: it has no such list, refuses the look, or lists what was not asked for.
    pub async fn external_payments(
        &self,
        external: &GatewayReference,
        deadline: Deadline,
    ) -> Result<Option<Vec<Payment>>, Error> {
        let escaped: String = form_urlencoded::byte_serialize(external.as_str().as_bytes()).collect();
        let path = self.settings.external_payments_path.replace("{externalPaymentId}", &escaped);
        let answer = match self.ask(Ask::get("GET external payments", path), deadline).await {
            Err(Error::NotFound { .. } | Error::Refused { .. }) => return Ok(None),
            // No such path, perhaps not in Cleeng's words; a success that is none of Cleeng's came from something in between.
            Err(Error::Unreadable { status: 400..500, .. }) => return Ok(None),
            answer => answer,
        };
        let all = read_list(answer)?;
        let count = all.len();
        let named: Vec<_> =
            all.into_iter().filter(|payment| payment.external.as_ref() == Some(external)).collect();
        Ok((named.len() == count).then_some(named))
    }

    /// Open authorisations on a stored token (reference: List authorised payments).
    pub async fn authorised_payments(
        &self,
        details: PaymentDetailsId,
        deadline: Deadline,
    ) -> Result<Vec<Payment>, Error> {
        let path = format!("/payment_details/{details}/authorised_payments");
        read_list(self.ask(Ask::get("GET authorised payments", path), deadline).await)
    }
}

fn read_list(answer: Result<crate::request::Answer, Error>) -> Result<Vec<Payment>, Error> {
    match answer {
        Ok(answer) => {
            let list = answer.list::<Body>();
            // A page that speaks of "payment" in the singular may give the one payment bare.
            let rows = list.or_else(|error| {
                answer.resource::<Body>("payment").map(|one| vec![one]).map_err(|_| error)
            })?;
            Ok(rows.into_iter().map(Payment::from).collect())
        }
        Err(Error::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_authorised_are_read_and_z_is_sent() {
        for word in ["authorized", "authorised", "Authorised"] {
            assert_eq!(PaymentStatus::from(word.to_owned()), PaymentStatus::Authorized);
        }
        assert_eq!(PaymentStatus::Authorized.as_str(), "authorized");
        assert_eq!(PaymentStatus::from("receivable".to_owned()).as_str(), "receivable");
    }
}
