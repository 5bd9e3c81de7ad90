//! The life of a subscription: it begins after its first payment, is asked for the next, is prolonged or ended.

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use serde_json::{Map, Value, json};

use super::calendar::{hours, seconds};
use super::deliveries::emit;
use super::dunning::{self, Step};
use super::offers;
use super::records::{CleengPass, CleengSubscription, SubscriptionState};
use super::state::{Due, Kind, State};
use super::violations::{ViolationKind, note};

/// Why an externally managed subscription ended that nobody prolonged.
pub(super) const LAPSED: &str = "expired";

/// Does everything that is due by `now`, each at its own hour, and goes on to `now`.
pub(super) fn advance(state: &mut State, now: Timestamp) {
    while let Some(entry) = state.due.first_entry() {
        let at = entry.key().0;
        if at > now {
            break;
        }
        let due = entry.remove();
        state.now = state.now.max(at);
        match due {
            Due::Begin { payment } => begin(state, payment),
            Due::Step { subscription, plan, step } => take_step(state, subscription, plan, step),
            Due::CaptureNow { subscription, plan } => {
                if state.subscriptions.get(&subscription).is_some_and(|it| it.plan == plan) {
                    ask_capture(state, subscription);
                }
            }
        }
    }
    state.now = state.now.max(now);
}

/// A first payment was captured: its subscription or pass is on its way.
pub(super) fn bought(state: &mut State, payment: u64) {
    let Some(paid) = state.payments.get(&payment) else { return };
    let Some(offer) = offers::find(&paid.offer) else { return };
    if offer.cycle.is_none() {
        let (customer, expires) = (paid.customer, Some(hours(state.now, 24)));
        let id = state.ids.next(Kind::Pass);
        let offer = offer.id.to_owned();
        state
            .passes
            .insert(id, CleengPass { id, customer, offer, expires, external_id: None, terminated: false });
        return;
    }
    let delay = i64::try_from(state.settings.subscription_delay.as_secs()).unwrap_or(0);
    state.plan(seconds(state.now, delay), Due::Begin { payment });
}

fn begin(state: &mut State, payment: u64) {
    let Some(paid) = state.payments.get(&payment).cloned() else { return };
    // A first payment that failed late and succeeded after all has begun it already.
    let theirs = state.customers.get(&paid.customer).map_or(&[][..], |customer| &customer.subscriptions);
    let of_order = |id: &u64| state.subscriptions.get(id).is_some_and(|it| it.order == paid.order);
    if paid.order.is_some() && theirs.iter().any(of_order) {
        return;
    }
    let Some((offer, cycle)) = offers::find(&paid.offer).and_then(|offer| Some((offer, offer.cycle?))) else {
        return;
    };
    // Cleeng counts in seconds.
    let began = Timestamp::from_second(paid.captured.unwrap_or(state.now).as_second()).unwrap_or(state.now);
    let trial_ends = offer.trial_days.filter(|_| paid.price.is_zero()).map(|days| hours(began, days * 24));
    let (anchor, ends) = match trial_ends {
        Some(ends) => ((ends, 0), ends),
        None => ((began, 1), cycle.after(began, 1)),
    };
    let id = state.ids.next(Kind::Subscription);
    state.subscriptions.insert(
        id,
        CleengSubscription {
            id,
            customer: paid.customer,
            offer: paid.offer,
            status: SubscriptionState::Active,
            began,
            ends,
            has_access: true,
            in_trial: trial_ends.is_some(),
            method: paid.method,
            details: paid.details,
            currency: offer.currency.to_owned(),
            country: paid.country,
            order: paid.order,
            latest_payment: paid.external,
            periods: u32::from(trial_ends.is_none()),
            externally_managed: false,
            external_id: None,
            replaced_by: None,
            originated_from: None,
            terminated: None,
            authorised: None,
            anchor,
            cycle,
            plan: 0,
            capture_asked: false,
            paused: None,
        },
    );
    if let Some(customer) = state.customers.get_mut(&paid.customer) {
        customer.subscriptions.push(id);
    }
    replan(state, id);
}

/// The renewal of a period was authorised. One that comes after the due date is captured at once.
pub(super) fn authorised(state: &mut State, subscription: u64, period_end: Option<Timestamp>, payment: u64) {
    let now = state.now;
    let Some(it) = state.subscriptions.get_mut(&subscription).filter(|it| Some(it.ends) == period_end) else {
        return;
    };
    it.authorised = Some(payment);
    if now >= it.ends {
        let (subscription, plan) = (it.id, it.plan);
        state.plan(seconds(now, 60), Due::CaptureNow { subscription, plan });
    }
}

/// An authorisation was let go or refused.
pub(super) fn unauthorised(state: &mut State, subscription: u64, payment: u64) {
    if let Some(it) = state.subscriptions.get_mut(&subscription).filter(|it| it.authorised == Some(payment)) {
        it.authorised = None;
    }
}

/// A capture failed late: the order may be paid anew, and another payment of that period is no second charge.
pub(super) fn failed_late(
    state: &mut State,
    order: Option<u64>,
    period: Option<(u64, Timestamp)>,
    payment: u64,
) {
    if let Some(order) =
        order.and_then(|id| state.orders.get_mut(&id)).filter(|it| it.paid_by == Some(payment))
    {
        order.paid_by = None;
    }
    if let Some(period) = period.filter(|period| state.paid_periods.get(period) == Some(&payment)) {
        state.paid_periods.remove(&period);
    }
}

/// A renewal was captured: the period that its order was for is paid, and the next one planned.
pub(super) fn renewed(
    state: &mut State,
    subscription: u64,
    period_end: Timestamp,
    payment: u64,
    external: Option<&str>,
) {
    if let Some(first) =
        state.paid_periods.get(&(subscription, period_end)).filter(|first| **first != payment)
    {
        let what =
            format!("payments {first} and {payment} of subscription {subscription} until {period_end}");
        note(state, ViolationKind::TwoCapturedForPeriod, what);
        return;
    }
    if state.paid_periods.insert((subscription, period_end), payment).is_some() {
        return;
    }
    let Some(it) = state.subscriptions.get_mut(&subscription) else { return };
    it.latest_payment = external.map(str::to_owned).or(it.latest_payment.take());
    if it.ends != period_end || it.status == SubscriptionState::Terminated {
        return;
    }
    it.anchor.1 += 1;
    it.ends = it.cycle.after(it.anchor.0, it.anchor.1);
    it.periods += 1;
    it.in_trial = false;
    it.authorised = None;
    it.capture_asked = false;
    it.has_access = true;
    replan(state, subscription);
}

/// Ends a subscription at once.
pub(super) fn terminate(state: &mut State, id: u64, kind: &str) {
    let now = state.now;
    if let Some(it) = state.subscriptions.get_mut(&id) {
        it.status = SubscriptionState::Terminated;
        it.terminated = Some((kind.to_owned(), now));
        it.has_access = false;
        it.plan += 1;
    }
}

/// Makes all earlier plans void and plans anew from where the subscription stands.
pub(super) fn replan(state: &mut State, id: u64) {
    if let Some(it) = state.subscriptions.get_mut(&id) {
        it.plan += 1;
        schedule(state, id, 0);
    }
}

/// Plans the next step. Steps whose hour has passed are left out, but never the last one.
fn schedule(state: &mut State, id: u64, from: usize) {
    let Some(it) = state.subscriptions.get(&id) else { return };
    let steps = steps(state, it);
    let ahead = |(index, (at, _)): &(usize, &(Timestamp, Step))| *at >= state.now || index + 1 == steps.len();
    let next = steps.iter().enumerate().skip(from).find(ahead).map(|(index, (at, _))| (index, *at));
    let plan = it.plan;
    if let Some((step, at)) = next {
        state.plan(at, Due::Step { subscription: id, plan, step });
    }
}

fn steps(state: &State, it: &CleengSubscription) -> Vec<(Timestamp, Step)> {
    match it.status {
        SubscriptionState::Active if !it.externally_managed => state
            .dunning
            .get(&(it.method, it.cycle))
            .map_or_else(|| vec![(it.ends, Step::End)], |actions| dunning::plan(actions, it.ends)),
        SubscriptionState::Stopped if !it.externally_managed => vec![(it.ends, Step::End)],
        SubscriptionState::Active | SubscriptionState::Stopped => vec![(it.ends, Step::Lapse)],
        _ => Vec::new(),
    }
}

fn take_step(state: &mut State, id: u64, plan: u64, index: usize) {
    let Some(it) = state.subscriptions.get(&id).filter(|it| it.plan == plan) else { return };
    let Some((_, step)) = steps(state, it).get(index).copied() else { return };
    let actions = state.dunning.get(&(it.method, it.cycle));
    let (authorized_first, silent) = (actions.is_some_and(|it| it.authorized_first), actions.is_none());
    match step {
        Step::Ask if authorized_first => {
            if it.authorised.is_none() {
                let data = authorisation(state, it);
                emit(state, "subscriptionReadyForPaymentAuthorisation", data);
            }
        }
        Step::Ask => ask_capture(state, id),
        Step::Capture => {
            if it.authorised.is_some() {
                ask_capture(state, id);
            }
        }
        Step::CaptureLate => {
            if !it.capture_asked {
                ask_capture(state, id);
            }
        }
        // Without dunning actions Cleeng says nothing and ends it.
        Step::End if silent && it.status == SubscriptionState::Active => {
            terminate(state, id, "withoutDunningActions")
        }
        Step::End => end(state, id),
        Step::Lapse => terminate(state, id, LAPSED),
    }
    schedule(state, id, index + 1);
}

/// Both requests for a renewal, as if it were Cleeng's to ask for.
pub(super) fn ask_by_mistake(state: &mut State, id: u64) {
    if let Some(it) = state.subscriptions.get(&id) {
        let asks = [
            ("subscriptionReadyForPaymentAuthorisation", authorisation(state, it)),
            ("subscriptionReadyForPaymentCapture", capture(state, it)),
        ];
        for (topic, data) in asks {
            emit(state, topic, data);
        }
    }
}

fn ask_capture(state: &mut State, id: u64) {
    let Some(it) = state.subscriptions.get_mut(&id) else { return };
    it.capture_asked = true;
    if let Some(it) = state.subscriptions.get(&id) {
        let data = capture(state, it);
        emit(state, "subscriptionReadyForPaymentCapture", data);
    }
}

fn end(state: &mut State, id: u64) {
    let Some(it) = state.subscriptions.get_mut(&id) else { return };
    it.has_access = false;
    let data = object(json!({
        "subscriptionId": it.id.to_string(), "offerId": it.offer, "customerId": it.customer,
        "paymentMethodId": it.method, "expirationDate": zulu(it.ends),
    }));
    emit(state, "subscriptionReadyForTermination", data);
}

/// As the reference shows it in full.
fn authorisation(state: &State, it: &CleengSubscription) -> Map<String, Value> {
    let details = it.details.and_then(|id| state.details.get(&id));
    object(json!({
        "subscriptionId": it.id.to_string(), "offerId": it.offer, "customerId": it.customer,
        "customerEmail": state.customers.get(&it.customer).map(|customer| customer.email.as_str()),
        "paymentDetailsId": it.details, "active": details.is_some_and(|details| details.active),
        "dunningAttemptDate": zulu(state.now), "dunningStatus": "authorize", "expirationDate": zulu(it.ends),
        "currency": it.currency, "paymentCountry": it.country, "paymentMethodId": it.method,
        "token": details.map(|details| details.token.expose()),
        "paymentGateway": state.method(it.method).map(|method| method.gateway.as_str()),
    }))
}

/// As the reference shows it in part: ids and dates the other way round, and without the token.
fn capture(state: &State, it: &CleengSubscription) -> Map<String, Value> {
    object(json!({
        "subscriptionId": it.id, "offerId": it.offer, "customerId": it.customer.to_string(),
        "customerEmail": state.customers.get(&it.customer).map(|customer| customer.email.as_str()),
        "paymentDetailsId": it.details, "active": true,
        "dunningAttemptDate": berlin(state.now), "dunningStatus": "capture", "expirationDate": berlin(it.ends),
        "currency": it.currency, "paymentCountry": it.country, "paymentMethodId": it.method,
    }))
}

/// The members of an object.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn zulu(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn berlin(at: Timestamp) -> String {
    at.to_zoned(TimeZone::fixed(offset(1))).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
