//! From a request to a route, and the publisher's key on the way.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::answer::{Answer, Refusal, not_found, refused, too_many};
use super::control::{self, number};
use super::state::State;
use super::{
    dunning, external, mediastore, orders, patch_payment, payment_details, payments, post_payment,
    subscriptions, webhook_subscriptions,
};

pub(super) fn route(state: &mut State, request: &Request<Bytes>) -> Response<Bytes> {
    let segments: Vec<&str> = request.uri().path().split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        ["3.1", rest @ ..] => {
            let family = rest.first().copied().unwrap_or_default();
            api(state, request, rest).unwrap_or_else(|refusal| refused(family, refusal))
        }
        ["mediastore", "customers", id] if request.method() == Method::GET => {
            mediastore::customer(state, id.parse().unwrap_or(0), request.headers())
        }
        ["_simulator", rest @ ..] => {
            let answer = match *request.method() {
                Method::GET => control::look(state, rest),
                Method::POST => control::act(state, rest, request.body()),
                _ => Err(not_found("Route")),
            };
            answer.unwrap_or_else(|refusal| refused("", refusal))
        }
        _ => refused("", not_found("Route")),
    }
}

fn api(state: &mut State, request: &Request<Bytes>, segments: &[&str]) -> Answer {
    let key = request.headers().get("x-publisher-token").map(http::HeaderValue::as_bytes);
    if key != Some(state.settings.publisher_token.as_bytes()) {
        return Err(Refusal {
            status: StatusCode::UNAUTHORIZED,
            message: "Invalid publisher token".to_owned(),
        });
    }
    if state.is_throttled() {
        return Ok(too_many());
    }
    let body = request.body();
    let quirks = &state.settings.quirks;
    match (request.method().as_str(), segments) {
        ("POST", ["orders"]) => orders::create(state, body),
        ("GET", ["orders", id]) => orders::get(state, number(id)?),
        ("PATCH", ["orders", id]) => orders::update(state, number(id)?, body),
        ("GET", ["orders", id, "payments"]) if !quirks.payments_by_query => {
            payments::of_order(state, number(id)?)
        }
        ("GET", ["payments"]) if quirks.payments_by_query => {
            let named = request.uri().query().and_then(|query| query.strip_prefix("orderId="));
            payments::of_order(state, number(named.unwrap_or_default())?)
        }
        ("POST", ["payments"]) => post_payment::create(state, body),
        ("GET", ["payments"]) => external::by_external_id(state, request.uri().query().unwrap_or_default()),
        ("GET", ["payments", id]) => payments::get(state, number(id)?),
        ("PATCH", ["payments", id]) => patch_payment::update(state, number(id)?, body),
        ("PATCH", ["payments", id, "cancel"]) => patch_payment::cancel(state, number(id)?),
        ("POST", ["payment_details"]) => payment_details::create(state, body),
        ("DELETE", ["payment_details", id]) => payment_details::delete(state, number(id)?),
        ("GET", ["payment_details", id, "authorised_payments"]) => {
            payments::authorised_on(state, number(id)?)
        }
        ("GET", ["subscriptions"]) => subscriptions::find(state, request.uri().query().unwrap_or_default()),
        ("POST", ["subscriptions"]) => external::create(state, body),
        ("GET", ["subscriptions", id]) => subscriptions::get(state, number(id)?),
        ("PATCH", ["subscriptions", id]) => subscriptions::update(state, number(id)?, body),
        ("POST", ["subscriptions", id, "terminate"]) if !quirks.ends_by_patch_only => {
            subscriptions::terminate(state, number(id)?, body)
        }
        ("POST", ["subscriptions", id, "renew"]) => external::prolong(state, number(id)?, body, false),
        ("POST", ["subscriptions", id, "revive"]) if !quirks.revival_refused => {
            external::prolong(state, number(id)?, body, true)
        }
        ("POST", ["passes"]) => external::create_pass(state, body),
        ("POST", ["passes", id, "terminate"]) => external::terminate_pass(state, number(id)?),
        ("GET", ["webhook_subscriptions"]) => webhook_subscriptions::all(state),
        ("PUT", ["webhook_subscriptions", topic]) => webhook_subscriptions::replace(state, topic, body),
        ("GET", [segment, cycle]) if *segment == quirks.dunning_segment => dunning::get(state, cycle),
        ("PUT", [segment, cycle]) if *segment == quirks.dunning_segment => dunning::set(state, cycle, body),
        ("GET", ["payment_methods"]) => payment_details::methods(state),
        _ => Err(not_found("Route")),
    }
}
