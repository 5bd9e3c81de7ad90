//! Dead letters and kept events: what may be sent again is, and what is stale is refused with the reason.

use jiff::SignedDuration;
use queue::Job;
use serde_json::Value;

use super::Ops;

/// Queues an event of Cleeng's, hands it out until it is a dead letter, and answers its text.
async fn dead_letter(ops: &Ops, event: &Value) -> String {
    assert_eq!(ops.world.cleeng_says(event).await.status(), 200);
    let queue = &ops.world.system.queue;
    let mut body = String::new();
    for job in Job::ALL {
        for _ in 0..=local::system::QUEUE_RULES.receives_max {
            for message in queue.receive(job, 10) {
                body = message.body;
            }
            let clock = &ops.world.system.clock;
            clock.move_to(wire::Clock::now(&**clock) + SignedDuration::from_secs(181));
        }
    }
    body
}

#[tokio::test]
async fn a_renewal_that_is_still_due_goes_back_to_its_job_and_is_charged_once() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber("stripe").await.subscription;
    let event = ops.world.renewal_event("subscriptionReadyForPaymentAuthorisation", subscription, 72);
    dead_letter(&ops, &event).await;
    let listed = ops.run("dead-letters").await.unwrap();
    assert!(listed.needs_a_person, "{}", listed.text);
    assert_eq!(listed.json[0]["why"], "the period that ends 2027-02-04 is not paid yet");
    assert_eq!(listed.json[0]["about"], format!("subscription#{subscription}"));
    assert_eq!(listed.json[0]["event"].as_str().map(str::len), Some(64));
    assert!(ops.json("replay recurring-capture --dry-run").await.contains("would be sent"));
    let sent = ops.run("replay recurring-capture").await.unwrap();
    assert!(sent.json[0]["done"] == "sent" && !sent.needs_a_person, "{}", sent.text);
    assert_eq!(ops.text("dead-letters").await, "no dead letters");
    ops.world.system.settle().await;
    assert_eq!(ops.world.mapping(subscription).await.attempts.len(), 1);
    ops.world.pass_days(32).await;
    ops.world.agrees().await;
}

#[tokio::test]
async fn a_letter_of_days_ago_charges_nobody() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber("stripe").await.subscription;
    let event = ops.world.renewal_event("subscriptionReadyForPaymentAuthorisation", subscription, 72);
    dead_letter(&ops, &event).await;
    // Meanwhile Cleeng asked again and was paid; a whole period has passed.
    ops.world.pass_days(40).await;
    let charges = ops.world.charges();
    let refused = ops.run("replay recurring-capture").await.unwrap();
    assert!(refused.needs_a_person && refused.json[0]["done"] == "stays", "{}", refused.text);
    ops.world.system.settle().await;
    assert_eq!(ops.world.charges(), charges);
    let report = ops.run("dead-letters").await.unwrap();
    assert_eq!(report.json[0]["stale"], true);
    let id = report.json[0]["message"].as_str().unwrap().to_owned();
    assert!(ops.text(&format!("dead-letters --drop {id} --dry-run")).await.contains("would drop"));
    ops.text(&format!("dead-letters --drop {id}")).await;
    assert_eq!(ops.text("dead-letters").await, "no dead letters");
}

#[tokio::test]
async fn an_old_request_to_end_takes_nothing_from_who_paid_since() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber("adyen").await.subscription;
    let mut event = ops.world.renewal_event("subscriptionReadyForTermination", subscription, 0);
    event["data"]["dunningAttemptDate"] = Value::Null;
    dead_letter(&ops, &event).await;
    let refused = ops.run("replay termination").await.unwrap();
    assert!(refused.json[0]["why"].to_string().contains("it is paid until"), "{}", refused.text);
    ops.world.system.settle().await;
    assert_eq!(ops.world.at_cleeng(subscription).status.as_str(), "active");
}

#[tokio::test]
async fn a_kept_event_is_judged_as_a_letter_is() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber("stripe").await.subscription;
    let event = ops.world.renewal_event("subscriptionReadyForPaymentAuthorisation", subscription, 72);
    let message = dead_letter(&ops, &event).await;
    let digest = serde_json::from_str::<Value>(&message).unwrap()["what"]["cleeng"]["digest"].clone();
    let line = format!("replay {}", digest.as_str().unwrap());
    assert!(ops.text(&format!("{line} --dry-run")).await.contains("would send"));
    ops.text(&line).await;
    ops.world.system.settle().await;
    assert_eq!(ops.world.mapping(subscription).await.attempts.len(), 1);
    // Served now: the same event again is refused.
    assert!(ops.refusal(&line).await.contains("it was served"));
    assert!(ops.refusal(&format!("replay {}", "0".repeat(64))).await.contains("no event"));
}

#[tokio::test]
async fn only_what_is_there_and_ours_is_ended() {
    let ops = Ops::new().await;
    let subscription = ops.world.subscriber("stripe").await.subscription;
    assert!(ops.text(&format!("terminate {subscription} --dry-run")).await.contains("would ask termination"));
    ops.text(&format!("terminate {subscription}")).await;
    ops.world.system.settle().await;
    assert_eq!(ops.world.at_cleeng(subscription).status.as_str(), "terminated");
    assert!(ops.refusal(&format!("terminate {subscription}")).await.contains("has ended already"));
    assert!(ops.refusal("terminate 121780131").await.contains("Cleeng knows no subscription"));
}
