//! Passes: externally managed access for a time, without renewal (`/passes`).

use http::Method;
use jiff::Timestamp;
use payment::{CustomerId, OfferId, PaymentId, PaymentMethodId};
use serde::{Deserialize, Serialize};
use wire::Deadline;

use crate::external::some_seconds;
use crate::request::Ask;
use crate::{Cleeng, Error};

/// A pass to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPass {
    /// Whose.
    pub customer: CustomerId,
    /// Of what (a `P` offer).
    pub offer: OfferId,
    /// By which payment method.
    pub method: PaymentMethodId,
    /// Our own id of it; Cleeng takes no second active pass with the same one.
    pub external_id: String,
    /// When it ends; absent is as the offer says.
    pub expires: Option<Timestamp>,
    /// The payment that paid it.
    pub payment: Option<PaymentId>,
}

/// A pass as Cleeng has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Its id, as Cleeng writes it.
    pub id: u64,
    /// When it ends; an evergreen pass has no end.
    pub expires: Option<Timestamp>,
}

impl Cleeng {
    /// Makes a pass (reference: Create a pass).
    pub async fn create_pass(&self, new: &NewPass, deadline: Deadline) -> Result<Pass, Error> {
        let body = NewBody {
            customer_id: new.customer,
            offer_id: &new.offer,
            payment_method_id: new.method,
            external_id: &new.external_id,
            expires_at: new.expires,
            payment_id: new.payment,
        };
        let ask = Ask::write("POST pass", Method::POST, "/passes", &body)?;
        let body: Body = self.ask(ask, deadline).await?.resource("pass")?;
        Ok(Pass { id: body.pass_id, expires: body.expires_at })
    }

    /// Ends a pass (reference: Terminate a pass; no body, the answer is not read).
    pub async fn terminate_pass(&self, id: u64, deadline: Deadline) -> Result<(), Error> {
        self.ask(Ask::bare("POST pass terminate", Method::POST, format!("/passes/{id}/terminate")), deadline)
            .await
            .map(drop)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBody<'a> {
    customer_id: CustomerId,
    offer_id: &'a OfferId,
    payment_method_id: PaymentMethodId,
    external_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_seconds")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<PaymentId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(alias = "id", deserialize_with = "crate::reading::required")]
    pass_id: u64,
    #[serde(default, deserialize_with = "crate::reading::maybe_time")]
    expires_at: Option<Timestamp>,
}
