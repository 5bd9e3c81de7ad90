//! Payment methods: how a publisher's offers can be paid (set-up; that they can be listed is unverified).

use payment::PaymentMethodId;
use serde::Deserialize;
use wire::Deadline;

use crate::request::Ask;
use crate::{Cleeng, Error};

/// A payment method of the publisher.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentMethod {
    /// Its id.
    #[serde(alias = "paymentMethodId")]
    pub id: PaymentMethodId,
    /// The gateway behind it, where Cleeng says so.
    #[serde(default, alias = "gateway", deserialize_with = "crate::reading::maybe")]
    pub payment_gateway: Option<String>,
    /// Whether customers can pay by it, where Cleeng says so.
    #[serde(default, deserialize_with = "crate::reading::maybe_flag")]
    pub active: Option<bool>,
}

impl Cleeng {
    /// All payment methods of the publisher; `None` where Cleeng does not list them.
    pub async fn payment_methods(&self, deadline: Deadline) -> Result<Option<Vec<PaymentMethod>>, Error> {
        match self.ask(Ask::get("GET payment methods", "/payment_methods"), deadline).await {
            Ok(answer) => answer.list().map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
