//! The trait in the trade's verbs, and what each verb is given.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use payment::{
    Currency, CustomerId, GatewayName, GatewayReference, Identity, Intention, MerchantAccount, MinorUnits,
    Money, OrderId, Outcome, Token,
};
use serde_json::Value;
use url::Url;
use wire::Deadline;

use crate::GatewayError;

/// A payment gateway. No verb has a default body: an adapter answers for each.
///
/// `Err` means that the gateway certainly did nothing (not sent, throttled, a request it will not take); everything
/// it may have done is an [`Outcome`]. Every write carries the intention's key and reference.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Its short name, as in routes and settings.
    fn name(&self) -> GatewayName;

    /// How it counts this currency; `None` where it does not take it.
    fn minor_units(&self, currency: Currency) -> Option<MinorUnits>;

    /// How long it recognises a repeated key, with a margin.
    fn key_life(&self) -> Duration;

    /// What the page needs to collect payment data.
    async fn checkout(&self, ask: &Checkout, deadline: Deadline) -> Result<CheckoutPage, GatewayError>;

    /// Buyer present: charges at once and keeps the card for renewals ([`payment::Verb::Purchase`]).
    async fn authorise(
        &self,
        ask: &Intention,
        buyer: &Buyer,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError>;

    /// Buyer present: checks the card at zero amount and keeps it ([`payment::Verb::Verify`]).
    async fn verify(
        &self,
        ask: &Intention,
        buyer: &Buyer,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError>;

    /// After 3-D Secure or a redirect: asks the gateway itself what came of it. The browser is never believed.
    async fn resume(
        &self,
        ask: &Intention,
        returned: &BuyerReturn,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError>;

    /// Buyer away: holds ([`payment::Verb::Authorise`]) or charges at once ([`payment::Verb::Charge`]) a stored card.
    async fn authorise_off_session(
        &self,
        ask: &Intention,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError>;

    /// Takes what was authorised.
    async fn capture(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError>;

    /// Lets go what was authorised (void).
    async fn cancel(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError>;

    /// Returns what was captured, whole or in part.
    async fn refund(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError>;

    /// Finds out what became of an intention whose answer is missing: the same request under the same key within
    /// the key's life (`age` counts from [`Intention::began`]), else a look-up by the gateway's id (`known`) or our reference.
    async fn resolve(
        &self,
        ask: &Intention,
        known: Option<&GatewayReference>,
        age: Duration,
        deadline: Deadline,
    ) -> Result<Resolution, GatewayError>;

    /// What the gateway says became of an intention, by reading alone, for comparison and never to act on; `None` where it
    /// cannot be asked without acting, or has no trace.
    async fn look_up(
        &self,
        ask: &Intention,
        known: Option<&GatewayReference>,
        deadline: Deadline,
    ) -> Result<Option<Outcome>, GatewayError>;

    /// Whether it answers and takes the key for this account, by a call that changes nothing.
    async fn check_key(
        &self,
        account: Option<&MerchantAccount>,
        deadline: Deadline,
    ) -> Result<(), GatewayError>;

    /// Whose attempt and order a payment of the gateway's is, where our words stand beside it and the gateway can be
    /// asked: refunds made by hand and chargebacks name nothing but the payment.
    async fn origin(&self, payment: &GatewayReference, deadline: Deadline) -> Result<Origin, GatewayError>;

    /// Which customer of Cleeng's a stored token belongs to; `None` where the gateway does not know.
    async fn owner(&self, token: &Token, deadline: Deadline) -> Result<Option<CustomerId>, GatewayError>;

    /// Removes a stored token at the gateway. Already gone is success.
    async fn forget(
        &self,
        token: &Token,
        customer: CustomerId,
        account: Option<&MerchantAccount>,
        deadline: Deadline,
    ) -> Result<(), GatewayError>;
}

/// Where a payment came from, as far as the gateway knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Our attempt.
    pub attempt: Option<Identity>,
    /// The order that it pays.
    pub order: Option<OrderId>,
}

/// What came of looking for a lost answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The gateway's answer, or that it still does not know.
    Found(Outcome),
    /// The gateway is certain that it never did this and never will: no trace, and the key can no longer arrive.
    Absent,
}

/// What a page asks before the buyer pays.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// For whom.
    pub customer: CustomerId,
    /// For which order; absent when only a card is added.
    pub order: Option<OrderId>,
    /// How much; zero where a card is only verified.
    pub money: Money,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// The account that the payment method settles into.
    pub account: Option<MerchantAccount>,
    /// What the customer's earlier payments left, so that the gateway's customer is found again.
    pub known: Option<Token>,
}

/// What the page gets.
#[derive(Clone, Debug)]
pub struct CheckoutPage {
    /// JSON for the gateway's front-end library; public values only.
    pub page: Value,
    /// What is worth remembering for the payment that follows (Stripe's customer), never for the page.
    pub known: Option<Token>,
}

/// What the present buyer gave, used once and not kept.
#[derive(Clone)]
pub struct Buyer {
    /// The gateway's own payment data, as its front-end library made it; wallets included.
    pub payment_method: Value,
    /// Where a redirect comes back to; already checked against the allow-list.
    pub return_url: Url,
    /// The page's origin.
    pub origin: Option<Url>,
    /// The gateway's browser facts for 3-D Secure.
    pub browser: Option<Value>,
    /// The buyer's address.
    pub ip: Option<IpAddr>,
    /// The gateway's billing address, passed through.
    pub billing_address: Option<Value>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// What checkout or earlier payments left.
    pub known: Option<Token>,
}

impl fmt::Debug for Buyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buyer { .. }")
    }
}

/// What the buyer came back with.
#[derive(Clone)]
pub struct BuyerReturn {
    /// The gateway's id of the payment so far, as the ledger has it.
    pub reference: Option<GatewayReference>,
    /// The gateway's own return details (`{"redirectResult":…}`), from the page.
    pub details: Value,
}

impl fmt::Debug for BuyerReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuyerReturn").field("reference", &self.reference).finish_non_exhaustive()
    }
}
