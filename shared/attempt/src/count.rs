//! What is counted of moving money, for dashboard and alarms; whoever starts the logs decides what becomes of it.

use gateways::GatewayError;
use ledger::Attempt;
use payment::{Answer, DeclineClass, GatewayName, Verb};
use tokio::time::Instant;

/// A gateway's answer to an attempt, when it first arrives.
pub(crate) fn answered(attempt: &Attempt, answer: &Answer) {
    let verb = attempt.intention.verb;
    let outcome = match answer {
        Answer::Approved(_) => "approved",
        Answer::Declined(_) => "declined",
    };
    let gateway = &attempt.intention.gateway;
    match verb {
        Verb::Purchase | Verb::Verify => {
            tracing::info!(target: "metric", name = "Purchases", value = 1_u64, outcome, %gateway);
        }
        Verb::Authorise | Verb::Charge | Verb::Capture => {
            tracing::info!(target: "metric", name = "Renewals", value = 1_u64, outcome, step = verb.as_str(), %gateway);
        }
        Verb::Cancel | Verb::Refund => {}
    }
    if let Answer::Declined(decline) = answer {
        let class = class(decline.class);
        tracing::info!(target: "metric", name = "Declines", value = 1_u64, class, %gateway);
    }
}

/// Nobody knows, or a person must find out.
pub(crate) fn unanswered(attempt: &Attempt, parked: bool) {
    let gateway = &attempt.intention.gateway;
    if parked {
        tracing::warn!(target: "metric", name = "Parked", value = 1_u64, %gateway);
    } else {
        tracing::info!(target: "metric", name = "Unknown", value = 1_u64, %gateway);
    }
}

/// Cleeng has not heard of an answer that is so old.
pub(crate) fn unreported(seconds: i64) {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    tracing::info!(target: "metric", name = "UnreportedOldestSeconds", value = seconds);
}

/// How long a gateway took, and whether it asked for fewer requests.
pub(crate) fn asked<T>(gateway: &GatewayName, verb: Verb, began: Instant, answer: &Result<T, GatewayError>) {
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "metric", name = "GatewayMilliseconds", value = took, %gateway, verb = verb.as_str());
    if matches!(answer, Err(GatewayError::Throttled { .. })) {
        tracing::info!(target: "metric", name = "GatewayThrottled", value = 1_u64, %gateway);
    }
}

fn class(class: DeclineClass) -> &'static str {
    match class {
        DeclineClass::Hard => "hard",
        DeclineClass::Soft => "soft",
        DeclineClass::Customer => "customer",
        DeclineClass::Fraud => "fraud",
        DeclineClass::Technical => "technical",
        DeclineClass::Ours => "ours",
    }
}
