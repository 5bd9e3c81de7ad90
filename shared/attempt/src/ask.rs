//! Asks the gateway what an intention means, by its verb.

use gateways::{Buyer, Gateway, GatewayError};
use payment::{Approval, Intention, Outcome, Target, Verb};
use wire::Deadline;

/// Asks the gateway. `buyer` is there for the verbs that need one.
///
/// A renewal of nothing (a discount of 100 %) is approved without a call: no gateway charges zero off-session.
pub(crate) async fn ask(
    gateway: &dyn Gateway,
    intention: &Intention,
    buyer: Option<&Buyer>,
    deadline: Deadline,
) -> Result<Outcome, GatewayError> {
    if let Some(free) = free_of_charge(intention) {
        return Ok(free);
    }
    match (intention.verb, buyer) {
        (Verb::Purchase, Some(buyer)) => gateway.authorise(intention, buyer, deadline).await,
        (Verb::Verify, Some(buyer)) => gateway.verify(intention, buyer, deadline).await,
        (Verb::Purchase | Verb::Verify, None) => Err(GatewayError::BadPaymentData {
            gateway: gateway.name(),
            why: "the buyer's payment data is no longer here".to_owned(),
        }),
        (Verb::Authorise | Verb::Charge, _) => gateway.authorise_off_session(intention, deadline).await,
        (Verb::Capture, _) => gateway.capture(intention, deadline).await,
        (Verb::Cancel, _) => gateway.cancel(intention, deadline).await,
        (Verb::Refund, _) => gateway.refund(intention, deadline).await,
    }
}

/// The approval of a zero-amount renewal step, which no gateway hears of.
pub(crate) fn free_of_charge(intention: &Intention) -> Option<Outcome> {
    let renewal = matches!(intention.verb, Verb::Authorise | Verb::Charge | Verb::Capture | Verb::Cancel);
    let ours = match &intention.target {
        Target::Payment(reference) => reference.as_str().starts_with(FREE),
        Target::Token(_) => intention.money.is_zero(),
        Target::Buyer => false,
    };
    let reference = format!("{FREE}{}", intention.order?).parse().ok()?;
    (renewal && ours).then_some(Outcome::Approved(Approval {
        reference,
        money: intention.money,
        captured: matches!(intention.verb, Verb::Charge | Verb::Capture),
        token: None,
        card: None,
        capture_before: None,
    }))
}

/// Marks the external ids of payments that no gateway knows, because nothing was to pay.
const FREE: &str = "free-";
