//! Stripe's JSON of its objects.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cards::Behaviour;
use super::state::{Charge, Customer, Dispute, Payment, Refund, Setup, State, StoredCard};

impl State {
    /// A payment; `expanded` puts its latest charge inside.
    pub(super) fn payment(&self, payment: &Payment, expanded: bool) -> Value {
        let charge = payment.charge.as_ref().map(|charge| {
            if expanded { self.charge(payment, charge) } else { Value::from(charge.id.as_str()) }
        });
        json!({
            "id": payment.id,
            "object": "payment_intent",
            "amount": payment.amount,
            "amount_capturable": payment.capturable(),
            "amount_received": payment.received,
            "automatic_payment_methods": { "enabled": true },
            "canceled_at": payment.cancelled.as_ref().map(|(at, _)| at.as_second()),
            "cancellation_reason": payment.cancelled.as_ref().map(|(_, why)| why),
            "capture_method": if payment.manual { "manual" } else { "automatic" },
            "client_secret": format!("{}_secret_simulated", payment.id),
            "confirmation_method": "automatic",
            "created": payment.created.as_second(),
            "currency": payment.currency,
            "customer": payment.customer,
            "description": null,
            "last_payment_error": payment.error,
            "latest_charge": charge,
            "livemode": self.live,
            "metadata": payment.metadata,
            "next_action": next_action(&payment.id, payment.status, payment.redirect_to.as_deref()),
            "payment_method": payment.card,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "processing": null,
            "receipt_email": null,
            "setup_future_usage": payment.keeps_card.then_some("off_session"),
            "shipping": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": payment.status,
        })
    }

    /// A charge.
    pub(super) fn charge(&self, payment: &Payment, charge: &Charge) -> Value {
        let mut card = charge.card.clone();
        if let (Some(facts), Some(until)) = (card.as_object_mut(), charge.capture_before) {
            facts.insert("capture_before".to_owned(), Value::from(until.as_second()));
        }
        let succeeded = charge.status == "succeeded";
        json!({
            "id": charge.id,
            "object": "charge",
            "amount": payment.amount,
            "amount_captured": payment.received,
            "amount_refunded": payment.refunded,
            "balance_transaction": null,
            "billing_details": { "address": null, "email": null, "name": null, "phone": null },
            "captured": payment.received > 0,
            "created": charge.created.as_second(),
            "currency": payment.currency,
            "customer": payment.customer,
            "description": null,
            "disputed": !payment.disputes.is_empty(),
            "failure_code": payment.error.as_ref().and_then(|error| error.get("code")).filter(|_| !succeeded),
            "failure_message": null,
            "livemode": self.live,
            "metadata": payment.metadata,
            "outcome": charge.outcome,
            "paid": succeeded,
            "payment_intent": payment.id,
            "payment_method": payment.card,
            "payment_method_details": { "type": "card", "card": card },
            "refunded": payment.received > 0 && payment.refunded == payment.received,
            "status": charge.status,
        })
    }

    /// A set-up; `expanded` puts its payment method inside.
    pub(super) fn setup(&self, setup: &Setup, expanded: bool) -> Value {
        let card = setup.card.as_ref().and_then(|id| self.cards.get(id));
        json!({
            "id": setup.id,
            "object": "setup_intent",
            "automatic_payment_methods": { "enabled": true },
            "cancellation_reason": null,
            "client_secret": format!("{}_secret_simulated", setup.id),
            "created": setup.created.as_second(),
            "customer": setup.customer,
            "last_setup_error": setup.error,
            "livemode": self.live,
            "metadata": setup.metadata,
            "next_action": next_action(&setup.id, setup.status, setup.redirect_to.as_deref()),
            "payment_method": match card {
                Some(card) if expanded => self.card(card),
                _ => setup.card.as_deref().map_or(Value::Null, Value::from),
            },
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "status": setup.status,
            "usage": "off_session",
        })
    }

    /// A stored payment method.
    pub(super) fn card(&self, card: &StoredCard) -> Value {
        json!({
            "id": card.id,
            "object": "payment_method",
            "billing_details": { "address": null, "email": null, "name": null, "phone": null },
            "card": card_facts(card),
            "created": card.created.as_second(),
            "customer": card.customer,
            "livemode": self.live,
            "metadata": {},
            "type": "card",
        })
    }

    /// A customer.
    pub(super) fn customer(&self, customer: &Customer) -> Value {
        json!({
            "id": customer.id,
            "object": "customer",
            "created": customer.created.as_second(),
            "email": null,
            "livemode": self.live,
            "metadata": customer.metadata,
        })
    }

    /// A refund.
    pub(super) fn refund(&self, refund: &Refund) -> Value {
        let mut value = json!({
            "id": refund.id,
            "object": "refund",
            "amount": refund.amount,
            "charge": refund.charge,
            "created": refund.created.as_second(),
            "currency": refund.currency,
            "metadata": refund.metadata,
            "payment_intent": refund.payment,
            "reason": null,
            "status": refund.status,
        });
        if let (Some(members), Some(failure)) = (value.as_object_mut(), &refund.failure) {
            members.insert("failure_reason".to_owned(), Value::from(failure.as_str()));
        }
        value
    }

    /// A chargeback.
    pub(super) fn dispute(&self, dispute: &Dispute) -> Value {
        json!({
            "id": dispute.id,
            "object": "dispute",
            "amount": dispute.amount,
            "balance_transactions": [],
            "charge": dispute.charge,
            "created": dispute.created.as_second(),
            "currency": dispute.currency,
            "evidence": {},
            "evidence_details": { "has_evidence": false, "past_due": false, "submission_count": 0 },
            "is_charge_refundable": false,
            "livemode": self.live,
            "metadata": {},
            "payment_intent": dispute.payment,
            "reason": dispute.reason,
            "status": dispute.status,
        })
    }
}

/// What a charge says of its card: as the payment method, and how the bank authenticated the buyer.
pub(super) fn charged_card(card: &StoredCard) -> Value {
    let mut facts = card_facts(card);
    if let (Behaviour::AuthenticationFrictionless, Some(members)) = (&card.behaviour, facts.as_object_mut()) {
        let authenticated = json!({
            "authentication_flow": "frictionless", "electronic_commerce_indicator": "05", "exemption_indicator": null,
            "result": "authenticated", "result_reason": null, "transaction_id": "simulated", "version": "2.2.0",
        });
        members.insert("three_d_secure".to_owned(), authenticated);
    }
    facts
}

/// What a charge and a payment method say of the card.
pub(super) fn card_facts(card: &StoredCard) -> Value {
    json!({
        "brand": card.brand,
        "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
        "country": "US",
        "exp_month": card.expires.0,
        "exp_year": card.expires.1,
        "fingerprint": format!("fp{}", card.last4),
        "funding": "credit",
        "last4": card.last4,
        "network": card.brand,
        "three_d_secure": null,
        "wallet": null,
    })
}

/// A page or a search result.
pub(super) fn list(url: &str, data: Vec<Value>, has_more: bool) -> Value {
    let object = if url.ends_with("/search") { "search_result" } else { "list" };
    json!({ "object": object, "url": url, "has_more": has_more, "data": data })
}

/// An event as its endpoint gets it.
pub(super) fn event(
    id: &str,
    kind: &str,
    now: Timestamp,
    live: bool,
    object: Value,
    before: Option<Value>,
) -> Value {
    let mut data = json!({ "object": object });
    if let (Some(members), Some(before)) = (data.as_object_mut(), before) {
        members.insert("previous_attributes".to_owned(), before);
    }
    json!({
        "id": id,
        "object": "event",
        "api_version": super::API_VERSION,
        "created": now.as_second(),
        "data": data,
        "livemode": live,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    })
}

fn next_action(id: &str, status: &str, redirect_to: Option<&str>) -> Value {
    if status != "requires_action" {
        return Value::Null;
    }
    // Where a page of ours lets the buyer authenticate, as Stripe's own would.
    let challenge = format!("/_simulator/authenticate/{id}");
    match redirect_to {
        Some(return_url) => json!({
            "type": "redirect_to_url",
            "redirect_to_url": { "url": challenge, "return_url": return_url },
        }),
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": challenge },
        }),
    }
}
