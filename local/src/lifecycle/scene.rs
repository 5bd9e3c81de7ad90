//! The stage of one flow: a system of its own, a buyer, and steps that say what they should see and what they saw.

use std::fmt::Display;

use jiff::SignedDuration;
use ledger::{Mapping, Subject};
use payment::SubscriptionId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::LocalError;
use crate::buyer::{Billing, Buyer, Reply, TestCard, method};
use crate::ledgers::compare;
use crate::simulators::cleeng::{CleengSubscription, offers};
use crate::system::System;

/// One step, as it was seen.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) seen: String,
}

/// A system in which one flow is played at one gateway.
pub(super) struct Scene<'a> {
    pub(super) system: &'a System,
    pub(super) gateway: &'static str,
    pub(super) steps: Vec<Step>,
    pub(super) compared: bool,
}

/// A subscription and whose it is.
pub(super) struct Subscriber {
    pub(super) buyer: Buyer,
    pub(super) id: u64,
}

impl Scene<'_> {
    /// A step that should see this.
    pub(super) fn step(&mut self, what: &str, expected: impl Display, seen: impl Display) {
        let (expected, seen) = (expected.to_string(), seen.to_string());
        self.steps.push(Step { what: what.to_owned(), expected, seen });
    }

    /// The last step of every flow, unless it compared before.
    pub(super) async fn compare(&mut self) -> Result<(), LocalError> {
        self.compared = true;
        let found = compare(self.system).await?;
        let differs = |it: &crate::ledgers::Difference| format!("{}: {}", it.about, it.what);
        let seen = found.differences.iter().map(differs).collect::<Vec<_>>().join("; ");
        let seen = if seen.is_empty() { "they agree".to_owned() } else { seen };
        self.step("our ledger, the gateway's and Cleeng's", "they agree", seen);
        Ok(())
    }

    pub(super) fn buyer(&self) -> Result<Buyer, LocalError> {
        Buyer::register(self.system, self.gateway)
    }

    /// Buys with this card, after 3-D Secure where it is asked for; how the page was answered.
    pub(super) async fn buy(
        &mut self,
        what: &str,
        offer: &str,
        billing: Billing,
    ) -> Result<Buyer, LocalError> {
        let buyer = self.buyer()?;
        let order = buyer.order_by(self.system, offer, billing, None)?;
        let reply = buyer.pay(self.system, order, TestCard::Pays).await;
        self.step(what, "captured", payment(&reply));
        Ok(buyer)
    }

    /// A monthly subscription that Cleeng bills in two steps, seen there.
    pub(super) async fn subscribe(&mut self) -> Result<Subscriber, LocalError> {
        self.subscribe_by(offers::MONTHLY, Billing::TwoSteps).await
    }

    pub(super) async fn subscribe_by(
        &mut self,
        offer: &str,
        billing: Billing,
    ) -> Result<Subscriber, LocalError> {
        let buyer = self.buy("a subscription is bought", offer, billing).await?;
        self.pass_minutes(10).await;
        let id = self.subscription_of(&buyer)?;
        Ok(Subscriber { buyer, id })
    }

    pub(super) fn subscription_of(&self, buyer: &Buyer) -> Result<u64, LocalError> {
        let all = self.system.peers.cleeng.subscriptions();
        let theirs = all.into_iter().find(|row| row.customer == buyer.customer);
        let none = || LocalError::Story(format!("customer {} has no subscription at Cleeng", buyer.customer));
        theirs.map(|row| row.id).ok_or_else(none)
    }

    pub(super) async fn pass_minutes(&self, minutes: i64) {
        self.system.run_for(SignedDuration::from_mins(minutes)).await;
    }

    pub(super) async fn pass_days(&self, days: i64) {
        self.system.run_for(SignedDuration::from_hours(24 * days)).await;
    }

    /// Goes on to so many hours before the end of the paid period.
    pub(super) async fn run_to_hours_before_end(&self, id: u64, hours: i64) -> Result<(), LocalError> {
        let end = self.at_cleeng(id)?.ends;
        let at = end.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(end);
        self.system.run_until(at).await;
        Ok(())
    }

    pub(super) fn at_cleeng(&self, id: u64) -> Result<CleengSubscription, LocalError> {
        let all = self.system.peers.cleeng.subscriptions();
        let none = || LocalError::Story(format!("Cleeng has no subscription {id}"));
        all.into_iter().find(|row| row.id == id).ok_or_else(none)
    }

    /// Cleeng's word for where a subscription stands, with the reason of its end.
    pub(super) fn standing(&self, id: u64) -> Result<String, LocalError> {
        let row = self.at_cleeng(id)?;
        Ok(match row.terminated {
            Some((kind, _)) => format!("terminated ({kind})"),
            None => row.status.as_str().to_owned(),
        })
    }

    /// Our own item of a subscription.
    pub(super) async fn ours(&self, id: u64) -> Result<Mapping, LocalError> {
        let none = || LocalError::Story(format!("we do not know the subscription {id}"));
        let id: SubscriptionId = id.try_into().map_err(|_| none())?;
        self.system.ledger.mapping(Subject::Subscription(id)).await?.ok_or_else(none)
    }

    /// What the gateway took, payment by payment, in minor units: `699 + 699`; returned money stands as `699-200`.
    pub(super) fn taken(&self) -> String {
        let payments = self.system.peers.gateway(self.gateway).map(|it| it.payments()).unwrap_or_default();
        let taken = payments.iter().filter(|it| it.captured_minor > 0).map(|it| {
            match it.refunded_minor.saturating_add(it.disputed_minor) {
                0 => it.captured_minor.to_string(),
                back => format!("{}-{back}", it.captured_minor),
            }
        });
        joined(taken)
    }

    /// What the gateway holds, in minor units.
    pub(super) fn held(&self) -> String {
        let payments = self.system.peers.gateway(self.gateway).map(|it| it.payments()).unwrap_or_default();
        joined(payments.iter().filter(|it| it.held_minor > 0).map(|it| it.held_minor.to_string()))
    }

    /// Cleeng's words for all payments that it knows, oldest first.
    pub(super) fn told(&self) -> String {
        joined(self.system.peers.cleeng.payments().iter().map(|row| row.status.as_str().to_owned()))
    }

    /// The gateway's id of the payment that it took as the `nth`.
    pub(super) fn taken_id(&self, nth: usize) -> Result<String, LocalError> {
        let payments = self.system.peers.gateway(self.gateway).map(|it| it.payments()).unwrap_or_default();
        let taken = payments.into_iter().filter(|it| it.captured_minor > 0).nth(nth);
        taken.map(|it| it.id).ok_or_else(|| LocalError::Story("the gateway took nothing".to_owned()))
    }

    /// Makes something happen at a peer.
    pub(super) fn happens(&self, peer: &str, path: &str, body: &Value) -> Result<Value, LocalError> {
        let host =
            self.system.peers.host(peer).ok_or_else(|| LocalError::Story(format!("no peer {peer}")))?;
        let answer = host.control(path, body);
        if !answer.status().is_success() {
            let text = String::from_utf8_lossy(answer.body());
            return Err(LocalError::Story(format!("{peer} {path} answered {}: {text}", answer.status())));
        }
        Ok(serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    /// From its next charge on the card of a subscription is refused for want of money, so many times.
    pub(super) async fn refuses(&self, id: u64, times: u32) -> Result<(), LocalError> {
        let card = self.card(id).await?;
        let (path, behaviour) = match self.gateway {
            "stripe" => (format!("payment_methods/{card}"), "insufficient_funds"),
            _ => (format!("stored/{card}"), "12"),
        };
        self.happens(self.gateway, &path, &json!({ "behaviour": behaviour, "times": times })).map(drop)
    }

    /// The gateway's id of the card that pays a subscription.
    pub(super) async fn card(&self, id: u64) -> Result<String, LocalError> {
        let token = self.ours(id).await?.token;
        let card = token.and_then(|token| Some(token.expose().split_once('|')?.1.to_owned()));
        card.ok_or_else(|| LocalError::Story(format!("no card pays {id}")))
    }

    /// The customer logs in again and adds a card of another scheme.
    pub(super) async fn give_card(&mut self, subscriber: &mut Subscriber) -> Result<(), LocalError> {
        subscriber.buyer.log_in(self.system)?;
        let card = match self.gateway {
            "stripe" => json!({ "payment_method": "pm_card_mastercard" }),
            _ => json!({
                "type": "scheme", "encryptedCardNumber": "test_mastercard", "encryptedExpiryMonth": "test_03",
                "encryptedExpiryYear": "test_2030", "encryptedSecurityCode": "test_737",
            }),
        };
        let reply = subscriber.buyer.add_card(self.system, method(self.gateway), &card).await;
        let seen = reply.text("/responseData/paymentDetails/status").unwrap_or("refused");
        self.step("the customer gives another card", "active", seen);
        self.pass_minutes(10).await;
        Ok(())
    }
}

/// How the page was told of a payment.
pub(super) fn payment(reply: &Reply) -> String {
    let status = reply.text("/responseData/payment/status");
    let code = reply.text("/code");
    match (status, code) {
        (Some(status), _) => status.to_owned(),
        (None, Some(code)) => format!("{} {code}", reply.status.as_u16()),
        (None, None) if reply.asks_first() => "act first".to_owned(),
        (None, None) => reply.status.to_string(),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let text = parts.collect::<Vec<_>>().join(" + ");
    if text.is_empty() { "nothing".to_owned() } else { text }
}
