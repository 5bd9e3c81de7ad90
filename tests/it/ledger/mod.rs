//! The ledger: one contract for both implementations, and what only the table can show.

mod contract;
mod dynamo;
mod size;
mod weather;

use jiff::Timestamp;
use ledger::{Attempt, Line, Mapping, Stage, Subject, Written};
use payment::{Answer, Approval, Fact, FactKind, Facts, Identity, Intention, Money, Target, Token, Verb};
use serde_json::json;

/// The least that an item of an earlier version can hold; all else has its default.
fn bare(subject: Subject) -> Mapping {
    let body = json!({"subject": subject, "customer": 864205791, "method": 142, "gateway": "stripe", "standing": "active"});
    serde_json::from_value(body).unwrap()
}

/// A subscription's item as it is before anything was charged.
fn subscription(id: u64) -> Mapping {
    let line = Line { at: at("2026-10-21T09:12:44.031Z"), what: "order 412345678 became it".to_owned() };
    Mapping {
        fence: 1,
        offer: Some("S916977979_NL".parse().unwrap()),
        country: Some("NL".to_owned()),
        details: Some("193847566".parse().unwrap()),
        token: Some(Token::new("cus_QxYzAbCdEfGhIj|pm_1PqRsTuVwXyZaBcDeFgHiJkL")),
        history: vec![line],
        ..bare(Subject::Subscription(id.try_into().unwrap()))
    }
}

/// The same in the middle of a two-step renewal: authorised and reported, the capture written down.
fn renewing(id: u64) -> Mapping {
    let mapping = subscription(id);
    let period_end = at("2026-11-21T09:12:44Z");
    let identity = Identity::renewal(id.try_into().unwrap(), period_end, 1);
    let money = Money { minor: 699, currency: "EUR".parse().unwrap() };
    let reference: payment::GatewayReference = "pi_3PqRsTuVwXyZaBcD1eFgHiJk".parse().unwrap();
    let intention = Intention {
        identity: identity.clone(),
        verb: Verb::Authorise,
        gateway: mapping.gateway.clone(),
        account: None,
        customer: mapping.customer,
        money,
        target: Target::Token(mapping.token.clone().unwrap()),
        order: Some("523456789".parse().unwrap()),
        began: at("2026-11-20T09:13:02.418Z"),
    };
    let approval = Approval {
        reference: reference.clone(),
        money,
        captured: false,
        token: None,
        card: None,
        capture_before: Some(at("2026-11-27T09:13:04Z")),
    };
    let mut facts = Facts::default();
    facts.learn(FactKind::Authorised, reference.clone(), Fact { at: at("2026-11-20T09:13:04Z"), money });
    let authorise = Attempt {
        asked: Some(at("2026-11-20T09:12:44Z")),
        stage: Stage::Reported(Answer::Approved(approval)),
        reference: Some(reference.clone()),
        payment: Some("934567812".parse().unwrap()),
        facts,
        ..intended(intention.clone())
    };
    let capture = Attempt {
        wait_until: Some(at("2026-11-21T09:13:51.733Z")),
        payment: authorise.payment,
        ..intended(Intention {
            identity: identity.capture(),
            verb: Verb::Capture,
            target: Target::Payment(reference),
            began: at("2026-11-21T09:12:51.733Z"),
            ..intention
        })
    };
    let mut mapping = Mapping { period_end: Some(period_end), attempts: vec![authorise, capture], ..mapping };
    mapping.tell(at("2026-11-20T09:13:04.902Z"), "authorised 6.99 EUR as payment 934567812");
    mapping.tell(at("2026-11-21T09:12:51.733Z"), "capture begins");
    mapping
}

/// An attempt that is only written down.
fn intended(intention: Intention) -> Attempt {
    let body =
        json!({"intention": intention, "price": {"amount": "6.99", "currency": "EUR"}, "stage": "intended"});
    serde_json::from_value(body).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The item as a write that must take effect left it.
fn done(written: Written) -> Mapping {
    match written {
        Written::Done(mapping) => mapping,
        Written::Lost(_) => panic!("somebody else wrote"),
    }
}
