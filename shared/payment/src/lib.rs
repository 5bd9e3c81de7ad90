//! The words of the trade, spoken by every room: money, ids, outcomes, declines, intentions and facts. No I/O, no provider's JSON.

mod card_number;
mod decline;
mod facts;
mod failure;
mod identity;
mod ids;
mod intention;
mod money;
mod outcome;
mod period;
mod token;

pub use card_number::holds_card_number;
pub use decline::{Decline, DeclineClass, DeclineReason};
pub use facts::{Fact, FactKind, Facts};
pub use failure::{Failure, WhoActs};
pub use identity::{IdempotencyKey, Identity, Reference};
pub use ids::{
    CustomerId, GatewayName, GatewayReference, IdError, MerchantAccount, OfferId, OfferKind, OrderId,
    PaymentDetailsId, PaymentId, PaymentMethodId, SubscriptionId,
};
pub use intention::{Intention, Target, Verb};
pub use money::{Currency, MinorUnits, Money, MoneyError, Price};
pub use outcome::{Action, Answer, Approval, Card, Outcome, Uncertainty};
pub use period::{ManagedBy, Period, PeriodError};
pub use token::Token;
