//! A simulator of Stripe: keys, objects, cards, webhooks and a dashboard, strict about what it is asked.
//!
//! Where the official descriptions are at hand ([`schema::directory`]) it checks every write against both of them;
//! what breaks them is answered with 400 and remembered in [`StripeSimulator::violations`].
//!
//! Controls (`POST /_simulator/…` unless said):
//!
//! | path | body | what happens |
//! |---|---|---|
//! | `authenticate/{pi or seti}` | `{"result":"success"}` or `fail` | the buyer's challenge ends |
//! | `payment_methods/{pm}` | `{"behaviour":"insufficient_funds","times":2}` | a stored card behaves otherwise; `ok`, `authentication_required`, `processing` or any `decline_code` |
//! | `payment_methods/{pm}` | `{"exp_year":2036,"last4":"1881"}` | the network renews a stored card |
//! | `payment_methods/{pm}/detach`, `customers/{cus}/delete` | | a token is gone |
//! | `payment_intents/{pi}/refund` | `{"amount":100}` | a refund in the dashboard (all that is left without an amount) |
//! | `payment_intents/{pi}/dispute`, `disputes/{du}/close` | `{"status":"won"}` or `lost` | a chargeback and its end |
//! | `payment_intents/{pi}/settle` | `{"result":"success"}` or `fail` | a payment that is processing ends |
//! | `refunds/{re}/fail` | | a refund comes back |
//! | `next` | `{"fault":"500_after","times":1,"method":"POST","path":"/capture"}` | the next request that fits goes wrong, see `faults` |
//! | `webhooks` | `{"delay_seconds":60,"copies":2,"spread_seconds":30}` | webhooks from now on are late, doubled, out of order |
//! | `deliveries/{id}` | `{"status":200}` | a webhook is acknowledged, or will come again |
//! | `tick` | | time passes: holds lapse |
//! | GET `test_cards`, GET `violations`, GET `payments` | | lists |

mod cards;
mod control;
mod deliveries;
mod faults;
mod form;
mod payments;
mod queries;
mod refunds;
mod render;
mod rules;
pub mod schema;
mod setups;
mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use payment::Money;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Delivery, GatewayPayment, GatewaySimulator, Simulator};
use form::Params;
use state::{Customer, Failure, Payment, Remembered, State};

/// The version that every request must name.
const API_VERSION: &str = "2026-10-28.endive";
const KEY_LENGTH_MAX: usize = 255;

/// What an account at Stripe is known by.
#[derive(Clone, Debug)]
pub struct StripeAccount {
    /// `sk_test_…`.
    pub secret_key: SecretString,
    /// `pk_test_…`.
    pub publishable_key: String,
    /// `whsec_…`.
    pub webhook_secret: SecretString,
    /// Whether it plays a live account.
    pub live: bool,
}

impl Default for StripeAccount {
    fn default() -> Self {
        Self {
            secret_key: SecretString::from("sk_test_simulator"),
            publishable_key: "pk_test_simulator".to_owned(),
            webhook_secret: SecretString::from("whsec_simulator"),
            live: false,
        }
    }
}

/// Stripe, in this process.
pub struct StripeSimulator {
    account: StripeAccount,
    state: Mutex<State>,
}

impl StripeSimulator {
    /// An account in which nothing has happened.
    pub fn new(account: StripeAccount) -> Self {
        let state = Mutex::new(State::new(account.live));
        Self { account, state }
    }

    /// What requests broke of the official descriptions and of Stripe's other rules, in order; empty is well.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator for StripeSimulator {
    fn handle(&self, now: Timestamp, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let mut state = self.state();
        state.now = state.now.max(now);
        payments::lapse(&mut state);
        let path = request.uri().path().to_owned();
        if let Some((_, control)) = path.split_once("/_simulator/") {
            return self.control(&mut state, control, request.body());
        }
        let Some(at) = path.find("/v1/") else {
            return answered(Err(Failure::missing("path", &path)));
        };
        let path = path.get(at..).unwrap_or_default().to_owned();
        let method = request.method().as_str().to_owned();
        let fault = control::next_fault(&mut state, &method, &path);
        if let Some(response) = fault.as_deref().and_then(faults::before) {
            return response;
        }
        let mut response = match self.checked(&mut state, &path, &request) {
            Ok(params) if request.method() == Method::GET => answered(read(&state, &path, &params)),
            Ok(params) => written(&mut state, &path, &params, request.headers(), fault.as_deref()),
            Err(failure) => answered(Err(failure)),
        };
        if let Some(broken) = fault.as_deref().and_then(faults::after) {
            return broken;
        }
        let id = format!("req_{}", state.next_id("sim"));
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("request-id", id);
        }
        response
    }

    fn deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        self.state().deliveries.due(now, self.account.webhook_secret.expose_secret())
    }
}

impl GatewaySimulator for StripeSimulator {
    fn payments(&self) -> Vec<GatewayPayment> {
        let state = self.state();
        state.payments.values().filter_map(|payment| in_our_words(&state, payment)).collect()
    }

    fn keeps(&self, card: &str) -> bool {
        self.state().cards.get(card).is_some_and(|card| card.customer.is_some())
    }

    fn owner(&self, token: &str) -> Option<String> {
        let (customer, card) = token.split_once('|')?;
        let state = self.state();
        // A card that was detached is nobody's any more.
        let holder = state.cards.get(card)?.customer.as_deref();
        holder.is_none_or(|holder| holder == customer).then_some(())?;
        state.customers.get(customer)?.metadata.get("cleeng_customer_id").cloned()
    }
}

impl StripeSimulator {
    fn control(&self, state: &mut State, path: &str, body: &[u8]) -> http::Response<Bytes> {
        if path == "payments" {
            let payments: Vec<_> = state.payments.values().filter_map(|it| in_our_words(state, it)).collect();
            return answered(Ok(json!(payments)));
        }
        let body = serde_json::from_slice(body).unwrap_or_default();
        answered(control::control(state, path, &body))
    }

    /// Who asks, in which version, with what: anything that Stripe or its descriptions refuse ends here.
    fn checked(
        &self,
        state: &mut State,
        path: &str,
        request: &http::Request<Bytes>,
    ) -> Result<Params, Failure> {
        let headers = request.headers();
        if !self.is_ours(headers) {
            let error = json!({ "type": "invalid_request_error", "message": "Invalid API Key provided" });
            return Err(Failure { status: 401, error, executed: false });
        }
        let write = request.method() == Method::POST;
        let text = if write {
            std::str::from_utf8(request.body()).ok()
        } else {
            Some(request.uri().query().unwrap_or_default())
        };
        let params = text.and_then(Params::read);
        let mut broken = Vec::new();
        if header(headers, "stripe-version") != API_VERSION {
            broken.push(format!("Stripe-Version is not {API_VERSION}"));
        }
        if write && !header(headers, "content-type").starts_with("application/x-www-form-urlencoded") {
            broken.push("a write is not a form".to_owned());
        }
        if write && !(1..=KEY_LENGTH_MAX).contains(&header(headers, "idempotency-key").len()) {
            broken.push("a write has no key, or one that is too long".to_owned());
        }
        match (&params, schema::specs()) {
            (None, _) => broken.push("the parameters are not well formed".to_owned()),
            (Some(params), Some(specs)) if write => {
                broken.extend(specs.broken_by_request("POST", path, params.tree()))
            }
            _ => {}
        }
        match params {
            Some(params) if broken.is_empty() => Ok(params),
            _ => {
                let why = broken.join("; ");
                state.violations.extend(
                    broken.into_iter().map(|broken| format!("{} {path}: {broken}", request.method())),
                );
                Err(Failure::invalid(Some("parameter_unknown"), None, why))
            }
        }
    }

    /// `Bearer sk_…`, or Basic with the key as user.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let given = header(headers, "authorization");
        let key = self.account.secret_key.expose_secret();
        let basic = BASE64.encode(format!("{key}:"));
        given.strip_prefix("Bearer ") == Some(key) || given.strip_prefix("Basic ") == Some(&basic)
    }
}

/// A write under its key: executed once, then replayed for a day.
fn written(
    state: &mut State,
    path: &str,
    params: &Params,
    headers: &HeaderMap,
    fault: Option<&str>,
) -> http::Response<Bytes> {
    let key = header(headers, "idempotency-key").to_owned();
    let request = format!("{path} {}", params.tree());
    if let Some(before) = state.remembered(&key) {
        if before.request != request {
            let why = "Keys for idempotent requests can only be used with the same parameters they were first used with.";
            let error = json!({ "type": "idempotency_error", "message": why });
            return answered(Err(Failure { status: 400, error, executed: false }));
        }
        let mut response = faults::answer(before.status, "application/json", before.body.clone());
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        return response;
    }
    let done = write(state, path, params);
    let executed = done.as_ref().map_or_else(|failure| failure.executed, |_| true);
    let response = answered(done);
    if executed {
        let body = String::from_utf8_lossy(response.body()).into_owned();
        let (status, body) = match fault {
            Some("500_after") => (500, faults::stored_500().to_string()),
            _ => (response.status().as_u16(), body),
        };
        state.keys.insert(key, Remembered { at: state.now, request, status, body });
    }
    response
}

fn write(state: &mut State, path: &str, params: &Params) -> Result<Value, Failure> {
    let steps: Vec<_> = path.split('/').skip(2).collect();
    match steps.as_slice() {
        ["customers"] => Ok(make_customer(state, params)),
        ["payment_intents"] => payments::create(state, params),
        ["payment_intents", id, "confirm"] => payments::confirm(state, id, params),
        ["payment_intents", id, "capture"] => payments::capture(state, id, params),
        ["payment_intents", id, "cancel"] => payments::cancel(state, id, params),
        ["setup_intents"] => setups::create(state, params),
        ["setup_intents", id, "confirm"] => setups::confirm(state, id, params),
        ["setup_intents", id, "cancel"] => setups::cancel(state, id, params),
        ["refunds"] => refunds::create(state, params),
        ["payment_methods", id, "detach"] => control::detach(state, id),
        _ => Err(Failure::missing("path", path)),
    }
}

fn read(state: &State, path: &str, params: &Params) -> Result<Value, Failure> {
    let steps: Vec<_> = path.split('/').skip(2).collect();
    match steps.as_slice() {
        ["customers", "search"] => queries::search_customers(state, params),
        ["payment_intents", "search"] => queries::search_payments(state, params),
        ["payment_intents"] => Ok(queries::list_payments(state, params)),
        ["payment_intents", id] => payments::read(state, id, params),
        ["setup_intents"] => Ok(queries::list_setups(state, params)),
        ["setup_intents", id] => setups::read(state, id, params),
        ["refunds"] => Ok(queries::list_refunds(state, params)),
        ["refunds", id] => refunds::read(state, id),
        ["disputes", id] => refunds::read_dispute(state, id),
        ["customers", id] => state
            .customers
            .get(*id)
            .map(|it| state.customer(it))
            .ok_or_else(|| Failure::missing("customer", id)),
        ["payment_methods", id] => {
            state.cards.get(*id).map(|it| state.card(it)).ok_or_else(|| Failure::missing("PaymentMethod", id))
        }
        ["charges", id] => {
            let charged = state.payments.values().find_map(|payment| {
                let charge = payment.charge.as_ref().filter(|charge| charge.id == *id)?;
                Some(state.charge(payment, charge))
            });
            charged.ok_or_else(|| Failure::missing("charge", id))
        }
        _ => Err(Failure::missing("path", path)),
    }
}

fn make_customer(state: &mut State, params: &Params) -> Value {
    let id = state.next_id("cus");
    let customer = Customer { id: id.clone(), created: state.now, metadata: params.metadata() };
    state.index("customer", &id, &customer.metadata);
    let shown = state.customer(&customer);
    state.customers.insert(id, customer);
    shown
}

/// A payment as our own ledger compares it.
fn in_our_words(state: &State, payment: &Payment) -> Option<GatewayPayment> {
    let token = payment
        .customer
        .as_ref()
        .zip(payment.card.as_ref())
        .map(|(customer, card)| format!("{customer}|{card}"));
    let open = payment.disputes.iter().filter_map(|id| state.disputes.get(id)).map(|dispute| dispute.amount);
    Some(GatewayPayment {
        id: payment.id.clone(),
        reference: payment.metadata.get("reference").cloned(),
        customer: payment.metadata.get("cleeng_customer_id").cloned(),
        token,
        asked: Money { minor: payment.amount, currency: payment.currency.parse().ok()? },
        declined: payment.status == "requires_payment_method" && payment.error.is_some(),
        held_minor: payment.capturable(),
        captured_minor: payment.received,
        refunded_minor: payment.refunded,
        disputed_minor: open.sum(),
        created: payment.created,
    })
}

fn answered(done: Result<Value, Failure>) -> http::Response<Bytes> {
    let (status, body) = match done {
        Ok(value) => (200, value),
        Err(mut failure) => {
            // What does not apply is left out of an error, not null.
            if let Some(members) = failure.error.as_object_mut() {
                members.retain(|_, value| !value.is_null());
            }
            (failure.status, json!({ "error": failure.error }))
        }
    };
    faults::answer(status, "application/json", body.to_string())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl State {
    /// Puts an event on its way to the endpoint.
    fn tell(&mut self, kind: &str, object: Value, before: Option<Value>) {
        let id = self.next_id("evt");
        let event = render::event(&id, kind, self.now, self.live, object, before);
        self.deliveries.push(self.now, &event);
    }
}
