//! The mapping: what a subscription (or an order on its way to one) is at Cleeng and at the gateway, and the attempts on it.

use jiff::{SignedDuration, Timestamp};
use payment::{
    Answer, Currency, CustomerId, Facts, GatewayName, GatewayReference, Identity, Intention, ManagedBy,
    MerchantAccount, Money, OfferId, OrderId, PaymentDetailsId, PaymentId, PaymentMethodId, Period, Price,
    SubscriptionId, Token,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{HISTORY_LINES_MAX, Line, Subject};

/// One subject's item. Changed as a whole, and written on the condition that nobody wrote since it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Whose item this is.
    pub subject: Subject,
    /// How often it was written; 0 has never been. Kept beside the body by the store.
    #[serde(skip)]
    pub version: u64,
    /// Made anew by each worker for each piece of work, so that it recognises its own write.
    #[serde(skip)]
    pub fence: u64,
    /// When the timer must look at it; absent where it need not. Kept beside the body by the store.
    #[serde(skip)]
    pub due: Option<Timestamp>,
    /// Cleeng's customer.
    pub customer: CustomerId,
    /// Cleeng's offer, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferId>,
    /// Cleeng's payment method.
    pub method: PaymentMethodId,
    /// The gateway behind it.
    pub gateway: GatewayName,
    /// The account there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<MerchantAccount>,
    /// ISO 3166-1 alpha-2, for renewal orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The currency of its last order: an order cannot be made without one, and not every request names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Cleeng's record of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<PaymentDetailsId>,
    /// The stored token that renewals charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// Details that were replaced: an event that still names one is older than what stands here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<PaymentDetailsId>,
    /// Set by a hard refusal of the token, cleared when the details change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barred: Option<payment::Decline>,
    /// When the gateway refused renewals with this card, as far back as the networks count; cleared with the bar.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declines: Vec<Timestamp>,
    /// Before this hour the network allows no other try with this card; cleared with the bar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Who decides when to charge.
    #[serde(default)]
    pub managed_by: ManagedBy,
    /// Where we manage it ourselves: what its renewals cost and when they are due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// For an order of ours to manage: the tax in its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Decimal>,
    /// Where it stands.
    pub standing: Standing,
    /// The end of the period whose renewal is under way or was last done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Timestamp>,
    /// A capture that Cleeng asked for while the authorisation was still unknown: made up for as soon as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_asked: Option<Timestamp>,
    /// When the timer must look at the mapping itself, attempts aside: a subscription to be linked, a renewal of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Timestamp>,
    /// How often it was looked at for that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub looks: u32,
    /// For an order: the subscription that it became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<SubscriptionId>,
    /// For a payment: what was captured, and so what may be returned at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Paid>,
    /// For a subscription: the orders that paid for its latest periods, oldest first: a chargeback comes months later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid_orders: Vec<OrderId>,
    /// For a subscription: its latest charges that failed late and were paid again. Should one succeed after all, it is one too
    /// many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid_again: Vec<Identity>,
    /// For a customer: how often cards were tried.
    #[serde(default, skip_serializing_if = "Tries::is_none")]
    pub card_tries: Tries,
    /// The attempts of the current period, oldest first; all tries of an order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The time-line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Line>,
}

impl Mapping {
    /// An item that was never written and holds nothing yet.
    pub fn new(
        subject: Subject,
        customer: CustomerId,
        method: PaymentMethodId,
        gateway: GatewayName,
        standing: Standing,
    ) -> Self {
        Self {
            subject,
            version: 0,
            fence: 0,
            due: None,
            customer,
            offer: None,
            method,
            gateway,
            account: None,
            country: None,
            currency: None,
            details: None,
            token: None,
            superseded: Vec::new(),
            barred: None,
            declines: Vec::new(),
            not_before: None,
            managed_by: ManagedBy::Cleeng,
            terms: None,
            tax: None,
            standing,
            period_end: None,
            capture_asked: None,
            wake: None,
            looks: 0,
            became: None,
            paid: None,
            paid_orders: Vec::new(),
            paid_again: Vec::new(),
            card_tries: Tries::default(),
            attempts: Vec::new(),
            history: Vec::new(),
        }
    }

    /// The attempt of this identity.
    pub fn attempt(&self, identity: &Identity) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.intention.identity == *identity)
    }

    /// The attempt of this identity, to be changed.
    pub fn attempt_mut(&mut self, identity: &Identity) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.intention.identity == *identity)
    }

    /// Another card pays, or the bank renewed this one: what was held against the old one is over.
    pub fn clear_declines(&mut self) {
        self.barred = None;
        self.declines.clear();
        self.not_before = None;
    }

    /// Adds a line to the time-line, by the second; the oldest makes room.
    pub fn tell(&mut self, at: Timestamp, what: impl Into<String>) {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        self.history.push(Line { at, what: what.into() });
        if let Some(surplus) = self.history.len().checked_sub(HISTORY_LINES_MAX) {
            self.history.drain(..surplus);
        }
    }
}

/// What a payment captured: what refunds of it are made from, and what they can be at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The order that it paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The gateway's id, by which it is refunded.
    pub reference: GatewayReference,
    /// What was captured.
    pub money: Money,
    /// The same in Cleeng's own amount.
    pub price: Price,
    /// Whether it was an order's first payment, not a renewal.
    #[serde(default, skip_serializing_if = "is_false")]
    pub first: bool,
}

/// How often a customer's cards were tried, so that nobody can test stolen ones here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// All verifications so far: the number of the latest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: u32,
    /// When cards were tried, for as long as it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<Timestamp>,
}

impl Tries {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What was agreed with the customer of a subscription that we manage ourselves: no order tells what a renewal costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The whole price of each period after the first.
    pub price: Price,
    /// The tax in it.
    pub tax: Decimal,
    /// How long a period is.
    pub period: Period,
    /// How long it is free at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Period>,
    /// How many hours of access are left after a period that could not be renewed.
    pub grace_hours: u32,
    /// From when periods are counted; not known before the first payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Timestamp>,
}

impl Terms {
    /// The end of what a first payment begins; periods are counted from the beginning, or from the trial's end.
    pub fn first_end(&self, began: Timestamp) -> Option<Timestamp> {
        self.trial.unwrap_or(self.period).after(began, 1)
    }

    /// The end of the period that begins at the end of another.
    pub fn next_end(&self, period_end: Timestamp) -> Option<Timestamp> {
        self.period.next_end(self.anchor.unwrap_or(period_end), period_end)
    }

    /// Until when the customer has access at Cleeng where a period ends then: the card may still be tried meanwhile, and
    /// what could not be paid is to end for that reason before it lapses.
    pub fn access_end(&self, period_end: Timestamp) -> Timestamp {
        period_end.checked_add(self.beyond()).unwrap_or(Timestamp::MAX)
    }

    /// The end of the period that has access until then.
    pub fn given_until(&self, access_end: Timestamp) -> Timestamp {
        access_end.checked_sub(self.beyond()).unwrap_or(Timestamp::MIN)
    }

    fn beyond(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.grace_hours) + LAPSE_HOURS)
    }
}

/// How long after the grace a subscription lapses at Cleeng by itself: longer than our schedule is ever away.
const LAPSE_HOURS: i64 = 12;

/// Where a subject stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// An order that is being paid.
    Open,
    /// An order that is paid, its subscription not seen yet; a subscription that lives.
    Active,
    /// Being ended: nothing new may be charged.
    Ending,
    /// Ended, or linked to the subscription that an order became.
    Closed,
}

impl Standing {
    /// The word in the table and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Active => "active",
            Self::Ending => "ending",
            Self::Closed => "closed",
        }
    }
}

/// One intention and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was meant, as the gateway is asked it.
    pub intention: Intention,
    /// Cleeng's own amount, in major units.
    pub price: Price,
    /// The dunning date that asked for it: the same event never starts a second try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
    /// How far it is.
    pub stage: Stage,
    /// Until when nobody else touches it: a worker has it, or it waits for its next look. Whoever comes later takes
    /// over and resolves; that this time has passed never means "run again".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_until: Option<Timestamp>,
    /// How often the gateway or Cleeng was asked again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub looks: u32,
    /// The gateway's id, as soon as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<GatewayReference>,
    /// Cleeng's record of the payment, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// Whether Cleeng has certainly not heard of it, although it was to be told: nothing need be looked for there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unsent: bool,
    /// Whether what it takes is returned: it was still open when its subscription began to be ended, Cleeng had given nothing
    /// for it by then or would not record it, or another try has paid meanwhile.
    #[serde(default, skip_serializing_if = "is_false")]
    pub late: bool,
    /// For money on its way back: whether the bank took it (a chargeback) and nobody gave it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_bank: bool,
    /// The payment method that it was tried by, where its item has none of its own (a customer's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaymentMethodId>,
    /// All news of it from the gateway.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
}

/// How far an attempt is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Written down; the gateway may have heard of it.
    Intended,
    /// The buyer must act; the gateway waits.
    AwaitingBuyer {
        /// Since when.
        since: Timestamp,
    },
    /// Nobody knows; the gateway is asked again, or tells us.
    Unknown {
        /// Since when.
        since: Timestamp,
        /// Why.
        why: String,
    },
    /// The gateway answered; Cleeng has not heard yet.
    Answered(Answer),
    /// Cleeng knows: finished.
    Reported(Answer),
    /// It certainly never happened and never will: finished, and the next try may start.
    Withdrawn {
        /// Why.
        why: String,
    },
    /// Nobody could find out: a person must, and nothing new starts before.
    Parked {
        /// Since when.
        since: Timestamp,
        /// Why.
        why: String,
    },
}

impl Attempt {
    /// Whether nothing more will be done about it without new facts.
    pub fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Reported(_) | Stage::Withdrawn { .. })
    }

    /// The gateway's answer, once there is one.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.stage {
            Stage::Answered(answer) | Stage::Reported(answer) => Some(answer),
            _ => None,
        }
    }

    /// The order that gave its amount.
    pub fn order(&self) -> Option<OrderId> {
        self.intention.order
    }
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
