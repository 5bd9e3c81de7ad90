//! Asks the sandbox and keeps the bare answer: the client of the jobs reads every shape, which is what is to be seen here.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method};
use jiff::Timestamp;
use payment::{Failure, ManagedBy, OrderId, PaymentMethodId};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::{Host, Url};
use wire::{Call, Repeat, Reply};

use super::Sandbox;
use crate::Deployment;
use crate::deployment::{missing, patience};

/// Cleeng's sandbox, with its key and what to probe with.
pub(super) struct Api<'a> {
    at: &'a Deployment,
    pub(super) sandbox: &'a Sandbox,
    pub(super) method: PaymentMethodId,
    /// The one for externally managed subscriptions, where PAYMENT_METHODS has one.
    pub(super) external_method: PaymentMethodId,
    url: Url,
    token: HeaderValue,
    /// The external ids of the payments that were recorded: a subscription follows from each.
    recorded: Mutex<BTreeSet<String>>,
}

/// A bare answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    /// Whether the body was JSON at all.
    pub(super) is_json: bool,
    pub(super) retry_after: Option<String>,
    pub(super) allow: Option<String>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status) && self.body.get("success") != Some(&json!(false))
    }

    /// Cleeng's own no: understood and refused.
    pub(super) fn is_refusal(&self) -> bool {
        self.is_json && matches!(self.status, 400 | 409 | 422)
    }

    /// The resource, bare or in its envelope; and whether it was in one.
    pub(super) fn resource(&self, name: &str) -> (&Value, bool) {
        match self.body.get(name).or_else(|| self.body.get("data")).filter(|inner| inner.is_object()) {
            Some(inner) => (inner, true),
            None => (&self.body, false),
        }
    }

    /// The rows of a list, bare or in its envelope.
    pub(super) fn rows(&self) -> &[Value] {
        let list = self.body.as_array().or_else(|| self.body.get("data")?.as_array());
        list.map(Vec::as_slice).unwrap_or_default()
    }

    /// Status and Cleeng's words, without anything that it repeats of what was sent.
    pub(super) fn told(&self) -> String {
        let words = self.body.get("message").and_then(Value::as_str).unwrap_or_default();
        let short: String = words.chars().take(100).collect();
        if short.is_empty() { self.status.to_string() } else { format!("{} ({short})", self.status) }
    }
}

/// An id, written as an integer or as a string.
pub(super) fn id(value: &Value, name: &str) -> Option<u64> {
    let found = value.get(name)?;
    found.as_u64().or_else(|| found.as_str()?.parse().ok()).filter(|id| *id > 0)
}

/// How long the sandbox may take over one call.
const TIMEOUT: Duration = Duration::from_secs(15);

impl<'a> Api<'a> {
    /// The sandbox that the settings name. A production host, a live deployment and a live gateway's key are refused:
    /// what is recorded here must never be taken for money.
    pub(super) fn of_sandbox(at: &'a Deployment, sandbox: &'a Sandbox) -> Result<Self, Failure> {
        let wrong = |error| missing(&error);
        let url = at.settings.address("CLEENG_API_URL").map_err(wrong)?;
        let is_sandbox = match url.host() {
            Some(Host::Domain(name)) => {
                name == "api.sandbox.cleeng.com" || name == "localhost" || name.ends_with(".test")
            }
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if !is_sandbox {
            return Err(Failure::refuse(format!(
                "CLEENG_API_URL is {}, which is not the sandbox: nothing is probed anywhere else",
                url.host_str().unwrap_or_default()
            )));
        }
        if at.settings.optional("CONNECTOR_MODE").map_err(wrong)? == Some("live") {
            return Err(Failure::refuse("CONNECTOR_MODE is live: probe with a test deployment's settings"));
        }
        for name in ["STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "ADYEN_CLIENT_KEY"] {
            let key = at.settings.optional(name).map_err(wrong)?.unwrap_or_default();
            if key.contains("live_") {
                return Err(Failure::refuse(format!("{name} is a live key: probe with test keys only")));
            }
        }
        let token = at.settings.secret("CLEENG_PUBLISHER_TOKEN").map_err(wrong)?;
        let mut token = HeaderValue::from_str(token.expose_secret())
            .map_err(|_| Failure::refuse("CLEENG_PUBLISHER_TOKEN holds characters that no key has"))?;
        token.set_sensitive(true);
        let first = || at.routes().ok()?.iter().next().map(|route| route.payment_method_id);
        let method = sandbox.payment_method.or_else(first).ok_or_else(|| {
            Failure::refuse("no payment method is known: `--payment-method`, or PAYMENT_METHODS")
        })?;
        let external = |routes: gateways::Routes| {
            let mut ours = routes.iter().filter(|route| route.managed_by == ManagedBy::Connector);
            ours.next().map(|route| route.payment_method_id)
        };
        let external_method = at.routes().ok().and_then(external).unwrap_or(method);
        Ok(Self { at, sandbox, method, external_method, url, token, recorded: Mutex::default() })
    }

    /// Remembers a payment, so that the subscription that follows from it is ended.
    pub(super) fn remember(&self, external: String) {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).insert(external);
    }

    /// The payments from which subscriptions follow.
    pub(super) fn recorded(&self) -> BTreeSet<String> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.at.now()
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The setting's value, or what the connector does without.
    pub(super) fn setting(&self, name: &'static str) -> String {
        let set = self.at.settings.optional(name).ok().flatten();
        set.unwrap_or_else(|| super::default_of(name)).to_owned()
    }

    /// One call, sent once. No answer, a 5xx and a wrong key end the probing: what comes after would be guessed.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, Failure> {
        let mut request = http::Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.url.as_str().trim_end_matches('/')))
            .header("accept", "application/json")
            .header("x-publisher-token", self.token.clone());
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request
            .body(Bytes::from(body.unwrap_or_default()))
            .map_err(|error| Failure::alarm("the request cannot be built").because(error))?;
        let call = Call { request, timeout: TIMEOUT, repeat: Repeat::OnlyIfNotSent, deadline: patience() };
        let answer = match self.at.wire.send(call).await {
            Reply::Answered(answer) => answer,
            Reply::NotSent(why) | Reply::Unknown(why) => {
                return Err(Failure::retry(format!("{method} {path}: no answer: {why}")));
            }
        };
        let header = |name| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
        let parsed = serde_json::from_slice(answer.body());
        let answer = Answer {
            status: answer.status().as_u16(),
            is_json: parsed.is_ok(),
            body: parsed.unwrap_or(Value::Null),
            retry_after: header("retry-after"),
            allow: header("allow"),
        };
        match answer.status {
            401 | 403 => Err(Failure::refuse("the sandbox does not take CLEENG_PUBLISHER_TOKEN")),
            500.. => Err(Failure::retry(format!("{method} {path}: it answered {}", answer.told()))),
            _ => Ok(answer),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask(Method::POST, path, Some(body.to_string())).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask(Method::PATCH, path, Some(body.to_string())).await
    }

    /// The gateway's id under which something is recorded for an order: ours to recognise, and nobody's payment.
    pub(super) fn external(order: OrderId) -> String {
        format!("{EXTERNAL}{order}")
    }
}

/// What the external ids of everything recorded here begin with.
pub(super) const EXTERNAL: &str = "probe-";
