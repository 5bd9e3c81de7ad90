//! A customer who asks to be forgotten: stored cards go, money stays.

use ledger::Subject;

use super::Ops;

#[tokio::test]
async fn a_forgotten_customers_card_is_nowhere_and_the_money_still_is() {
    for gateway in crate::world::GATEWAYS {
        let ops = Ops::new().await;
        let subscriber = ops.world.subscriber(gateway).await;
        let customer = subscriber.buyer.customer;
        let line = format!("forget {customer} --at-gateway");
        let refused = ops.refusal(&line).await;
        assert!(refused.contains("end it first"), "{refused}");
        ops.text(&format!("terminate {}", subscriber.subscription)).await;
        ops.world.system.settle().await;
        let token = ops.world.payments(gateway).into_iter().find_map(|it| it.token).unwrap();

        let would = ops.text(&format!("{line} --dry-run")).await;
        assert!(would.contains("would be erased"), "{would}");
        assert!(ops.world.mapping(subscriber.subscription).await.token.is_some(), "a dry run erases nothing");
        ops.text(&line).await;
        let details = ops.world.system.peers.cleeng.payment_details();
        assert!(details.iter().filter(|it| it.customer == customer).all(|it| it.deleted), "{gateway}");
        for mapping in local::ledgers::all_mappings(&ops.world.system).await.unwrap() {
            let kept = serde_json::to_string(&mapping).unwrap();
            assert!(
                !kept.contains(&token) && !kept.contains("4242") && !kept.contains("1111"),
                "{gateway}: {kept}"
            );
        }
        let order = ops.world.recorded().pop().unwrap().order.unwrap();
        let order = Subject::Order(order.try_into().unwrap());
        let item = ops.world.system.ledger.mapping(order).await.unwrap().unwrap();
        assert!(!item.attempts.is_empty(), "what was paid stays");
        assert!(ops.text(&line).await.contains("nothing personal is kept"), "again is harmless");
    }
}
