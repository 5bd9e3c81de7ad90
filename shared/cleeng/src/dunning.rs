//! Dunning actions: when Cleeng asks for a payment (set-up; without them a subscription ends silently).

use http::Method;
use payment::PaymentMethodId;
use serde::{Deserialize, Serialize};
use wire::Deadline;

use crate::request::Ask;
use crate::{Cleeng, Error};

/// When Cleeng sends its billing events for one payment method and one length of period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DunningActions {
    /// For which payment method.
    pub payment_method_id: PaymentMethodId,
    /// Whether payments are authorised at each attempt and captured when due; else captured at each attempt.
    pub authorized_first: bool,
    /// Hours before the due date; negative is after it. Cleeng's default is 72, 48, 24, 0.
    pub payment_attempts: Vec<i32>,
    /// Hours of access after the due date; Cleeng's default is 2, at most two after the last attempt.
    pub grace_period: u32,
}

impl DunningActions {
    /// The lengths of period that need a setting each (guide: Dunning action settings).
    pub const CYCLES: [&'static str; 6] = ["weekly", "monthly", "3-months", "6-months", "annual", "seasonal"];

    /// Cleeng's recommended setting.
    pub fn recommended(method: PaymentMethodId, authorized_first: bool) -> Self {
        Self {
            payment_method_id: method,
            authorized_first,
            payment_attempts: vec![72, 48, 24, 0],
            grace_period: 2,
        }
    }
}

impl Cleeng {
    /// The actions of one length of period, for every payment method that has some (its path is a setting, and that they
    /// can be read there at all is unverified); none where Cleeng shows none.
    pub async fn dunning_actions(
        &self,
        cycle: &str,
        deadline: Deadline,
    ) -> Result<Vec<DunningActions>, Error> {
        let path = self.settings.dunning_actions_path.replace("{cycle}", cycle);
        match self.ask(Ask::get("GET dunning actions", path), deadline).await {
            Ok(answer) => answer.list().or_else(|_| answer.resource("data").map(|one| vec![one])),
            Err(Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Sets the actions of one length of period (reference: Dunning actions; its path and verb are unverified, the
    /// path is a setting).
    pub async fn put_dunning_actions(
        &self,
        cycle: &str,
        actions: &DunningActions,
        deadline: Deadline,
    ) -> Result<(), Error> {
        const CALL: &str = "PUT dunning actions";
        if !DunningActions::CYCLES.contains(&cycle) {
            return Err(Error::NotSent { call: CALL, why: "no such length of period".to_owned() });
        }
        let path = self.settings.dunning_actions_path.replace("{cycle}", cycle);
        self.ask(Ask::write(CALL, Method::PUT, path, actions)?, deadline).await.map(drop)
    }
}
