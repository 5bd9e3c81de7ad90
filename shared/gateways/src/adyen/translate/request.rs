//! What is asked: a pure function of the intention, so that the same intention is asked in the same words again.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use payment::{GatewayReference, IdempotencyKey, Intention, Money, Target, Verb};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::Operation;
use crate::adyen::config::AdyenSettings;
use crate::adyen::name;
use crate::adyen::payment_data;
use crate::adyen::token::{StoredCard, shopper};
use crate::adyen::wire::{
    Amount, CancelByReferenceRequest, DetailsRequest, ManualCapture, Metadata, ModificationRequest,
    PaymentMethod, PaymentMethodsRequest, PaymentRequest, Present,
};
use crate::{Buyer, BuyerReturn, GatewayError};

/// Builds the whole request of an operation.
pub(in crate::adyen) fn request(
    settings: &AdyenSettings,
    operation: &Operation<'_>,
) -> Result<Request<Bytes>, GatewayError> {
    let builder = Builder { settings };
    match *operation {
        Operation::Checkout(ask) => {
            let body = PaymentMethodsRequest {
                merchant_account: settings.account(ask.account.as_ref()).as_str(),
                amount: amount(&ask.money),
                country_code: ask.country.as_deref(),
                channel: WEB,
            };
            builder.post(&["paymentMethods"], None, &body)
        }
        Operation::Pay { ask, buyer } => builder.pay(ask, buyer),
        Operation::Details { ask, returned } => builder.details(ask, returned),
        Operation::OffSession(ask) => builder.off_session(ask),
        Operation::Capture(ask) => builder.modification(ask, "captures", true),
        Operation::Cancel(ask) => builder.modification(ask, "cancels", false),
        Operation::Refund(ask) => builder.modification(ask, "refunds", true),
        Operation::VoidByReference(ask) => {
            let reference = ask.identity.reference();
            let body = CancelByReferenceRequest {
                merchant_account: builder.account(ask),
                payment_reference: reference.as_str(),
            };
            builder.post(&["cancels"], Some(&ask.identity.key_for("void")), &body)
        }
        Operation::Forget { token, customer, account } => {
            let card = StoredCard::read(token, customer).ok_or_else(|| builder.bad(OTHERS_CARD))?;
            let mut url = builder.url(&["storedPaymentMethods", &card.id]);
            url.query_pairs_mut()
                .append_pair("shopperReference", &card.shopper)
                .append_pair("merchantAccount", settings.account(account).as_str());
            builder.build(Method::DELETE, &url, None, Bytes::new())
        }
    }
}

const WEB: &str = "Web";
const SUBSCRIPTION: &str = "Subscription";
const BROWSER_INCOMPLETE: &str = "browserInfo must have acceptHeader, colorDepth, javaEnabled, language, screenHeight, screenWidth, timeZoneOffset and userAgent";
const ADDRESS_INCOMPLETE: &str =
    "billingAddress must have city, country, houseNumberOrName, postalCode and street";
const OTHERS_CARD: &str = "the stored card belongs to another customer";
/// The API wants a return address of every payment, and nobody is there to return: a name that never resolves (RFC 2606).
const NOBODY_RETURNS: &str = "https://shopper-absent.invalid/";
/// What a page may bring back (`PaymentCompletionDetails`), as far as cards, wallets and redirects use it.
const RETURN_DETAILS: [&str; 6] = [
    "redirectResult",
    "threeDSResult",
    "payload",
    "threeds2.fingerprint",
    "threeds2.challengeResult",
    "returnUrlQueryString",
];

struct Builder<'a> {
    settings: &'a AdyenSettings,
}

impl Builder<'_> {
    fn pay(&self, ask: &Intention, buyer: &Buyer) -> Result<Request<Bytes>, GatewayError> {
        if ask.target != Target::Buyer || !ask.verb.buyer_present() {
            return Err(self.misused());
        }
        let method = payment_data::checked(&buyer.payment_method).map_err(|why| self.bad(why))?;
        for extra in [&buyer.browser, &buyer.billing_address].into_iter().flatten() {
            payment_data::without_card_number(extra).map_err(|why| self.bad(why))?;
        }
        let present = Present {
            store_payment_method: true,
            channel: WEB,
            origin: buyer.origin.as_ref().map(|origin| origin.origin().ascii_serialization()),
            browser_info: self.part(buyer.browser.as_ref(), BROWSER_INCOMPLETE)?,
            shopper_ip: buyer.ip,
            billing_address: self.part(buyer.billing_address.as_ref(), ADDRESS_INCOMPLETE)?,
            country_code: buyer.country.as_deref(),
        };
        let shopper = shopper(ask.customer);
        self.payment(ask, PaymentMethod::FromPage(method), &shopper, buyer.return_url.as_str(), Some(present))
    }

    fn off_session(&self, ask: &Intention) -> Result<Request<Bytes>, GatewayError> {
        let Target::Token(token) = &ask.target else { return Err(self.misused()) };
        if !matches!(ask.verb, Verb::Authorise | Verb::Charge) {
            return Err(self.misused());
        }
        let card = StoredCard::read(token, ask.customer).ok_or_else(|| self.bad(OTHERS_CARD))?;
        let method = PaymentMethod::Stored { r#type: "scheme", stored_payment_method_id: &card.id };
        self.payment(ask, method, &card.shopper, NOBODY_RETURNS, None)
    }

    fn payment(
        &self,
        ask: &Intention,
        payment_method: PaymentMethod<'_>,
        shopper: &str,
        return_url: &str,
        present: Option<Present<'_>>,
    ) -> Result<Request<Bytes>, GatewayError> {
        let reference = ask.identity.reference();
        let hold_only = ask.verb == Verb::Authorise;
        let body = PaymentRequest {
            merchant_account: self.account(ask),
            amount: amount(&ask.money),
            reference: reference.as_str(),
            return_url,
            payment_method,
            shopper_reference: shopper,
            shopper_interaction: if present.is_some() { "Ecommerce" } else { "ContAuth" },
            recurring_processing_model: SUBSCRIPTION,
            additional_data: hold_only.then_some(ManualCapture { manual_capture: "true" }),
            metadata: Metadata {
                verb: ask.verb.as_str(),
                order_id: ask.order.map(|order| order.to_string()),
            },
            present,
        };
        self.post(&["payments"], Some(&ask.identity.key()), &body)
    }

    /// The fingerprint and the challenge of one payment are two calls of one attempt: each has its own key, which
    /// follows from what the page brought, so that the same return is the same call.
    fn details(&self, ask: &Intention, returned: &BuyerReturn) -> Result<Request<Bytes>, GatewayError> {
        let fields = returned.details.get("details").unwrap_or(&returned.details);
        let fields = fields.as_object().ok_or_else(|| self.bad("the details are not an object"))?;
        payment_data::without_card_number(&returned.details).map_err(|why| self.bad(why))?;
        let mut details = BTreeMap::new();
        for (name, value) in fields.iter().filter(|(name, _)| *name != "paymentData") {
            let known = RETURN_DETAILS.contains(&name.as_str());
            let text = value.as_str().filter(|text| known && !text.is_empty());
            details
                .insert(name.as_str(), text.ok_or_else(|| self.bad("the details hold something unknown"))?);
        }
        if details.is_empty() {
            return Err(self.bad("the details are empty"));
        }
        let payment_data = returned.details.get("paymentData").and_then(Value::as_str);
        let digest = hex::encode(Sha256::digest(format!("{details:?}").as_bytes()));
        let key = ask.identity.key_for(&format!("details/{digest}"));
        self.post(&["payments", "details"], Some(&key), &DetailsRequest { details, payment_data })
    }

    fn modification(
        &self,
        ask: &Intention,
        step: &str,
        with_amount: bool,
    ) -> Result<Request<Bytes>, GatewayError> {
        let Target::Payment(payment) = &ask.target else { return Err(self.misused()) };
        let reference = ask.identity.reference();
        let body = ModificationRequest {
            merchant_account: self.account(ask),
            reference: reference.as_str(),
            amount: with_amount.then(|| amount(&ask.money)),
        };
        self.post(&["payments", GatewayReference::as_str(payment), step], Some(&ask.identity.key()), &body)
    }

    fn account<'b>(&'b self, ask: &'b Intention) -> &'b str {
        self.settings.account(ask.account.as_ref()).as_str()
    }

    fn post(
        &self,
        path: &[&str],
        key: Option<&IdempotencyKey>,
        body: &impl Serialize,
    ) -> Result<Request<Bytes>, GatewayError> {
        let body = serde_json::to_vec(body).map_err(|_| self.misused())?;
        self.build(Method::POST, &self.url(path), key, Bytes::from(body))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.settings.api_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        url
    }

    fn build(
        &self,
        method: Method,
        url: &Url,
        key: Option<&IdempotencyKey>,
        body: Bytes,
    ) -> Result<Request<Bytes>, GatewayError> {
        let mut secret =
            HeaderValue::from_str(self.settings.api_key.expose_secret()).map_err(|_| self.misused())?;
        secret.set_sensitive(true);
        let mut request = Request::builder().method(method).uri(url.as_str()).header("x-api-key", secret);
        request = request.header(ACCEPT, "application/json");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key.as_str());
        }
        request.body(body).map_err(|_| self.misused())
    }

    /// A part of what the page sent that Adyen takes whole or not at all.
    fn part<'a, T: Deserialize<'a>>(
        &self,
        sent: Option<&'a Value>,
        incomplete: &str,
    ) -> Result<Option<T>, GatewayError> {
        sent.map(|sent| T::deserialize(sent).map_err(|_| self.bad(incomplete))).transpose()
    }

    fn bad(&self, why: &str) -> GatewayError {
        GatewayError::BadPaymentData { gateway: name(), why: why.to_owned() }
    }

    /// Verb and target do not belong together, or a setting cannot stand in a request: ours to repair.
    fn misused(&self) -> GatewayError {
        let code = "not a request that can be built".to_owned();
        GatewayError::Misconfigured { gateway: name(), status: 0, code }
    }
}

fn amount(money: &Money) -> Amount<'_> {
    Amount { value: money.minor, currency: money.currency.as_str() }
}
