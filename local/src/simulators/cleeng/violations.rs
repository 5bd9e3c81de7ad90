//! What must never happen: noted where it happens, or found when somebody looks.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::life::LAPSED;
use super::records::{CleengPayment, SubscriptionState};
use super::state::State;

/// Something that must never happen, and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// Which rule it breaks.
    pub kind: ViolationKind,
    /// What happened, by ids.
    pub what: String,
}

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// A second captured payment was recorded, or offered, for one order.
    TwoCapturedForOrder,
    /// A second captured payment was recorded for one period of a subscription.
    TwoCapturedForPeriod,
    /// The same payment was posted twice: Cleeng has no idempotency key, so the connector must look first.
    PaymentPostedTwice,
    /// A captured or authorised payment came without the gateway's id.
    NoExternalId,
    /// A first payment was captured without a token to renew with.
    NothingToRenewWith,
    /// A payment named another customer's stored token.
    AnothersDetails,
    /// A refund of more than was captured.
    RefundedTooMuch,
    /// Money is held that was captured for a subscription after it had ended.
    CapturedAfterTermination,
}

/// Notes one.
pub(super) fn note(state: &mut State, kind: ViolationKind, what: String) {
    let at = state.now;
    state.violations.push(Violation { at, kind, what });
}

/// Those that were noted, and those that stand as of now: a capture after the end is mended by its refund.
pub(super) fn all(state: &State) -> Vec<Violation> {
    let mut all = state.violations.clone();
    all.extend(state.payments.values().filter_map(|payment| captured_after_termination(state, payment)));
    all.sort_by_key(|violation| violation.at);
    all
}

fn captured_after_termination(state: &State, payment: &CleengPayment) -> Option<Violation> {
    let (captured, id) = (payment.captured?, payment.subscription?);
    let subscription = state.subscriptions.get(&id)?;
    let (_, terminated) = subscription.terminated.as_ref().filter(|(kind, _)| kind != LAPSED)?;
    let ended_before = subscription.status == SubscriptionState::Terminated && *terminated < captured;
    // Nothing in its record tells by then that it was ended and did not lapse; its payment paid for the one in its place.
    let seemed_lapsed = subscription.replaced_by.is_some() && subscription.ends <= captured;
    let revived = subscription.externally_managed && seemed_lapsed;
    (ended_before && !revived && payment.held() > Decimal::ZERO).then(|| Violation {
        at: captured,
        kind: ViolationKind::CapturedAfterTermination,
        what: format!("payment {} of subscription {id}, which ended at {terminated}", payment.id),
    })
}
