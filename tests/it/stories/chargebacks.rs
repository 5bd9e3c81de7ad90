//! Chargebacks: told to Cleeng as what they are, once, however often and in whatever order the gateway speaks of them.

use jiff::SignedDuration;
use local::simulators::cleeng::PaymentState;
use payment::FactKind;
use rust_decimal::Decimal;
use serde_json::json;

use super::money_back::{What, ask_refund, control, happens, recorded, taken};
use crate::world::{GATEWAYS, World};

#[tokio::test]
async fn a_chargeback_is_told_as_one_and_nothing_more_is_returned() {
    for gateway in GATEWAYS {
        let world = World::new();
        world.subscriber(gateway).await;
        let id = taken(&world, gateway).id;
        happens(&world, gateway, What::Chargeback(&id));
        world.pass(SignedDuration::from_mins(10)).await;
        let row = recorded(&world);
        assert_eq!(row.status, PaymentState::Refunded, "{gateway}");
        assert_eq!(row.refund_kind.as_deref(), Some("chargeback"));
        assert_eq!(row.held(), Decimal::ZERO);
        let event = json!({
            "broadcasterId": 558186818, "topic": "refundPayment",
            "data": { "paymentId": row.id, "orderId": row.order },
        });
        assert_eq!(world.cleeng_says(&event).await.status().as_u16(), 200);
        world.pass(SignedDuration::from_mins(10)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 0, "{gateway}: the bank has returned it already");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_refund_and_a_chargeback_of_the_rest_are_told_apart() {
    for gateway in GATEWAYS {
        let world = World::new();
        world.subscriber(gateway).await;
        let (id, payment) = (taken(&world, gateway).id, recorded(&world).id);
        ask_refund(&world, payment, Some("2.00"));
        world.pass(SignedDuration::from_mins(10)).await;
        assert_eq!(recorded(&world).refund_kind.as_deref(), Some("refund"), "{gateway}");
        match gateway {
            "stripe" => {
                control(&world, gateway, &format!("payment_intents/{id}/dispute"), &json!({ "amount": 499 }))
            }
            _ => control(&world, gateway, &format!("payments/{id}/chargeback"), &json!({ "minor": 499 })),
        };
        world.pass(SignedDuration::from_mins(10)).await;
        let row = recorded(&world);
        assert_eq!((row.refund_kind.as_deref(), row.held()), (Some("chargeback"), Decimal::ZERO));
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_chargeback_that_was_reversed_is_written_down_and_the_money_can_be_returned_again() {
    for (gateway, minor) in GATEWAYS.into_iter().flat_map(|gateway| [(gateway, 699), (gateway, 300)]) {
        let world = World::new();
        world.subscriber(gateway).await;
        let id = taken(&world, gateway).id;
        let dispute = match gateway {
            "stripe" => {
                let made = control(
                    &world,
                    gateway,
                    &format!("payment_intents/{id}/dispute"),
                    &json!({ "amount": minor }),
                );
                format!("disputes/{}/close", made["id"].as_str().unwrap())
            }
            _ => {
                control(&world, gateway, &format!("payments/{id}/chargeback"), &json!({ "minor": minor }));
                format!("payments/{id}/chargeback-reversed")
            }
        };
        world.pass(SignedDuration::from_mins(10)).await;
        control(&world, gateway, &dispute, &json!({ "status": "won" }));
        world.pass(SignedDuration::from_mins(10)).await;
        let row = recorded(&world);
        let subject = ledger::Subject::Payment(row.id.try_into().unwrap());
        let item = world.system.ledger.mapping(subject).await.unwrap().unwrap();
        assert_eq!(item.attempts.len(), 1, "{gateway}: one dispute, however often it is spoken of");
        assert!(item.attempts[0].by_bank && item.attempts[0].facts.has(FactKind::DisputeReversed));
        // Staff had asked for a refund before the bank took the money, which Cleeng counts as returned already.
        let event = json!({
            "broadcasterId": 558186818, "topic": "refundPayment",
            "data": { "paymentId": row.id, "orderId": row.order },
        });
        assert_eq!(world.cleeng_says(&event).await.status().as_u16(), 200);
        world.pass(SignedDuration::from_mins(10)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 699, "{gateway} {minor}");
        assert_eq!(recorded(&world).held(), Decimal::ZERO, "{gateway} {minor}");
        world.agrees().await;
    }
}
