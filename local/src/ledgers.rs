//! Compares the three ledgers: ours, the gateways' and Cleeng's. Each row that they do not agree on is named with what each says.

use std::collections::BTreeMap;

use gateways::Gateways;
use ledger::{LedgerError, Mapping, Standing, Subject};
use payment::Answer;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::simulators::GatewayPayment;
use crate::simulators::cleeng::{CleengPayment, PaymentState, SubscriptionState};
use crate::system::System;

/// What the three ledgers say, counted, and where they differ.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// Payments that a gateway took and kept.
    pub captured: usize,
    /// Refusals.
    pub declined: usize,
    /// Payments that were returned, whole or in part.
    pub refunded: usize,
    /// Cards that were checked at zero amount.
    pub verified: usize,
    /// Holds that were let go.
    pub released: usize,
    /// Holds that wait for their capture.
    pub held: usize,
    /// What the gateways hold, by currency, in major units.
    pub money: BTreeMap<String, Decimal>,
    /// Our subscriptions: living and ended.
    pub subscriptions: (usize, usize),
    /// Attempts that are neither finished nor due.
    pub parked: usize,
    /// Everything that does not agree.
    pub differences: Vec<Difference>,
}

/// A row that the ledgers do not agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is about: a payment, a subscription.
    pub about: String,
    /// Who says what.
    pub what: String,
}

/// Items per page of our own ledger.
const PAGE: u32 = 500;

/// Compares everything that the system has done so far. Meant for a system at rest.
pub async fn compare(system: &System) -> Result<Comparison, LedgerError> {
    Ok(compare_with(system, &all_mappings(system).await?))
}

/// The same with our own items as they were just read.
pub(crate) fn compare_with(system: &System, ours: &[Mapping]) -> Comparison {
    let mut found = Comparison::default();
    let payments = system.peers.cleeng.payments();
    let at_cleeng = by_external(&payments);
    let mut at_gateway = BTreeMap::new();
    for name in ["stripe", "adyen"] {
        let Some(gateway) = system.peers.gateway(name) else { continue };
        for payment in gateway.payments() {
            match major(&system.gateways, name, &payment) {
                Some(amounts) => gateway_row(&mut found, name, &payment, amounts, &at_cleeng),
                None => found.differ(&payment.id, format!("{name} has a currency that its table has not")),
            }
            at_gateway.insert(payment.id.clone(), payment);
        }
    }
    for payment in &payments {
        cleeng_row(&mut found, payment, &at_gateway);
    }
    for violation in system.peers.cleeng.violations() {
        found.differ("Cleeng", format!("{violation:?}"));
    }
    our_rows(&mut found, system, ours, &at_gateway);
    found
}

impl Comparison {
    fn differ(&mut self, about: impl Into<String>, what: impl Into<String>) {
        self.differences.push(Difference { about: about.into(), what: what.into() });
    }
}

/// A gateway's payment in major units.
#[derive(Clone, Copy)]
struct Amounts {
    kept: Decimal,
    captured: Decimal,
    refunded: Decimal,
}

fn major(gateways: &Gateways, name: &str, payment: &GatewayPayment) -> Option<Amounts> {
    let gateway = gateways.get(&name.parse().ok()?)?;
    let units = gateway.minor_units(payment.asked.currency)?;
    let price = |minor| payment::Money { minor, ..payment.asked }.to_price(units).amount;
    let back = payment.refunded_minor.saturating_add(payment.disputed_minor);
    Some(Amounts {
        kept: price(payment.captured_minor.saturating_sub(back)),
        captured: price(payment.captured_minor),
        refunded: price(back),
    })
}

fn by_external(payments: &[CleengPayment]) -> BTreeMap<&str, Vec<&CleengPayment>> {
    let mut rows: BTreeMap<&str, Vec<&CleengPayment>> = BTreeMap::new();
    for payment in payments {
        if let Some(external) = &payment.external {
            rows.entry(external).or_default().push(payment);
        }
    }
    rows
}

/// Everything a gateway did must be known to Cleeng, with the same amount; what came to nothing may be unknown to it.
fn gateway_row(
    found: &mut Comparison,
    name: &str,
    payment: &GatewayPayment,
    amounts: Amounts,
    at_cleeng: &BTreeMap<&str, Vec<&CleengPayment>>,
) {
    let rows = at_cleeng.get(payment.id.as_str()).map(Vec::as_slice).unwrap_or_default();
    let about = format!("{name} {}", payment.id);
    let currency = payment.asked.currency.to_string();
    let held_by_cleeng: Decimal = rows.iter().map(|row| row.held()).sum();
    *found.money.entry(currency.clone()).or_default() += amounts.kept;
    if rows.iter().any(|row| row.price.currency.as_str() != currency) {
        found.differ(&about, format!("charged in {currency}, recorded in another currency"));
    }
    if payment.captured_minor > 0 {
        if amounts.refunded.is_zero() {
            found.captured += 1
        } else {
            found.refunded += 1
        }
        // A charge that Cleeng refused to record was returned, and Cleeng rightly has nothing.
        if amounts.kept != held_by_cleeng {
            let what = format!(
                "the gateway keeps {} (took {}, returned {}), Cleeng records {held_by_cleeng}",
                amounts.kept, amounts.captured, amounts.refunded,
            );
            found.differ(&about, what);
        }
    } else if payment.held_minor > 0 {
        found.held += 1;
        if !rows.iter().any(|row| row.status == PaymentState::Authorized) {
            found.differ(&about, "held at the gateway, not authorised at Cleeng");
        }
    } else if payment.declined {
        found.declined += 1;
        // A card that a customer merely adds is no payment: Cleeng is told of those that are kept.
        let is_payment = !payment.reference.as_deref().is_some_and(|it| it.starts_with("details."));
        if is_payment && !rows.iter().any(|row| row.status == PaymentState::Rejected) {
            found.differ(&about, "refused at the gateway, not rejected at Cleeng");
        }
    } else if payment.asked.is_zero() {
        found.verified += 1;
    } else {
        found.released += 1;
        let stands =
            |row: &&&CleengPayment| matches!(row.status, PaymentState::Authorized) || !row.held().is_zero();
        if let Some(row) = rows.iter().find(stands).filter(|row| !row.price.is_zero()) {
            found.differ(&about, format!("let go at the gateway, {} at Cleeng", row.status.as_str()));
        }
    }
}

/// Everything Cleeng believes to be paid or held must be so at a gateway.
fn cleeng_row(
    found: &mut Comparison,
    payment: &CleengPayment,
    at_gateway: &BTreeMap<String, GatewayPayment>,
) {
    let about = format!("Cleeng payment {}", payment.id);
    let believed = !payment.held().is_zero() || payment.status == PaymentState::Authorized;
    if !believed || payment.price.is_zero() {
        return;
    }
    let Some(external) = &payment.external else {
        return found.differ(about, format!("{} without an external id", payment.status.as_str()));
    };
    match at_gateway.get(external) {
        None => {
            found.differ(about, format!("{} as {external}, which no gateway has", payment.status.as_str()))
        }
        Some(row)
            if row.customer.as_ref().is_some_and(|customer| *customer != payment.customer.to_string()) =>
        {
            found.differ(about, format!("customer {}, charged to another's card", payment.customer));
        }
        Some(_) => {}
    }
}

/// What we remember must be what the others say.
fn our_rows(
    found: &mut Comparison,
    system: &System,
    ours: &[Mapping],
    at_gateway: &BTreeMap<String, GatewayPayment>,
) {
    let at_cleeng: BTreeMap<_, _> =
        system.peers.cleeng.subscriptions().into_iter().map(|row| (row.id, row.status)).collect();
    for mapping in ours {
        let about = mapping.subject.to_string();
        if let Subject::Subscription(id) = mapping.subject {
            let ended = mapping.standing == Standing::Closed;
            let (living, closed) = &mut found.subscriptions;
            if ended {
                *closed += 1
            } else {
                *living += 1
            }
            match at_cleeng.get(&id.number()) {
                Some(SubscriptionState::Terminated) if ended => {}
                Some(SubscriptionState::Terminated) => found.differ(&about, "ended at Cleeng, not here"),
                Some(_) if ended => found.differ(&about, "ended here, not at Cleeng"),
                Some(_) => {}
                None => found.differ(&about, "unknown to Cleeng"),
            }
        }
        our_attempts(found, mapping, at_gateway);
    }
}

fn our_attempts(found: &mut Comparison, mapping: &Mapping, at_gateway: &BTreeMap<String, GatewayPayment>) {
    for attempt in &mapping.attempts {
        let about = attempt.intention.identity.to_string();
        match &attempt.stage {
            ledger::Stage::Parked { .. } => found.parked += 1,
            _ if !attempt.is_finished() && mapping.due.is_none() => {
                found.differ(&about, "neither finished, nor due, nor parked");
            }
            _ => {}
        }
        let moved = attempt.intention.verb.takes_money();
        let Some(Answer::Approved(approval)) = attempt.answer().filter(|_| moved) else { continue };
        match at_gateway.get(approval.reference.as_str()) {
            None if approval.money.is_zero() => {}
            None => found.differ(about, format!("captured as {}, which no gateway has", approval.reference)),
            Some(row) if row.captured_minor != approval.money.minor => {
                found.differ(
                    about,
                    format!("captured {}, the gateway has {}", approval.money.minor, row.captured_minor),
                );
            }
            Some(_) => {}
        }
    }
}

/// All mappings, page by page.
pub async fn all_mappings(system: &System) -> Result<Vec<Mapping>, LedgerError> {
    let mut all: Vec<Mapping> = Vec::new();
    loop {
        let after = all.last().map(|mapping| mapping.subject);
        let page = system.ledger.page(PAGE, after).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
