//! Attempts of which nobody knows: the gateway is asked first, a person's word comes last.

use jiff::SignedDuration;
use local::buyer::TestCard;

use super::Ops;

#[tokio::test]
async fn a_parked_renewal_that_the_gateway_knows_needs_nobodys_word() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber("stripe").await.subscription;
    ops.world.pass(SignedDuration::from_hours(29 * 24)).await;
    let identity = ops.park(subscription).await;
    let would = ops.text(&format!("resolve {identity} --dry-run")).await;
    assert!(would.contains("dry run: would ask stripe again"), "{would}");
    let report = ops.run(&format!("resolve {identity} --did-not-happen --by kim")).await.unwrap();
    assert!(report.text.contains("held; Cleeng knows") && !report.needs_a_person, "{}", report.text);
    ops.world.pass_days(10).await;
    ops.world.agrees().await;
}

#[tokio::test]
async fn a_persons_word_is_taken_where_the_gateway_cannot_tell_and_kept_with_the_name() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber_with("adyen", TestCard::Pays).await.subscription;
    ops.world.pass(SignedDuration::from_hours(29 * 24)).await;
    let identity = ops.park(subscription).await;
    // Beyond the life of the key Adyen cannot be asked any more.
    ops.world.system.clock.move_to("2027-02-20T09:00:00Z".parse().unwrap());
    let report = ops.run(&format!("resolve {identity} --did-not-happen --by kim")).await.unwrap();
    assert!(report.text.contains("nothing happened: kim says that it did not happen"), "{}", report.text);
    let told = ops.text(&format!("inspect subscription#{subscription}")).await;
    assert!(told.contains("kim says that it did not happen"), "{told}");
}

#[tokio::test]
async fn a_finished_attempt_takes_nobodys_word() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber("stripe").await.subscription;
    ops.world.pass(SignedDuration::from_hours(29 * 24)).await;
    let identity = ops.world.mapping(subscription).await.attempts[0].intention.identity.to_string();
    let told = ops.refusal(&format!("resolve {identity} --happened pi_1 --by kim")).await;
    assert!(told.contains("is not parked"), "{told}");
    assert!(ops.refusal("resolve renewal/1/20270204T090000Z/1").await.contains("there is no attempt"));
}
