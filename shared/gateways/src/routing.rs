//! From Cleeng's payment method to a gateway, its account and how renewals are charged there.

use std::collections::BTreeMap;
use std::sync::Arc;

use payment::{GatewayName, ManagedBy, MerchantAccount, PaymentMethodId};
use serde::Deserialize;
use settings::{SettingError, Settings};

use crate::Gateway;

/// Where a payment method leads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// Cleeng's payment method.
    pub payment_method_id: PaymentMethodId,
    /// The gateway behind it.
    pub gateway: GatewayName,
    /// Which account there; absent where the gateway's key knows.
    #[serde(default)]
    pub merchant_account: Option<MerchantAccount>,
    /// How renewals are charged; must agree with Cleeng's `authorizedFirst`.
    #[serde(default)]
    pub capture: CaptureMode,
    /// Who decides when renewals are due; `connector` needs a payment method that Cleeng has set up for externally
    /// managed subscriptions.
    #[serde(default)]
    pub managed_by: ManagedBy,
}

/// How renewals are charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureMode {
    /// Authorised first, captured when due (`authorizedFirst: true`).
    #[default]
    Manual,
    /// Charged in one step when due.
    Automatic,
}

/// All payment methods that are ours. Others belong to another connector and are left alone.
#[derive(Clone, Debug)]
pub struct Routes(BTreeMap<PaymentMethodId, Route>);

impl Routes {
    /// Reads `PAYMENT_METHODS`, a JSON array such as
    /// `[{"paymentMethodId":194856795,"gateway":"stripe","merchantAccount":null,"capture":"manual"}]`.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        const NAME: &str = "PAYMENT_METHODS";
        let rows: Vec<Route> = settings.json(NAME)?;
        if rows.is_empty() {
            return Err(SettingError::malformed(NAME, "at least one payment method is needed"));
        }
        let count = rows.len();
        let routes: BTreeMap<_, _> = rows.into_iter().map(|route| (route.payment_method_id, route)).collect();
        if routes.len() != count {
            return Err(SettingError::malformed(NAME, "a paymentMethodId stands in it twice"));
        }
        Ok(Self(routes))
    }

    /// Where this payment method leads; `None` where it is not ours.
    pub fn get(&self, method: PaymentMethodId) -> Option<&Route> {
        self.0.get(&method)
    }

    /// All routes, by payment method.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.values()
    }

    /// The routes by which Cleeng bills: of the others it asks for nothing.
    pub fn billed_by_cleeng(&self) -> impl Iterator<Item = &Route> {
        self.iter().filter(|route| route.managed_by == ManagedBy::Cleeng)
    }

    /// The first route to this gateway: what a front end that names only the gateway means.
    pub fn to_gateway(&self, gateway: &GatewayName) -> Option<&Route> {
        self.0.values().find(|route| route.gateway == *gateway)
    }
}

/// The gateways that this deployment speaks to, by name.
#[derive(Clone, Default)]
pub struct Gateways(BTreeMap<GatewayName, Arc<dyn Gateway>>);

impl Gateways {
    /// These gateways.
    pub fn new(gateways: impl IntoIterator<Item = Arc<dyn Gateway>>) -> Self {
        Self(gateways.into_iter().map(|gateway| (gateway.name(), gateway)).collect())
    }

    /// The gateway of this name, where this deployment has it.
    pub fn get(&self, name: &GatewayName) -> Option<&Arc<dyn Gateway>> {
        self.0.get(name)
    }
}
