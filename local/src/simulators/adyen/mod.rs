//! A simulator of Adyen's Checkout API v71: its rules, its ledger, its signed webhooks, and what a person can make happen there.
//!
//! # Cards
//!
//! The page sends `encryptedCardNumber` with one of these names; a wallet's token pays like `test_visa`.
//!
//! | name | what happens |
//! |---|---|
//! | `test_visa`, `test_mastercard`, `test_amex` | pays |
//! | `test_3ds_challenge` | fingerprint, then challenge (threeDS2 actions), then pays |
//! | `test_3ds_frictionless` | fingerprint, then pays: the bank asks the buyer nothing |
//! | `test_3ds_redirect` | redirect, then pays |
//! | `test_declined_12` | refused with Adyen's reason 12; `test_declined_2_R1`, `test_declined_2_05_03`: with the bank's raw code, and with the network's advice |
//! | `test_error`, `test_pending` | `Error`; `Pending`, settled by webhook |
//! | `test_visa_later_…` | pays and is kept; renewals then behave as `declined_12`, `3ds_challenge`, `error`, `pending` say; `…_times_2`: that often, then pay |
//!
//! After 3-D Secure `POST /payments/details` takes `redirectResult` or `threeDSResult` = `{pspReference}.authorised`
//! (or `.refused`, `.cancelled`, `.error`); without the last part the result is what the control route chose, else authorised.
//! An action's `token` is the pspReference; a redirect leads to a page here that offers the choices.
//!
//! # Control, `/_simulator/…`, JSON
//!
//! | route | body | does |
//! |---|---|---|
//! | `GET state` | | payments, stored cards, waiting webhooks, violations |
//! | `POST next` | `{"fault":"500_before","path":"captures","times":1}` | the next requests (whose path contains `path`) fail: `500_before`, `500_after` (acts first), `429`, `empty_before`, `empty_after`, `html_before`, `html_after`, `401`, `in_flight` |
//! | `POST stored/{id}` | `{"behaviour":"12","times":2}` | how a stored card pays: `approve`, a refusal code, `error`, `pending`, `3ds_challenge` |
//! | `POST stored/{id}/disabled`, `…/updated` | | the network did that; a token webhook follows |
//! | `POST payments/{psp}/result` | `{"result":"refused"}` | what 3-D Secure or a pending payment will come to; a pending one is settled at once |
//! | `POST payments/{psp}/capture-failed`, `…/refund-failed`, `…/capture-retried` | | the last one fails late; the failed capture is done again and succeeds |
//! | `POST payments/{psp}/chargeback`, `…/chargeback-reversed`, `…/second-chargeback`, `…/expire` | | what banks and schemes do |
//! | `POST payments/{psp}/refund` | `{"minor":100}` | a refund made by hand in the Customer Area |
//! | `POST webhooks` | `{"delay_seconds":60,"copies":2,"spread_seconds":30}` | webhooks from now on are late, doubled, out of order |
//! | `POST deliveries/{id}` | `{"status":200}` | acknowledges, or makes it come again |

mod answer;
mod api;
mod bank;
mod cards;
mod control;
mod faults;
mod modifications;
mod notifications;
mod payments;
mod schema;
mod state;
mod stored;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use secrecy::SecretString;

use self::state::State;
use super::{Delivery, GatewayPayment, GatewaySimulator, Simulator};

/// The account that the simulator plays.
#[derive(Clone, Debug)]
pub struct AdyenAccount {
    /// What `X-API-Key` must be.
    pub api_key: SecretString,
    /// The merchant accounts that exist.
    pub merchant_accounts: Vec<String>,
    /// The key that signs webhooks, in hexadecimal digits.
    pub hmac_key: SecretString,
    /// User and password that webhooks carry.
    pub webhook_login: Option<(String, SecretString)>,
    /// What webhooks say of themselves.
    pub live: bool,
}

impl Default for AdyenAccount {
    /// A test account, with the HMAC key of Adyen's own documentation.
    fn default() -> Self {
        Self {
            api_key: SecretString::from("simulated-adyen-api-key"),
            merchant_accounts: vec!["SimulatedMerchant".to_owned()],
            hmac_key: SecretString::from("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"),
            webhook_login: None,
            live: false,
        }
    }
}

/// Adyen, simulated.
pub struct AdyenSimulator {
    account: AdyenAccount,
    state: Mutex<State>,
}

impl AdyenSimulator {
    /// An empty Adyen with this account.
    pub fn new(account: AdyenAccount) -> Self {
        Self { account, state: Mutex::new(State::default()) }
    }

    /// What requests did that the official description or Adyen's rules forbid; empty for a correct client.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// A panic of another thread leaves a whole state behind: every change is made under the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator for AdyenSimulator {
    fn handle(&self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
        let mut state = self.state();
        match request.uri().path().split_once("/_simulator/") {
            Some((_, route)) => control::control(&self.account, &mut state, now, route, &request),
            None => api::api(&self.account, &mut state, now, &request),
        }
    }

    fn deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        self.state().outbox.due(now)
    }
}

impl GatewaySimulator for AdyenSimulator {
    fn payments(&self) -> Vec<GatewayPayment> {
        self.state().payments.iter().map(state::Payment::as_seen).collect()
    }

    fn keeps(&self, card: &str) -> bool {
        self.state().stored.get(card).is_some_and(|stored| !stored.disabled)
    }

    fn owner(&self, token: &str) -> Option<String> {
        let (shopper, card) = token.split_once('|')?;
        let state = self.state();
        let stored = state.stored.get(card).filter(|stored| stored.shopper == shopper)?;
        stored.shopper.strip_prefix("cleeng-").map(str::to_owned)
    }
}
