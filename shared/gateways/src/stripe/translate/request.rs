//! The requests: each operation's method, path, parameters and key. Only parameters that both pinned descriptions take.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use jiff::SignedDuration;
use payment::{CustomerId, GatewayReference, IdempotencyKey, Identity, Intention, Verb};
use url::Url;

use crate::GatewayError;
use crate::stripe::config::StripeSettings;
use crate::stripe::form::Form;
use crate::stripe::page::PaymentData;
use crate::stripe::stored_card::StoredCard;
use crate::stripe::{API_VERSION, name};

/// One call to Stripe.
pub(in crate::stripe) enum Operation<'a> {
    /// Makes Stripe's customer for Cleeng's.
    MakeCustomer(CustomerId),
    /// Buyer present: charges ([`Verb::Purchase`]) or checks at zero ([`Verb::Verify`]), and keeps the card.
    Confirm { ask: &'a Intention, page: &'a PaymentData, customer: &'a str, return_url: &'a Url },
    /// Buyer away: holds ([`Verb::Authorise`]) or charges ([`Verb::Charge`]) a stored card.
    ChargeStored { ask: &'a Intention, customer: &'a str, payment_method: &'a str },
    /// Takes what was authorised.
    Capture { ask: &'a Intention, payment: &'a GatewayReference },
    /// Lets go what was authorised.
    Cancel { ask: &'a Intention, payment: &'a GatewayReference },
    /// Closes what a buyer left unfinished, so that it cannot be paid any more.
    Abandon { ask: &'a Intention, left: &'a GatewayReference },
    /// Returns what was captured.
    Refund { ask: &'a Intention, payment: &'a GatewayReference },
    /// Reads a payment, a set-up or a refund by its id.
    Read(&'a GatewayReference),
    /// Finds payments by our reference. The index lags by about a minute.
    SearchPayments(&'a Intention),
    /// A customer's payments since the intention began; not lagging.
    ListPayments { ask: &'a Intention, customer: &'a str },
    /// Stripe's customers of Cleeng's customer. The index lags by about a minute.
    SearchCustomers(CustomerId),
    /// A customer's set-ups since the intention began.
    ListSetups { ask: &'a Intention, customer: &'a str },
    /// All refunds of a payment.
    ListRefunds(&'a GatewayReference),
    /// Removes a stored card from its customer.
    Detach { customer: CustomerId, payment_method: &'a str },
    /// Reads a stored card.
    ReadCard(&'a str),
    /// Reads Stripe's customer.
    ReadCustomer(&'a str),
}

/// Our words in Stripe's `metadata`; it comes back in every answer, search and webhook.
pub(in crate::stripe) const REFERENCE: &str = "reference";
/// Cleeng's customer, checked in every answer.
pub(in crate::stripe) const CUSTOMER: &str = "cleeng_customer_id";
/// A set-up has no currency of its own; its webhook must name one.
pub(in crate::stripe) const CURRENCY: &str = "currency";
/// The order that a payment pays.
pub(in crate::stripe) const ORDER: &str = "cleeng_order_id";

/// How far our clock may be ahead of Stripe's when a list is asked by time.
const CLOCK_DIFFERENCE_MAX: SignedDuration = SignedDuration::from_mins(10);

/// The whole request, ready to be sent.
pub(in crate::stripe) fn request(
    settings: &StripeSettings,
    operation: &Operation<'_>,
) -> Result<http::Request<Bytes>, GatewayError> {
    let path = path(operation);
    let form = parameters(operation);
    let mut url = settings.api.clone();
    let whole = format!("{}/v1/{path}", url.path().trim_end_matches('/'));
    url.set_path(&whole);
    let key = key(operation);
    let mut request = http::Request::builder()
        .header(header::AUTHORIZATION, settings.authorisation.clone())
        .header("stripe-version", HeaderValue::from_static(API_VERSION));
    let body = match key {
        Some(key) => {
            request = request
                .method(Method::POST)
                .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
                .header("idempotency-key", key.as_str());
            Bytes::from(form.encode())
        }
        None => {
            url.set_query((!form.is_empty()).then(|| form.encode()).as_deref());
            Bytes::new()
        }
    };
    request.uri(url.as_str()).body(body).map_err(|_| GatewayError::Misconfigured {
        gateway: name(),
        status: 0,
        code: "request_not_built".to_owned(),
    })
}

fn path(operation: &Operation<'_>) -> Cow<'static, str> {
    match operation {
        Operation::MakeCustomer(_) => "customers".into(),
        Operation::Confirm { ask, .. } if ask.verb == Verb::Verify => "setup_intents".into(),
        Operation::Confirm { .. } | Operation::ChargeStored { .. } | Operation::ListPayments { .. } => {
            "payment_intents".into()
        }
        Operation::Capture { payment, .. } => format!("payment_intents/{payment}/capture").into(),
        Operation::Cancel { payment, .. } => format!("payment_intents/{payment}/cancel").into(),
        Operation::Abandon { left, .. } => format!("{}/{left}/cancel", collection(left)).into(),
        Operation::Refund { .. } | Operation::ListRefunds(_) => "refunds".into(),
        Operation::Read(id) => format!("{}/{id}", collection(id)).into(),
        Operation::SearchPayments(_) => "payment_intents/search".into(),
        Operation::SearchCustomers(_) => "customers/search".into(),
        Operation::ListSetups { .. } => "setup_intents".into(),
        Operation::Detach { payment_method, .. } => format!("payment_methods/{payment_method}/detach").into(),
        Operation::ReadCard(payment_method) => format!("payment_methods/{payment_method}").into(),
        Operation::ReadCustomer(customer) => format!("customers/{customer}").into(),
    }
}

/// Stripe's ids say what they are of.
fn collection(id: &GatewayReference) -> &'static str {
    match id.as_str().split_once('_') {
        Some(("seti", _)) => "setup_intents",
        _ => "payment_intents",
    }
}

/// The key of a write; a read has none. It depends on the business alone, never on time, chance or what is sent.
fn key(operation: &Operation<'_>) -> Option<IdempotencyKey> {
    match operation {
        // One key for each of Cleeng's customers, so that checkout and payment make the same Stripe customer.
        Operation::MakeCustomer(customer) => Some(Identity::details(*customer, 0).key_for("customer")),
        Operation::Confirm { ask, .. }
        | Operation::ChargeStored { ask, .. }
        | Operation::Capture { ask, .. }
        | Operation::Cancel { ask, .. }
        | Operation::Refund { ask, .. } => Some(ask.identity.key()),
        Operation::Abandon { ask, .. } => Some(ask.identity.key_for("abandon")),
        Operation::Detach { customer, payment_method } => {
            Some(Identity::details(*customer, 0).key_for(&format!("detach/{payment_method}")))
        }
        Operation::Read(_)
        | Operation::SearchPayments(_)
        | Operation::ListPayments { .. }
        | Operation::SearchCustomers(_)
        | Operation::ListSetups { .. }
        | Operation::ListRefunds(_)
        | Operation::ReadCard(_)
        | Operation::ReadCustomer(_) => None,
    }
}

fn parameters(operation: &Operation<'_>) -> Form {
    let form = Form::default();
    match operation {
        Operation::MakeCustomer(customer) => form.with(member(CUSTOMER), customer.to_string()),
        Operation::Confirm { ask, page, customer, return_url } => {
            let form = match ask.verb {
                Verb::Verify => form
                    .with("usage", "off_session")
                    .with(member(CURRENCY), ask.money.currency.to_lower_case()),
                _ => amount(form, ask)
                    .with("capture_method", "automatic")
                    .with("setup_future_usage", "off_session"),
            };
            let form = form
                .with("customer", (*customer).to_owned())
                .with("confirm", "true")
                .with("automatic_payment_methods[enabled]", "true")
                .with("return_url", return_url.to_string())
                .with("use_stripe_sdk", "true");
            let form = match page {
                PaymentData::PaymentMethod(id) => form.with("payment_method", id.clone()),
                PaymentData::ConfirmationToken(id) => form.with("confirmation_token", id.clone()),
            };
            let expand = if ask.verb == Verb::Verify { "payment_method" } else { "latest_charge" };
            ours(form, ask).with("expand[]", expand)
        }
        Operation::ChargeStored { ask, customer, payment_method } => {
            let capture = if ask.verb == Verb::Authorise { "manual" } else { "automatic" };
            let form = amount(form, ask)
                .with("customer", (*customer).to_owned())
                .with("payment_method", (*payment_method).to_owned())
                .with("confirm", "true")
                .with("off_session", "true")
                .with("capture_method", capture)
                .with("automatic_payment_methods[enabled]", "true")
                .with("automatic_payment_methods[allow_redirects]", "never");
            ours(form, ask).with("expand[]", "latest_charge")
        }
        // No metadata here: it would overwrite the payment's own, by which it is found.
        Operation::Capture { ask, .. } => {
            form.with("amount_to_capture", ask.money.minor.to_string()).with("expand[]", "latest_charge")
        }
        Operation::Cancel { .. } | Operation::Abandon { .. } => form.with("cancellation_reason", "abandoned"),
        Operation::Refund { ask, payment } => {
            let form =
                form.with("payment_intent", payment.to_string()).with("amount", ask.money.minor.to_string());
            ours(form, ask)
        }
        Operation::Read(id) if collection(id) == "payment_intents" => form.with("expand[]", "latest_charge"),
        Operation::Read(id) if collection(id) == "setup_intents" => form.with("expand[]", "payment_method"),
        Operation::SearchPayments(ask) => {
            let query = format!("metadata['{REFERENCE}']:'{}'", ask.identity.reference().as_str());
            form.with("query", query).with("limit", PAGE_SIZE).with("expand[]", "data.latest_charge")
        }
        Operation::ListPayments { ask, customer } => {
            since(form, ask, customer).with("expand[]", "data.latest_charge")
        }
        Operation::SearchCustomers(customer) => {
            form.with("query", format!("metadata['{CUSTOMER}']:'{customer}'")).with("limit", PAGE_SIZE)
        }
        Operation::ListSetups { ask, customer } => {
            since(form, ask, customer).with("expand[]", "data.payment_method")
        }
        Operation::ListRefunds(payment) => {
            form.with("payment_intent", payment.to_string()).with("limit", PAGE_SIZE)
        }
        Operation::Read(_)
        | Operation::Detach { .. }
        | Operation::ReadCard(_)
        | Operation::ReadCustomer(_) => form,
    }
}

/// Stripe's largest page: one customer's payments of one day, or one payment's refunds, fit it many times over.
const PAGE_SIZE: &str = "100";

fn since(form: Form, ask: &Intention, customer: &str) -> Form {
    let since = ask.began.as_second().saturating_sub(CLOCK_DIFFERENCE_MAX.as_secs());
    form.with("customer", customer.to_owned())
        .with("created[gte]", since.to_string())
        .with("limit", PAGE_SIZE)
}

fn amount(form: Form, ask: &Intention) -> Form {
    form.with("amount", ask.money.minor.to_string()).with("currency", ask.money.currency.to_lower_case())
}

/// What lets every later answer, search and webhook be recognised as this attempt's.
fn ours(form: Form, ask: &Intention) -> Form {
    let form = form
        .with(member(REFERENCE), ask.identity.reference().as_str().to_owned())
        .with(member(CUSTOMER), ask.customer.to_string());
    match ask.order {
        Some(order) => form.with(member(ORDER), order.to_string()),
        None => form,
    }
}

fn member(name: &str) -> String {
    format!("metadata[{name}]")
}

impl<'a> Operation<'a> {
    /// Charges or holds a stored card; `None` where the token names no card.
    pub(in crate::stripe) fn charge_stored(ask: &'a Intention, card: StoredCard<'a>) -> Option<Self> {
        let StoredCard { customer, payment_method } = card;
        payment_method.map(|payment_method| Self::ChargeStored { ask, customer, payment_method })
    }
}
