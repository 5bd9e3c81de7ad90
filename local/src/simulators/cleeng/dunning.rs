//! Dunning actions: when a subscription is asked for its next payment, and what follows when none comes.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use super::answer::{Answer, Refusal, bad_request, done, list};
use super::calendar::{Cycle, hours, seconds};
use super::reading::{Body, missing};
use super::state::State;

/// The actions of one payment method and one length of period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Actions {
    pub(super) authorized_first: bool,
    /// Hours before the due date; negative is after it.
    pub(super) attempts: Vec<i64>,
    /// Hours of access after the due date.
    pub(super) grace: i64,
}

impl Actions {
    pub(super) fn recommended(authorized_first: bool) -> Self {
        Self { authorized_first, attempts: vec![72, 48, 24, 0], grace: 2 }
    }
}

/// A step of a period's plan. At the same hour they come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A payment is asked for: authorised where that comes first, else captured.
    Ask,
    /// The due date of a payment that is authorised first: captured if there is an authorisation.
    Capture,
    /// Half an hour later the capture is asked for in any case.
    CaptureLate,
    /// Nothing came: the subscription is to be ended.
    End,
    /// What somebody else manages was not prolonged: it is over without a word.
    Lapse,
}

/// Between the last authorisation attempt, at the due date itself, and a capture that does not depend on it.
const CAPTURE_LATE_SECONDS: i64 = 1800;

/// The plan of the period that ends at `ends`.
pub(super) fn plan(actions: &Actions, ends: Timestamp) -> Vec<(Timestamp, Step)> {
    let mut steps: Vec<_> = actions.attempts.iter().map(|before| (hours(ends, -before), Step::Ask)).collect();
    if actions.authorized_first {
        steps.push((ends, Step::Capture));
        steps.push((seconds(ends, CAPTURE_LATE_SECONDS), Step::CaptureLate));
    }
    let last = steps.iter().map(|(at, _)| *at).max().unwrap_or(ends);
    steps.push((hours(ends, actions.grace).max(last), Step::End));
    steps.sort();
    steps
}

/// `GET /dunning_actions/{cycle}`: those of every payment method.
pub(super) fn get(state: &State, name: &str) -> Answer {
    let wanted = cycle(name)?;
    let rows: Vec<_> = state
        .dunning
        .iter()
        .filter(|((_, cycle), _)| *cycle == wanted)
        .map(|((method, _), actions)| {
            json!({
                "paymentMethodId": method, "authorizedFirst": actions.authorized_first,
                "paymentAttempts": actions.attempts, "gracePeriod": actions.grace,
            })
        })
        .collect();
    list(&rows, rows.len())
}

fn cycle(name: &str) -> Result<Cycle, Refusal> {
    serde_json::from_value(serde_json::Value::from(name))
        .map_err(|_| bad_request("The cycle is one of weekly, monthly, 3-months, 6-months, annual, seasonal"))
}

/// `PUT /dunning_actions/{cycle}`.
pub(super) fn set(state: &mut State, name: &str, body: &Bytes) -> Answer {
    let cycle = cycle(name)?;
    let body = Body::read(body)?;
    let method = body.required_id("paymentMethodId")?;
    if state.method(method).is_none() {
        return Err(bad_request("The payment method does not exist"));
    }
    let attempts = body.raw("paymentAttempts").ok_or_else(|| missing("paymentAttempts"))?;
    let attempts: Vec<i64> =
        serde_json::from_str(attempts).map_err(|_| bad_request("paymentAttempts is not a list of hours"))?;
    let actions = Actions {
        authorized_first: body.flag("authorizedFirst")?.ok_or_else(|| missing("authorizedFirst"))?,
        grace: body.seconds("gracePeriod")?.unwrap_or(2),
        attempts,
    };
    let last = actions.attempts.iter().min().copied().unwrap_or(0);
    if actions.attempts.is_empty() || actions.grace < 0 || actions.grace > 2 - last.min(0) {
        return Err(bad_request("gracePeriod is at most two hours after the last payment attempt"));
    }
    state.dunning.insert((method, cycle), actions);
    done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_asks_before_it_captures_and_ends_last() {
        let ends: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        let told = |actions: &Actions| {
            let steps = plan(actions, ends).into_iter();
            steps.map(|(at, step)| (at.duration_since(ends).as_mins(), step)).collect::<Vec<_>>()
        };
        use Step::{Ask, Capture, CaptureLate, End};
        assert_eq!(
            told(&Actions::recommended(true)),
            [(-4320, Ask), (-2880, Ask), (-1440, Ask), (0, Ask), (0, Capture), (30, CaptureLate), (120, End)]
        );
        let late = Actions { authorized_first: false, attempts: vec![0, -24], grace: 26 };
        assert_eq!(told(&late), [(0, Ask), (1440, Ask), (1560, End)]);
    }
}
