//! Stripe's webhooks: verified over the raw bytes, then read into news.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use payment::{Answer, Approval, Decline, FactKind, GatewayName, GatewayReference, Money, Reference};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::config::StripeWebhookSettings;
use super::declines::decline;
use super::translate::{self, Approved, CURRENCY, REFERENCE};
use super::wire::{
    ApiError, Charge, Dispute, Event, Metadata, PaymentIntent, PaymentMethod, Refund, RefundStatus,
    SetupIntent,
};
use super::{name, stored_card};
use crate::{News, NewsKind, WebhookError, WebhookReader, WebhookRequest};

/// A signature may be this old; only age is refused, as the official library does, because clocks differ.
const AGE_SECONDS_MAX: i64 = 300;

/// Reads Stripe's webhooks.
#[derive(Clone)]
pub struct StripeWebhooks {
    settings: StripeWebhookSettings,
}

impl StripeWebhooks {
    /// Believes what these secrets signed.
    pub fn new(settings: StripeWebhookSettings) -> Self {
        Self { settings }
    }

    /// `Stripe-Signature: t=<unix>,v1=<hex>[,v1=…]`, over `"{t}.{raw body}"`; any live secret may have made any `v1`.
    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), WebhookError> {
        let header = request.headers.get("stripe-signature").and_then(|value| value.to_str().ok());
        let parts: Vec<_> =
            header.unwrap_or_default().split(',').filter_map(|part| part.trim().split_once('=')).collect();
        let stamp = parts.iter().find(|(scheme, _)| *scheme == "t").map(|(_, value)| *value);
        let stamp = stamp.ok_or(WebhookError::Signature)?;
        let signed_at: i64 = stamp.parse().map_err(|_| WebhookError::Signature)?;
        let signatures = parts
            .iter()
            .filter(|(scheme, _)| *scheme == "v1")
            .filter_map(|(_, value)| hex::decode(value).ok());
        let made: Vec<_> = self
            .settings
            .secrets
            .iter()
            .filter_map(|secret| signature(secret.expose_secret().as_bytes(), stamp, request.body))
            .collect();
        let believed = signatures.fold(false, |believed, signature| {
            made.iter().fold(believed, |believed, made| believed | bool::from(made.ct_eq(&signature)))
        });
        if !believed {
            return Err(WebhookError::Signature);
        }
        let seconds = request.now.as_second().saturating_sub(signed_at);
        if seconds > AGE_SECONDS_MAX { Err(WebhookError::Stale { seconds }) } else { Ok(()) }
    }
}

/// `None` cannot occur, as HMAC takes keys of any length; were it to, nothing would match it.
fn signature(secret: &[u8], stamp: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac.finalize().into_bytes().to_vec())
}

impl WebhookReader for StripeWebhooks {
    fn name(&self) -> GatewayName {
        name()
    }

    fn read(&self, request: &WebhookRequest<'_>) -> Result<Vec<News>, WebhookError> {
        self.verify(request)?;
        // serde's own words name a place, never a value that was sent.
        let event: Event = serde_json::from_slice(request.body).map_err(|error| {
            WebhookError::Unreadable(format!("line {} column {}", error.line(), error.column()))
        })?;
        if event.livemode != self.settings.live {
            return Err(WebhookError::WrongMode);
        }
        Ok(news(&event))
    }

    fn acknowledgement(&self) -> &'static str {
        ""
    }
}

/// The news of one event; an event that says nothing to us is one that is ignored.
fn news(event: &Event) -> Vec<News> {
    let told = kinds(event).unwrap_or_default();
    if told.is_empty() {
        return vec![blank(event)];
    }
    let several = told.len() > 1;
    told.into_iter()
        .enumerate()
        .map(|(index, told)| News {
            id: if several { format!("{}/{index}", event.id) } else { event.id.clone() },
            attempt: told.metadata.get(REFERENCE).and_then(|text| Reference::identity(text)),
            payment: told.payment.as_deref().and_then(translate::reference),
            kind: told.kind,
            ..blank(event)
        })
        .collect()
}

fn blank(event: &Event) -> News {
    News {
        gateway: name(),
        id: event.id.clone(),
        event: event.kind.clone(),
        at: at(event),
        account: event.account.as_deref().and_then(|account| account.parse().ok()),
        attempt: None,
        payment: None,
        kind: NewsKind::Ignored,
    }
}

fn at(event: &Event) -> Timestamp {
    Timestamp::from_second(event.created).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// One thing that an event tells, with what our reference is read from.
struct Told {
    metadata: Metadata,
    payment: Option<String>,
    kind: NewsKind,
}

/// What an event tells; `None` where its object is not what its kind promises, or lacks what the news needs.
fn kinds(event: &Event) -> Option<Vec<Told>> {
    let object = &event.data.object;
    match event.kind.as_str() {
        "payment_intent.succeeded"
        | "payment_intent.amount_capturable_updated"
        | "payment_intent.payment_failed"
        | "payment_intent.canceled" => of_payment(&event.kind, read(object)?),
        "setup_intent.succeeded" | "setup_intent.setup_failed" | "setup_intent.canceled" => {
            of_setup(&event.kind, read(object)?)
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            of_refund(read(object)?, None).map(|told| vec![told])
        }
        // The charge says how much was returned in all; only its refunds, where they are inside, say which.
        "charge.refunded" => of_refunded_charge(read(object)?),
        "charge.expired" => of_expired_charge(read(object)?).map(|told| vec![told]),
        "charge.dispute.created"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => of_dispute(&event.kind, read(object)?).map(|told| vec![told]),
        "payment_method.automatically_updated" | "payment_method.updated" => of_updated_card(read(object)?),
        "payment_method.detached" => of_detached_card(event, read(object)?),
        _ => None,
    }
}

fn of_payment(event: &str, intent: PaymentIntent) -> Option<Vec<Told>> {
    let id = translate::reference(&intent.id)?;
    let currency = intent.currency.as_deref();
    let held_first = intent.capture_method.as_deref() == Some("manual");
    let approved = |captured| -> Option<NewsKind> {
        Some(NewsKind::Settled(Answer::Approved(Approval::from(Approved {
            reference: id.clone(),
            money: translate::money(intent.amount, currency)?,
            captured,
            kept: intent.kept(),
            card: intent.card(),
        }))))
    };
    let fact = |kind, minor| -> Option<NewsKind> {
        Some(NewsKind::Fact { kind, thing: id.clone(), money: translate::money(minor, currency)? })
    };
    let kind = match event {
        "payment_intent.succeeded" if held_first => fact(FactKind::Captured, intent.amount_received)?,
        "payment_intent.succeeded" => approved(true)?,
        "payment_intent.amount_capturable_updated" => approved(false)?,
        // A hold that was let go, by us or by time. Without one there was no answer yet, and now it is no.
        "payment_intent.canceled" if held_first && intent.last_payment_error.is_none() => {
            let lapsed = matches!(intent.cancellation_reason.as_deref(), Some("automatic" | "expired"));
            fact(if lapsed { FactKind::Expired } else { FactKind::Cancelled }, intent.amount)?
        }
        _ => NewsKind::Settled(Answer::Declined(refused(intent.last_payment_error.as_ref(), id.clone()))),
    };
    Some(vec![Told { payment: Some(intent.id.clone()), metadata: intent.metadata.clone(), kind }])
}

fn of_setup(event: &str, setup: SetupIntent) -> Option<Vec<Told>> {
    let reference = translate::reference(&setup.id)?;
    let kind = if event == "setup_intent.succeeded" {
        NewsKind::Settled(Answer::Approved(Approval::from(Approved {
            reference,
            money: Money { minor: 0, currency: setup.metadata.get(CURRENCY)?.parse().ok()? },
            captured: false,
            kept: setup.kept(),
            card: setup.card(),
        })))
    } else {
        NewsKind::Settled(Answer::Declined(refused(setup.last_setup_error.as_ref(), reference)))
    };
    Some(vec![Told { payment: Some(setup.id.clone()), metadata: setup.metadata, kind }])
}

/// A refusal, or a buyer who never finished.
fn refused(error: Option<&ApiError>, reference: GatewayReference) -> Decline {
    match error {
        Some(error) => decline(error, Some(reference)),
        None => translate::given_up("none", reference),
    }
}

fn of_refund(refund: Refund, charged: Option<&str>) -> Option<Told> {
    let kind = match refund.status {
        RefundStatus::Succeeded | RefundStatus::Pending => FactKind::Refunded,
        RefundStatus::Failed | RefundStatus::Canceled => FactKind::RefundFailed,
        RefundStatus::RequiresAction | RefundStatus::Other => return None,
    };
    let thing = translate::reference(&refund.id)?;
    let money = translate::money(refund.amount, refund.currency.as_deref())?;
    let payment = refund.payment_intent.as_ref().map(|link| link.id()).or(charged).map(str::to_owned);
    Some(Told { metadata: refund.metadata, payment, kind: NewsKind::Fact { kind, thing, money } })
}

fn of_refunded_charge(charge: Charge) -> Option<Vec<Told>> {
    let payment = charge.payment_intent.as_ref().map(|link| link.id().to_owned());
    Some(
        charge.refunds?.data.into_iter().filter_map(|refund| of_refund(refund, payment.as_deref())).collect(),
    )
}

fn of_expired_charge(charge: Charge) -> Option<Told> {
    let payment = charge.payment_intent?.id().to_owned();
    let money = translate::money(charge.amount, charge.currency.as_deref())?;
    let thing = translate::reference(&payment)?;
    let kind = NewsKind::Fact { kind: FactKind::Expired, thing, money };
    Some(Told { metadata: charge.metadata, payment: Some(payment), kind })
}

fn of_dispute(event: &str, dispute: Dispute) -> Option<Told> {
    let status = dispute.status.as_deref().unwrap_or_default();
    let kind = match (event, status) {
        // An inquiry takes no money.
        (_, status) if status.starts_with("warning_") || status == "prevented" => return None,
        ("charge.dispute.funds_reinstated", _) | ("charge.dispute.closed", "won") => {
            FactKind::DisputeReversed
        }
        _ => FactKind::Disputed,
    };
    let thing = translate::reference(&dispute.id)?;
    let money = translate::money(dispute.amount, dispute.currency.as_deref())?;
    // A dispute carries none of our words: it is found by the payment.
    let payment = dispute.payment_intent.map(|link| link.id().to_owned());
    Some(Told { metadata: Metadata::new(), payment, kind: NewsKind::Fact { kind, thing, money } })
}

fn of_updated_card(card: PaymentMethod) -> Option<Vec<Told>> {
    let token = stored_card::token(card.customer?.id(), card.id.as_deref()?);
    let card = card.card.as_ref().and_then(translate::card);
    Some(vec![about_a_token(NewsKind::TokenUpdated { token, successor: None, card })])
}

fn of_detached_card(event: &Event, card: PaymentMethod) -> Option<Vec<Told>> {
    // The card itself no longer says whose it was; what it said before does.
    let before = event.data.previous_attributes.as_ref()?.customer.as_ref()?;
    Some(vec![about_a_token(NewsKind::TokenGone {
        token: stored_card::token(before.id(), card.id.as_deref()?),
    })])
}

fn about_a_token(kind: NewsKind) -> Told {
    Told { metadata: Metadata::new(), payment: None, kind }
}

fn read<T: DeserializeOwned>(object: &Value) -> Option<T> {
    T::deserialize(object).ok()
}
