//! Reads Adyen's webhooks: signatures over each item (standard notifications) or over the raw body (token life cycle), then the news in our words.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use payment::{
    Answer, Approval, Card, FactKind, GatewayName, GatewayReference, Identity, MerchantAccount, Money,
    Reference,
};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tracing::warn;

use super::config::{AdyenWebhookSettings, reference};
use super::declines::{self, Refusal};
use super::name;
use super::token::token;
use super::translate::{expiry, last_four, token_of, variant};
use super::wire::{NotificationItem, ReadAmount, StoredMethod, Webhook};
use crate::{News, NewsKind, WebhookError, WebhookReader, WebhookRequest};

/// Adyen's webhooks as a [`WebhookReader`].
///
/// The signature of an item covers references, amount, event and success, not `additionalData`: a token read from
/// there is as trustworthy as TLS and the basic authentication of `ADYEN_WEBHOOK_USER`.
pub struct AdyenWebhooks {
    keys: Vec<SecretSlice<u8>>,
    login: Option<SecretSlice<u8>>,
    live: bool,
    accounts: Vec<MerchantAccount>,
}

impl AdyenWebhooks {
    /// A reader that believes these keys.
    pub fn new(settings: AdyenWebhookSettings) -> Self {
        let AdyenWebhookSettings { keys, login, live, accounts } = settings;
        let keys =
            keys.iter().filter_map(|key| hex::decode(key.expose_secret()).ok()).map(Into::into).collect();
        let login = login.map(|login| STANDARD.encode(login.expose_secret()).into_bytes().into());
        Self { keys, login, live, accounts }
    }
}

impl WebhookReader for AdyenWebhooks {
    fn name(&self) -> GatewayName {
        name()
    }

    /// An item's [`News::id`] is its event code, `pspReference` and `success`, by which Adyen says that repetitions are told.
    fn read(&self, request: &WebhookRequest<'_>) -> Result<Vec<News>, WebhookError> {
        if !self.logged_in(request.headers) {
            return Err(WebhookError::Signature);
        }
        let webhook: Webhook = serde_json::from_slice(request.body).map_err(|error| {
            WebhookError::Unreadable(format!("not a notification: {:?}", error.classify()))
        })?;
        match &webhook.notification_items {
            Some(items) => {
                if !items.iter().all(|item| self.signed_item(&item.item)) {
                    return Err(WebhookError::Signature);
                }
                self.of_this_mode(webhook.live.as_deref(), "true")?;
                Ok(items.iter().flat_map(|item| self.item_news(&item.item, request.now)).collect())
            }
            None => {
                if !self.signed_body(request) {
                    return Err(WebhookError::Signature);
                }
                self.of_this_mode(webhook.environment.as_deref(), "live")?;
                Ok(vec![self.token_news(&webhook, request.now)?])
            }
        }
    }

    fn acknowledgement(&self) -> &'static str {
        "[accepted]"
    }
}

/// Where the newer kinds carry the signature of the whole body (base64, HMAC-SHA256).
const BODY_SIGNATURE: &str = "hmacsignature";

impl AdyenWebhooks {
    fn logged_in(&self, headers: &HeaderMap) -> bool {
        let Some(login) = &self.login else { return true };
        let sent = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes).unwrap_or_default();
        let sent = sent.strip_prefix(b"Basic ").unwrap_or_default();
        sent.ct_eq(login.expose_secret()).into()
    }

    fn signed_item(&self, item: &NotificationItem) -> bool {
        let signature = item.additional_data.get("hmacSignature").unwrap_or_default();
        self.signed(&signed_text(item), signature)
    }

    fn signed_body(&self, request: &WebhookRequest<'_>) -> bool {
        let signature = request.headers.get(BODY_SIGNATURE).and_then(|value| value.to_str().ok());
        self.signed(request.body, signature.unwrap_or_default())
    }

    /// Whether one of the live keys made this base64 signature; compared in constant time.
    fn signed(&self, text: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        self.keys.iter().any(|key| {
            Hmac::<Sha256>::new_from_slice(key.expose_secret())
                .is_ok_and(|mac| mac.chain_update(text).verify_slice(&signature).is_ok())
        })
    }

    fn of_this_mode(&self, said: Option<&str>, live: &str) -> Result<(), WebhookError> {
        match said {
            Some(said) if (said == live) != self.live => Err(WebhookError::WrongMode),
            _ => Ok(()),
        }
    }

    fn item_news(&self, item: &NotificationItem, now: Timestamp) -> Vec<News> {
        let event = item.event_code.clone().unwrap_or_default();
        let psp = item.psp_reference.as_deref();
        let success = item.success.as_deref().unwrap_or_default();
        let account = item.merchant_account_code.as_deref().and_then(|account| account.parse().ok());
        let told = if self.is_ours(account.as_ref()) { tell(item, &event) } else { Told::nothing() };
        let news = |id: String, kind: NewsKind| News {
            gateway: name(),
            id,
            event: event.clone(),
            at: item.event_date.as_deref().and_then(|at| at.parse().ok()).unwrap_or(now),
            account: account.clone(),
            attempt: told.attempt.clone(),
            payment: told.payment.clone(),
            kind,
        };
        let id = format!("{event}:{}:{success}", psp.unwrap_or_default());
        let also = told.also.map(|kind| news(format!("{id}:settled"), kind));
        std::iter::once(news(id, told.kind)).chain(also).collect()
    }

    fn token_news(&self, webhook: &Webhook, now: Timestamp) -> Result<News, WebhookError> {
        let unreadable = || WebhookError::Unreadable("neither items nor a type".to_owned());
        let event = webhook.r#type.clone().ok_or_else(unreadable)?;
        let data = webhook.data.as_ref();
        let account =
            data.and_then(|data| data.merchant_account.as_deref()).and_then(|account| account.parse().ok());
        let known = data.filter(|_| self.is_ours(account.as_ref())).and_then(|data| {
            let StoredMethod { shopper_reference, stored_payment_method_id, .. } = data;
            Some(token(shopper_reference.as_deref()?, stored_payment_method_id.as_deref()?))
        });
        let id = format!(
            "{event}:{}:{}",
            webhook.event_id.as_deref().unwrap_or_default(),
            data.and_then(|data| data.stored_payment_method_id.as_deref()).unwrap_or_default()
        );
        let kind = match (event.as_str(), known) {
            ("recurring.token.disabled", Some(token)) => NewsKind::TokenGone { token },
            ("recurring.token.updated", Some(token)) => {
                NewsKind::TokenUpdated { token, successor: None, card: None }
            }
            _ => NewsKind::Ignored,
        };
        Ok(News {
            gateway: name(),
            id,
            event,
            at: webhook.created_at.as_deref().and_then(|at| at.parse().ok()).unwrap_or(now),
            account,
            attempt: None,
            payment: None,
            kind,
        })
    }

    /// Whether an account is one of this deployment's; where no accounts were named, all are.
    fn is_ours(&self, account: Option<&MerchantAccount>) -> bool {
        self.accounts.is_empty() || account.is_none_or(|account| self.accounts.contains(account))
    }
}

/// What one item tells.
struct Told {
    attempt: Option<Identity>,
    payment: Option<GatewayReference>,
    kind: NewsKind,
    also: Option<NewsKind>,
}

impl Told {
    fn nothing() -> Self {
        Self { attempt: None, payment: None, kind: NewsKind::Ignored, also: None }
    }
}

fn tell(item: &NotificationItem, event: &str) -> Told {
    let attempt = item.merchant_reference.as_deref().and_then(Reference::identity);
    let psp = item.psp_reference.as_deref().and_then(reference);
    let original = item.original_reference.as_deref().and_then(reference);
    let done = item.success.as_deref() == Some("true");
    let fact = |kind, thing: &Option<GatewayReference>| match (thing, money(item.amount.as_ref())) {
        (Some(thing), Some(money)) => NewsKind::Fact { kind, thing: thing.clone(), money },
        _ => {
            warn!(
                gateway = "adyen",
                event, "A webhook without a reference or an amount tells nothing: {event}"
            );
            NewsKind::Ignored
        }
    };
    let refuted = || NewsKind::Settled(Answer::Declined(declines::not_done(event, original.clone())));
    let simple = |kind| Told { attempt: attempt.clone(), payment: original.clone(), kind, also: None };
    match (event, done) {
        ("AUTHORISATION", done) => {
            let kind = settled(item, attempt.as_ref(), psp.as_ref(), done);
            Told { attempt, payment: psp, kind, also: None }
        }
        ("CAPTURE", true) => simple(fact(FactKind::Captured, &psp)),
        ("CAPTURE", false) | ("CAPTURE_FAILED", _) => simple(fact(FactKind::CaptureFailed, &psp)),
        ("CANCELLATION", true) => simple(fact(FactKind::Cancelled, &original)),
        ("CANCELLATION", false) => simple(refuted()),
        // The void that nobody had an answer for: the attempt it took back is over, and holds nothing.
        ("TECHNICAL_CANCEL", true) => Told {
            attempt: attempt.as_ref().map(voided),
            payment: original.clone(),
            kind: fact(FactKind::Cancelled, &original),
            also: Some(refuted()),
        },
        ("CANCEL_OR_REFUND", true) => match item.additional_data.get("modification.action") {
            Some("refund") => simple(fact(FactKind::Refunded, &psp)),
            Some("cancel") => simple(fact(FactKind::Cancelled, &original)),
            _ => simple(NewsKind::Ignored),
        },
        ("REFUND" | "REFUND_WITH_DATA", true) => simple(fact(FactKind::Refunded, &psp)),
        ("REFUND" | "REFUND_WITH_DATA", false) | ("REFUND_FAILED" | "REFUNDED_REVERSED", _) => {
            simple(fact(FactKind::RefundFailed, &psp))
        }
        ("EXPIRE", true) => {
            let payment = original.clone().or(psp);
            let kind = fact(FactKind::Expired, &payment);
            Told { attempt, payment, kind, also: None }
        }
        ("CHARGEBACK" | "SECOND_CHARGEBACK" | "PREARBITRATION_LOST", true) => {
            simple(fact(FactKind::Disputed, &psp))
        }
        ("CHARGEBACK_REVERSED" | "PREARBITRATION_WON", true) => simple(fact(FactKind::DisputeReversed, &psp)),
        // Announcements, reports and reviews; the token of RECURRING_CONTRACT comes with the payment itself.
        _ => simple(NewsKind::Ignored),
    }
}

fn settled(
    item: &NotificationItem,
    attempt: Option<&Identity>,
    psp: Option<&GatewayReference>,
    done: bool,
) -> NewsKind {
    let data = &item.additional_data;
    if !done {
        let refusal = Refusal {
            code: None,
            words: item.reason.as_deref(),
            raw: data.get("refusalCodeRaw").or_else(|| data.get("refusalReasonRaw")),
            advice: data.get("merchantAdviceCode"),
        };
        return NewsKind::Settled(Answer::Declined(declines::decline(refusal, psp.cloned())));
    }
    let (Some(psp), Some(money)) = (psp, money(item.amount.as_ref())) else { return NewsKind::Ignored };
    NewsKind::Settled(Answer::Approved(Approval {
        reference: psp.clone(),
        money,
        captured: !money.is_zero() && charged_at_once(data.get("metadata.verb"), attempt),
        token: token_of(data, None),
        card: card(item),
        capture_before: None,
    }))
}

/// Adyen does not say whether a payment was captured by itself. We do: our verb comes back as metadata; without it,
/// orders are charged at once, and a renewal counts as held until its capture is heard of.
fn charged_at_once(verb: Option<&str>, attempt: Option<&Identity>) -> bool {
    match verb {
        Some(verb) => matches!(verb, "purchase" | "charge"),
        None => attempt.is_some_and(|attempt| attempt.as_str().starts_with("order/")),
    }
}

/// The attempt that a void by reference took back: Adyen repeats the payment's reference or the void's.
fn voided(attempt: &Identity) -> Identity {
    let base = attempt.as_str().strip_suffix("/cancel").and_then(|base| base.parse().ok());
    base.unwrap_or_else(|| attempt.clone())
}

/// `reason` of an approval is `authcode:last4:MM/YYYY`.
fn card(item: &NotificationItem) -> Option<Card> {
    let data = &item.additional_data;
    let mut parts = item.reason.as_deref().unwrap_or_default().split(':').skip(1);
    let (four, until) = (parts.next(), parts.next());
    Some(Card {
        variant: variant(item.payment_method.as_deref()?),
        last_four: data.get("cardSummary").or(four).and_then(last_four)?,
        expires: data.get("expiryDate").or(until).and_then(expiry),
    })
}

fn money(amount: Option<&ReadAmount>) -> Option<Money> {
    let amount = amount?;
    let minor = amount.value.as_deref()?.parse().ok().filter(|minor: &i64| *minor >= 0)?;
    Some(Money { minor, currency: amount.currency.as_deref()?.parse().ok()? })
}

/// `pspReference:originalReference:merchantAccountCode:merchantReference:value:currency:eventCode:success`, missing
/// parts empty, nothing escaped (the official libraries' `calculateHmac`).
fn signed_text(item: &NotificationItem) -> Vec<u8> {
    let amount = item.amount.as_ref();
    [
        item.psp_reference.as_deref(),
        item.original_reference.as_deref(),
        item.merchant_account_code.as_deref(),
        item.merchant_reference.as_deref(),
        amount.and_then(|amount| amount.value.as_deref()),
        amount.and_then(|amount| amount.currency.as_deref()),
        item.event_code.as_deref(),
        item.success.as_deref(),
    ]
    .map(Option::unwrap_or_default)
    .join(":")
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_text_is_adyens_own() {
        let item: NotificationItem = serde_json::from_str(
            r#"{"pspReference":"7914073381342284","merchantAccountCode":"TestMerchant",
                "merchantReference":"TestPayment-1407325143704","amount":{"value":1130,"currency":"EUR"},
                "eventCode":"AUTHORISATION","success":"true"}"#,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(signed_text(&item)).unwrap(),
            "7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true"
        );
    }

    #[test]
    fn a_void_by_reference_leads_back_to_what_it_voided() {
        let renewal: Identity = "renewal/332332332/20191107T195541Z/1".parse().unwrap();
        assert_eq!(voided(&renewal.cancel()), renewal);
        assert_eq!(voided(&renewal), renewal);
    }
}
