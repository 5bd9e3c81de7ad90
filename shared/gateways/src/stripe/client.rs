//! Sends what `translate` makes, and hands back what it reads; nothing else is decided here.

use std::time::Duration;

use ::wire::{Call, Deadline, Repeat, Reply, Wire};
use async_trait::async_trait;
use bytes::Bytes;
use payment::{
    Action, Currency, CustomerId, GatewayName, GatewayReference, Intention, MerchantAccount, MinorUnits,
    Outcome, Target, Token, Uncertainty, Verb,
};
use serde_json::json;

use super::config::StripeSettings;
use super::page::PaymentData;
use super::stored_card::StoredCard;
use super::translate::{self, Operation, Standing};
use super::wire::{Named, Refund};
use super::{minor_units, name};
use crate::{Buyer, BuyerReturn, Checkout, CheckoutPage, Gateway, GatewayError, Origin, Resolution};

/// A bank may take long over a charge, and an answer in hand spares a look-up; the front door waits 29 s in all.
const WRITE_SECONDS_MAX: Duration = Duration::from_secs(15);
/// Reads do not wait for banks.
const READ_SECONDS_MAX: Duration = Duration::from_secs(5);

/// Stripe keeps keys for at least 24 h; the margin covers clocks and the way of the request.
const KEY_LIFE: Duration = Duration::from_hours(23);
/// From here on no trace means that it never happened: no request with the key can still be on its way, and
/// the search index (about a minute late) has long caught up.
const CERTAIN_AGE: Duration = Duration::from_hours(25);
/// A buyer who has been away from the bank's page for so long does not come back: it is open for minutes. The order, which
/// takes no word any more when it has expired, lives for a day.
const LEFT_AGE: Duration = Duration::from_hours(6);
/// Stripe's customers of one customer of Cleeng's that are looked through for a lost set-up.
const CUSTOMERS_MAX: usize = 5;

/// Stripe behind the trait.
#[derive(Clone)]
pub struct Stripe {
    wire: Wire,
    settings: StripeSettings,
}

impl Stripe {
    /// Speaks to Stripe through this seam.
    pub fn new(wire: Wire, settings: StripeSettings) -> Self {
        Self { wire, settings }
    }

    /// Sends one operation. Everything may be repeated: reads are harmless, every write carries its key.
    async fn send(&self, operation: &Operation<'_>, deadline: Deadline) -> Result<Reply, GatewayError> {
        let request = translate::request(&self.settings, operation)?;
        let read = request.method() == http::Method::GET;
        let timeout = if read { READ_SECONDS_MAX } else { WRITE_SECONDS_MAX };
        match self.wire.send(Call { request, timeout, repeat: Repeat::Safe, deadline }).await {
            Reply::NotSent(why) => Err(GatewayError::NotSent { gateway: name(), why }),
            reply => Ok(reply),
        }
    }

    /// Sends a write and reads its answer; a capture, cancel or refund that may have been done before is looked at.
    async fn write(
        &self,
        ask: &Intention,
        customer: Option<&str>,
        operation: &Operation<'_>,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        let answer = match self.send(operation, deadline).await? {
            Reply::Answered(answer) => answer,
            Reply::Unknown(why) | Reply::NotSent(why) => {
                return Ok(Outcome::unknown(why, translate::acted_on(ask)));
            }
        };
        if !translate::already_done(ask, &answer) {
            return translate::response(ask, customer, &answer);
        }
        // Refused because of where the payment stands: only the payment itself can say whether that is our doing.
        match self.look(ask, None, deadline).await {
            Ok(Some(Standing::Settled(outcome))) => Ok(outcome),
            Ok(Some(Standing::NotDone)) | Err(_) => {
                Ok(Outcome::unknown(translate::error_code(&answer), translate::acted_on(ask)))
            }
            Ok(None) => self.refunded_otherwise(ask, &answer, deadline).await,
        }
    }

    /// The whole payment was returned, but not by this attempt: a refund of the same amount made by hand will do.
    async fn refunded_otherwise(
        &self,
        ask: &Intention,
        refused: &http::Response<Bytes>,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        let unknown = || Ok(Outcome::unknown(translate::error_code(refused), None));
        let Some(payment) = payment(ask) else {
            return unknown();
        };
        match self.send(&Operation::ListRefunds(payment), deadline).await? {
            Reply::Answered(answer) => Ok(translate::by_hand(ask, &translate::list::<Refund>(&answer)?.data)),
            Reply::Unknown(_) | Reply::NotSent(_) => unknown(),
        }
    }

    /// Looks an intention up: by the gateway's id where one is known, else by what surely lists it, else by our reference.
    async fn look(
        &self,
        ask: &Intention,
        known: Option<&GatewayReference>,
        deadline: Deadline,
    ) -> Result<Option<Standing>, GatewayError> {
        let token = match &ask.target {
            Target::Token(token) => StoredCard::read(token),
            Target::Buyer | Target::Payment(_) => None,
        };
        let customer = token.map(|card| card.customer);
        let id = match ask.verb {
            Verb::Capture | Verb::Cancel => payment(ask),
            // What stands is listed with the payment: one id must never be read as another thing's.
            Verb::Refund => None,
            Verb::Purchase | Verb::Verify | Verb::Authorise | Verb::Charge => known,
        };
        if let Some(id) = id {
            let answer = self.answered(&Operation::Read(id), deadline).await?;
            return translate::read(ask, customer, &answer);
        }
        match (ask.verb, customer, payment(ask)) {
            (Verb::Verify, ..) => self.look_for_setup(ask, deadline).await,
            (Verb::Refund, _, Some(payment)) => {
                translate::found(ask, None, &self.answered(&Operation::ListRefunds(payment), deadline).await?)
            }
            (_, Some(customer), _) => {
                let operation = Operation::ListPayments { ask, customer };
                translate::found(ask, Some(customer), &self.answered(&operation, deadline).await?)
            }
            _ => {
                translate::found(ask, None, &self.answered(&Operation::SearchPayments(ask), deadline).await?)
            }
        }
    }

    /// Set-ups cannot be searched; their customers can.
    async fn look_for_setup(
        &self,
        ask: &Intention,
        deadline: Deadline,
    ) -> Result<Option<Standing>, GatewayError> {
        let answer = self.answered(&Operation::SearchCustomers(ask.customer), deadline).await?;
        for customer in translate::list::<Named>(&answer)?.data.iter().take(CUSTOMERS_MAX) {
            let operation = Operation::ListSetups { ask, customer: &customer.id };
            let found =
                translate::found(ask, Some(&customer.id), &self.answered(&operation, deadline).await?)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Closes what a buyer left at the bank's page; what it then is, is the answer. Stripe itself never closes it.
    async fn abandon(
        &self,
        ask: &Intention,
        left: &GatewayReference,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        match self.send(&Operation::Abandon { ask, left }, deadline).await? {
            Reply::Answered(answer) if answer.status().is_success() => {
                translate::response(ask, None, &answer)
            }
            // Perhaps it was paid or refused at that very moment: the next look finds out.
            _ => Ok(Outcome::unknown("not_abandoned", Some(left.clone()))),
        }
    }

    /// Sends a read; without an answer nothing was learned.
    async fn answered(
        &self,
        operation: &Operation<'_>,
        deadline: Deadline,
    ) -> Result<http::Response<Bytes>, GatewayError> {
        match self.send(operation, deadline).await? {
            Reply::Answered(answer) => Ok(answer),
            Reply::Unknown(why) | Reply::NotSent(why) => Err(GatewayError::NotSent { gateway: name(), why }),
        }
    }

    /// Stripe's customer: the one that is known, or the one that is made under this customer's own key. Without it
    /// nothing was charged, whatever became of making it.
    async fn customer(
        &self,
        customer: CustomerId,
        known: Option<&Token>,
        deadline: Deadline,
    ) -> Result<String, GatewayError> {
        if let Some(card) = known.and_then(StoredCard::read) {
            return Ok(card.customer.to_owned());
        }
        translate::made_customer(&self.answered(&Operation::MakeCustomer(customer), deadline).await?)
    }

    /// Confirms a purchase or a verification with what the page sent.
    async fn confirm(
        &self,
        ask: &Intention,
        buyer: &Buyer,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        let page = PaymentData::read(&buyer.payment_method, name())?;
        let customer = self.customer(ask.customer, buyer.known.as_ref(), deadline).await?;
        let operation =
            Operation::Confirm { ask, page: &page, customer: &customer, return_url: &buyer.return_url };
        self.write(ask, Some(&customer), &operation, deadline).await
    }

    /// The very request of an intention that needs no buyer, under its own key.
    async fn ask_again(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError> {
        match (ask.verb, &ask.target) {
            (Verb::Authorise | Verb::Charge, Target::Token(token)) => {
                let card = StoredCard::read(token);
                let Some((card, operation)) =
                    card.and_then(|card| Some((card, Operation::charge_stored(ask, card)?)))
                else {
                    return Ok(Outcome::Declined(translate::token_missing()));
                };
                self.write(ask, Some(card.customer), &operation, deadline).await
            }
            (Verb::Capture, Target::Payment(payment)) => {
                self.write(ask, None, &Operation::Capture { ask, payment }, deadline).await
            }
            (Verb::Cancel, Target::Payment(payment)) => {
                self.write(ask, None, &Operation::Cancel { ask, payment }, deadline).await
            }
            (Verb::Refund, Target::Payment(payment)) => {
                self.write(ask, None, &Operation::Refund { ask, payment }, deadline).await
            }
            _ => Err(GatewayError::Misconfigured {
                gateway: name(),
                status: 0,
                code: format!("{}_with_a_wrong_target", ask.verb.as_str()),
            }),
        }
    }
}

#[async_trait]
impl Gateway for Stripe {
    fn name(&self) -> GatewayName {
        name()
    }

    fn minor_units(&self, currency: Currency) -> Option<MinorUnits> {
        minor_units::minor_units(currency)
    }

    fn key_life(&self) -> Duration {
        KEY_LIFE
    }

    async fn checkout(&self, ask: &Checkout, deadline: Deadline) -> Result<CheckoutPage, GatewayError> {
        let customer = self.customer(ask.customer, ask.known.as_ref(), deadline).await?;
        let page = json!({
            "publishableKey": self.settings.publishable_key,
            "mode": if ask.money.is_zero() { "setup" } else { "payment" },
            "amount": ask.money.minor,
            "currency": ask.money.currency.to_lower_case(),
            "country": ask.country,
        });
        let known = ask.known.clone().filter(|token| StoredCard::read(token).is_some());
        Ok(CheckoutPage { page, known: Some(known.unwrap_or_else(|| Token::new(customer))) })
    }

    async fn authorise(
        &self,
        ask: &Intention,
        buyer: &Buyer,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        self.confirm(ask, buyer, deadline).await
    }

    async fn verify(
        &self,
        ask: &Intention,
        buyer: &Buyer,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        self.confirm(ask, buyer, deadline).await
    }

    async fn resume(
        &self,
        ask: &Intention,
        returned: &BuyerReturn,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        let known = returned.reference.as_ref();
        Ok(match self.look(ask, known, deadline).await? {
            Some(Standing::Settled(outcome)) => outcome,
            Some(Standing::NotDone) | None => Outcome::unknown("not_done", known.cloned()),
        })
    }

    async fn authorise_off_session(
        &self,
        ask: &Intention,
        deadline: Deadline,
    ) -> Result<Outcome, GatewayError> {
        self.ask_again(ask, deadline).await
    }

    async fn capture(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError> {
        self.ask_again(ask, deadline).await
    }

    async fn cancel(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError> {
        self.ask_again(ask, deadline).await
    }

    async fn refund(&self, ask: &Intention, deadline: Deadline) -> Result<Outcome, GatewayError> {
        self.ask_again(ask, deadline).await
    }

    async fn resolve(
        &self,
        ask: &Intention,
        known: Option<&GatewayReference>,
        age: Duration,
        deadline: Deadline,
    ) -> Result<Resolution, GatewayError> {
        let mut last: Option<Uncertainty> = None;
        if age < KEY_LIFE && ask.target != Target::Buyer {
            match self.ask_again(ask, deadline).await? {
                // A stored 500 is replayed as long as the key lives: only a look can tell then.
                Outcome::Unknown(uncertainty) if !uncertainty.alarm => last = Some(uncertainty),
                outcome => return Ok(Resolution::Found(outcome)),
            }
        }
        let known = known.or(last.as_ref().and_then(|uncertainty| uncertainty.reference.as_ref()));
        match self.look(ask, known, deadline).await? {
            Some(Standing::Settled(Outcome::ActionRequired(Action { reference: Some(left), .. })))
                if age >= LEFT_AGE =>
            {
                Ok(Resolution::Found(self.abandon(ask, &left, deadline).await?))
            }
            Some(Standing::Settled(outcome)) => Ok(Resolution::Found(outcome)),
            Some(Standing::NotDone) | None if age >= CERTAIN_AGE => Ok(Resolution::Absent),
            Some(Standing::NotDone) | None => {
                let why = last.as_ref().map_or("no_trace_yet", |uncertainty| &uncertainty.why);
                Ok(Resolution::Found(Outcome::unknown(why, known.cloned())))
            }
        }
    }

    async fn look_up(
        &self,
        ask: &Intention,
        known: Option<&GatewayReference>,
        deadline: Deadline,
    ) -> Result<Option<Outcome>, GatewayError> {
        Ok(match self.look(ask, known, deadline).await? {
            Some(Standing::Settled(outcome)) => Some(outcome),
            Some(Standing::NotDone) | None => None,
        })
    }

    /// Reads a payment that nobody has: a key that is not accepted is refused before that is noticed.
    async fn check_key(&self, _: Option<&MerchantAccount>, deadline: Deadline) -> Result<(), GatewayError> {
        const NOBODYS: &str = "pi_0";
        let Ok(payment) = NOBODYS.parse() else { return Ok(()) };
        let answer = self.answered(&Operation::Read(&payment), deadline).await?;
        match answer.status() {
            http::StatusCode::NOT_FOUND => Ok(()),
            _ => translate::done(&answer),
        }
    }

    async fn origin(&self, payment: &GatewayReference, deadline: Deadline) -> Result<Origin, GatewayError> {
        translate::origin(&self.answered(&Operation::Read(payment), deadline).await?)
    }

    async fn owner(&self, token: &Token, deadline: Deadline) -> Result<Option<CustomerId>, GatewayError> {
        let Some(card) = StoredCard::read(token) else { return Ok(None) };
        translate::owner(&self.answered(&Operation::ReadCustomer(card.customer), deadline).await?)
    }

    async fn forget(
        &self,
        token: &Token,
        customer: CustomerId,
        _: Option<&MerchantAccount>,
        deadline: Deadline,
    ) -> Result<(), GatewayError> {
        let Some(payment_method) = StoredCard::read(token).and_then(|card| card.payment_method) else {
            return Ok(());
        };
        let answer = self.answered(&Operation::Detach { customer, payment_method }, deadline).await?;
        if !translate::may_be_gone(&answer) {
            return translate::done(&answer);
        }
        // Refused: because it belongs to nobody any more, or for another reason.
        let answer = self.answered(&Operation::ReadCard(payment_method), deadline).await?;
        translate::is_gone(&answer)
    }
}

/// The payment that a capture, cancel or refund acts on.
fn payment(ask: &Intention) -> Option<&GatewayReference> {
    match &ask.target {
        Target::Payment(payment) => Some(payment),
        Target::Buyer | Target::Token(_) => None,
    }
}
