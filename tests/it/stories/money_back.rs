//! What the stories about money on its way back share: who asks for it, and what each side records.

use local::simulators::GatewayPayment;
use local::simulators::cleeng::CleengPayment;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::world::World;

/// Cleeng's record of the only captured or returned payment.
pub(crate) fn recorded(world: &World) -> CleengPayment {
    let kept = |row: &CleengPayment| row.held() > Decimal::ZERO || row.refunded > Decimal::ZERO;
    let mut rows: Vec<_> = world.recorded().into_iter().filter(kept).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// The gateway's record of the only captured payment.
pub(crate) fn taken(world: &World, gateway: &str) -> GatewayPayment {
    let mut rows: Vec<_> = world.payments(gateway).into_iter().filter(|it| it.captured_minor > 0).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// Cleeng's staff asks for all of a payment, or a part of it.
pub(crate) fn ask_refund(world: &World, payment: u64, amount: Option<&str>) {
    let number = |amount: &str| serde_json::from_str::<Value>(amount).unwrap();
    let body = amount.map_or_else(|| json!({}), |amount| json!({ "amount": number(amount) }));
    let asked = world.system.peers.cleeng_host.control(&format!("payments/{payment}/refund"), &body);
    assert!(asked.status().is_success(), "{asked:?}");
}

/// What happens at a gateway without us; each simulator has its own words for it.
pub(crate) fn happens(world: &World, gateway: &str, what: What<'_>) {
    let (path, body) = match (gateway, what) {
        ("stripe", What::Refund(id, minor)) => {
            (format!("payment_intents/{id}/refund"), json!({ "amount": minor }))
        }
        ("stripe", What::Chargeback(id)) => (format!("payment_intents/{id}/dispute"), json!({})),
        (_, What::Refund(id, minor)) => (format!("payments/{id}/refund"), json!({ "minor": minor })),
        (_, What::Chargeback(id)) => (format!("payments/{id}/chargeback"), json!({})),
    };
    control(world, gateway, &path, &body);
}

/// A control of a gateway's simulator that must succeed.
pub(crate) fn control(world: &World, gateway: &str, path: &str, body: &Value) -> Value {
    let answer = world.system.peers.host(gateway).unwrap().control(path, body);
    assert!(answer.status().is_success(), "{path}: {}", String::from_utf8_lossy(answer.body()));
    serde_json::from_slice(answer.body()).unwrap()
}

/// What people and banks do at a gateway.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    /// Somebody refunds so many minor units in the gateway's own pages.
    Refund(&'a str, i64),
    /// The bank takes all of it back.
    Chargeback(&'a str),
}
