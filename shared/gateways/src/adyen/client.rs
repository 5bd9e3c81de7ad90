//! Sends what `translate` builds and hands back what it reads; decides nothing else.

use std::time::{Duration, Instant};

use ::wire::{Call, Deadline, Repeat, Reply, Wire};
use async_trait::async_trait;
use bytes::Bytes;
use payment::{
    Currency, CustomerId, GatewayName, GatewayReference, Intention, MerchantAccount, MinorUnits, Money,
    Outcome, Target, Token, Verb,
};
use tracing::debug;

use super::config::AdyenSettings;
use super::translate::{self, Operation};
use super::{name, token};
use crate::{Buyer, BuyerReturn, Checkout, CheckoutPage, Gateway, GatewayError, Origin, Resolution};

/// Adyen as a [`Gateway`].
#[derive(Clone)]
pub struct Adyen {
    wire: Wire,
    settings: AdyenSettings,
}

/// How long one request that moves money may take: banks and 3-D Secure servers stand behind it.
const MONEY_SECONDS_MAX: Duration = Duration::from_secs(10);
/// How long the page may wait for its payment methods.
const READ_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Adyen recognises a key for at least seven days; one day is kept as a margin for clocks and queues.
const KEY_LIFE: Duration = Duration::from_secs(6 * 24 * 60 * 60);
/// How long the webhook of a payment is waited for before the payment is voided by our own reference.
const WEBHOOK_PATIENCE: Duration = Duration::from_secs(6 * 60 * 60);

impl Adyen {
    /// Adyen behind this wire.
    pub fn new(wire: Wire, settings: AdyenSettings) -> Self {
        Self { wire, settings }
    }

    async fn ask(&self, operation: Operation<'_>, deadline: Deadline) -> Result<Outcome, GatewayError> {
        let request = translate::request(&self.settings, &operation)?;
        match self.send(&operation, request, MONEY_SECONDS_MAX, deadline).await {
            Reply::Answered(answer) => translate::response(&operation, &answer),
            Reply::NotSent(why) => Err(GatewayError::NotSent { gateway: name(), why }),
            Reply::Unknown(why) => Ok(Outcome::unknown(format!("no answer: {why}"), None)),
        }
    }

    /// Every write carries a key, so that the wire may repeat it.
    async fn send(
        &self,
        operation: &Operation<'_>,
        request: http::Request<Bytes>,
        timeout: Duration,
        deadline: Deadline,
    ) -> Reply {
        let began = Instant::now();
        let reply = self.wire.send(Call { request, timeout, repeat: Repeat::Safe, deadline }).await;
        let status = match &reply {
            Reply::Answered(answer) => answer.status().as_u16(),
            Reply::NotSent(_) | Reply::Unknown(_) => 0,
        };
        let attempt = operation.intention().map(|ask| ask.identity.as_str());
        debug!(
            gateway = "adyen",
            call = operation.name(),
            attempt,
            status,
            duration_ms = %began.elapsed().as_millis(),
            "Asked Adyen: {}",
            operation.name()
        );
        reply
    }
}

/// No answer to what only reads or may be done twice: nothing is lost by trying again.
fn unanswered(why: String) -> GatewayError {
    GatewayError::NotSent { gateway: name(), why }
}

#[async_trait]
impl Gateway for Adyen {
    fn name(&self) -> GatewayName {
        name()
    }

    fn minor_units(&self, currency: Currency) -> Option<MinorUnits> {
        super::minor_units::minor_units(currency)
    }

    fn key_life(&self) -> Duration {
        KEY_LIFE
    }

    async fn checkout(&self, ask: &Checkout, deadline: Deadline) -> Result<CheckoutPage, GatewayError> {
        let operation = Operation::Checkout(ask);
        let request = translate::request(&self.settings, &operation)?;
        match self.send(&operation, request, READ_SECONDS_MAX, deadline).await {
            Reply::Answered(answer) => translate::checkout_page(&self.settings, ask, &answer),
            Reply::NotSent(why) | Reply::Unknown(why) => Err(unanswered(why)),
        }
    }

    async fn authorise(
        &self,
        ask: &Intention,
        buyer: &Buyer,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        self.ask(Operation::Pay { ask, buyer }, deadline).await
    }

    async fn verify(
        &self,
        ask: &Intention,
        buyer: &Buyer,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        self.ask(Operation::Pay { ask, buyer }, deadline).await
    }

    async fn resume(
        &self,
        ask: &Intention,
        returned: &BuyerReturn,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        self.ask(Operation::Details { ask, returned }, deadline).await
    }

    async fn authorise_off_session(
        &self,
        ask: &Intention,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        self.ask(Operation::OffSession(ask), deadline).await
    }

    async fn capture(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError> {
        self.ask(Operation::Capture(ask), deadline).await
    }

    async fn cancel(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError> {
        self.ask(Operation::Cancel(ask), deadline).await
    }

    async fn refund(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError> {
        self.ask(Operation::Refund(ask), deadline).await
    }

    /// Within the key's life, whatever needs no buyer is asked again, word for word: Adyen answers what it answered,
    /// or does it now. A buyer's payment data is gone, and an old key would charge anew: there the webhook is waited
    /// for, and after six hours the payment is voided by our own reference, whose webhook (TECHNICAL_CANCEL) then
    /// settles it. Adyen cannot be asked whether a payment exists, so this never answers [`Resolution::Absent`].
    async fn resolve(
        &self,
        ask: &Intention,
        known: Option<&GatewayReference>,
        age: Duration,
        deadline: Deadline,
    ) -> Result<Resolution, GatewayError> {
        let repeats = age < KEY_LIFE;
        let outcome = match &ask.target {
            Target::Token(_) if repeats => self.ask(Operation::OffSession(ask), deadline).await?,
            // A void takes nothing, however often it is asked for.
            Target::Payment(_) if repeats || ask.verb == Verb::Cancel => {
                self.ask(Operation::of_payment(ask), deadline).await?
            }
            Target::Buyer if age < WEBHOOK_PATIENCE => {
                Outcome::unknown("waits for the AUTHORISATION webhook", known.cloned())
            }
            Target::Buyer | Target::Token(_) => self.ask(Operation::VoidByReference(ask), deadline).await?,
            Target::Payment(_) => {
                Outcome::unknown("waits for the webhook of the modification", known.cloned())
            }
        };
        Ok(Resolution::Found(outcome))
    }

    async fn look_up(
        &self,
        _: &Intention,
        _: Option<&GatewayReference>,
        _: Deadline,
    ) -> Result<Option<Outcome>, GatewayError> {
        Ok(None)
    }

    /// Asks for the payment methods of the account, which only reads.
    async fn check_key(
        &self,
        account: Option<&MerchantAccount>,
        deadline: Deadline,
    ) -> Result<(), GatewayError> {
        const ANY: (u64, &str) = (1, "EUR");
        let (Ok(customer), Ok(currency)) = (ANY.0.try_into(), ANY.1.parse()) else { return Ok(()) };
        let money = Money { minor: 0, currency };
        let account = account.cloned();
        let ask = Checkout { customer, order: None, money, country: None, account, known: None };
        self.checkout(&ask, deadline).await.map(drop)
    }

    /// Adyen cannot be asked about a payment; all its webhooks carry our reference.
    async fn origin(&self, _: &GatewayReference, _: Deadline) -> Result<Origin, GatewayError> {
        Ok(Origin::default())
    }

    async fn owner(&self, token: &Token, _: Deadline) -> Result<Option<CustomerId>, GatewayError> {
        Ok(token::owner(token))
    }

    async fn forget(
        &self,
        token: &Token,
        customer: CustomerId,
        account: Option<&MerchantAccount>,
        deadline: Deadline,
    ) -> Result<(), GatewayError> {
        let operation = Operation::Forget { token, customer, account };
        let request = translate::request(&self.settings, &operation)?;
        match self.send(&operation, request, READ_SECONDS_MAX, deadline).await {
            Reply::Answered(answer) => translate::forgotten(&answer),
            Reply::NotSent(why) | Reply::Unknown(why) => Err(unanswered(why)),
        }
    }
}
