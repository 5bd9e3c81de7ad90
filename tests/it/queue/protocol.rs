//! SQS's protocol, spoken by Amazon's own client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use local::sqs::LocalSqs;
use queue::{Job, LocalQueue};

use super::{HandClock, fresh};

#[tokio::test]
async fn a_message_goes_in_and_out_and_is_gone() {
    let World { client, sqs, .. } = world().await;
    let url = client.get_queue_url().queue_name("settlement").send().await.unwrap().queue_url.unwrap();
    assert_eq!(url, format!("{}/000000000000/settlement", sqs.url()));
    let sent = client.send_message().queue_url(&url).message_body("one").send().await.unwrap();
    let taken = client.receive_message().queue_url(&url).send().await.unwrap();
    let message = &taken.messages()[0];
    assert_eq!((message.body(), message.message_id()), (Some("one"), sent.message_id()));
    let handle = message.receipt_handle().unwrap();
    client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    assert_eq!(counts(&client, &url).await, ["0", "0", "0"]);
    sqs.stop().await.unwrap();
}

#[tokio::test]
async fn a_batch_succeeds_and_fails_entry_by_entry() {
    let World { client, sqs, .. } = world().await;
    let url = sqs.settings().into_iter().find(|(name, _)| *name == "TERMINATION_QUEUE_URL").unwrap().1;
    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
    };
    let entries = vec![entry("a", "one"), entry("b", "bad \u{1}"), entry("c", "three")];
    let sent = client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    assert_eq!(sent.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(sent.failed().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["b"]);
    let taken = client.receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap();
    assert_eq!(
        taken.messages().iter().filter_map(|message| message.body()).collect::<Vec<_>>(),
        ["one", "three"]
    );
    assert_eq!(counts(&client, &url).await, ["0", "0", "2"]);

    let many = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    for (entries, code) in [(many, "TooManyEntries"), (vec![entry("a", "x"), entry("a", "y")], "NotDistinct")]
    {
        let refused = client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await;
        let error = refused.unwrap_err();
        assert!(error.code().unwrap().contains(code), "{:?}", error.code());
    }
    sqs.stop().await.unwrap();
}

#[tokio::test]
async fn visibility_is_asked_for_and_changed() {
    let World { client, sqs, clock, queue } = world().await;
    let url = client.get_queue_url().queue_name("settlement").send().await.unwrap().queue_url.unwrap();
    queue.put(Job::Settlement, "one", Duration::ZERO).unwrap();
    let taken = client.receive_message().queue_url(&url).visibility_timeout(100).send().await.unwrap();
    clock.pass(99);
    assert!(client.receive_message().queue_url(&url).send().await.unwrap().messages().is_empty());
    let change = |handle: &str| {
        client.change_message_visibility().queue_url(&url).receipt_handle(handle).visibility_timeout(0).send()
    };
    change(taken.messages()[0].receipt_handle().unwrap()).await.unwrap();
    let again = client.receive_message().queue_url(&url).send().await.unwrap();
    let attributes = again.messages()[0].attributes().unwrap();
    assert_eq!(attributes[&"ApproximateReceiveCount".into()], "2");

    let error = change(taken.messages()[0].receipt_handle().unwrap()).await.unwrap_err();
    assert!(error.into_service_error().is_message_not_inflight());
    let error = change("nonsense").await.unwrap_err();
    assert!(error.into_service_error().is_receipt_handle_is_invalid());
    sqs.stop().await.unwrap();
}

#[tokio::test]
async fn a_waiting_poll_answers_as_soon_as_there_is_a_message() {
    let World { client, sqs, queue, .. } = world().await;
    let url = client.get_queue_url().queue_name("settlement").send().await.unwrap().queue_url.unwrap();
    let begun = Instant::now();
    let poll = client.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let send = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        queue.put(Job::Settlement, "one", Duration::ZERO).unwrap();
    };
    let (taken, ()) = tokio::join!(poll, send);
    assert_eq!(taken.unwrap().messages()[0].body(), Some("one"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    sqs.stop().await.unwrap();
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_told_by_its_code() {
    let World { client, sqs, .. } = world().await;
    let error = client.get_queue_url().queue_name("nobody").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
    let url = format!("{}/000000000000/nobody", sqs.url());
    let error = client.send_message().queue_url(url).message_body("x").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
    sqs.stop().await.unwrap();
}

struct World {
    client: Client,
    sqs: LocalSqs,
    clock: HandClock,
    queue: Arc<LocalQueue>,
}

async fn world() -> World {
    let (queue, clock) = fresh();
    let sqs = LocalSqs::start(Arc::clone(&queue)).await.unwrap();
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(wire::aws_http_client(wire::Http::new().unwrap()))
        .endpoint_url(sqs.url())
        .build();
    World { client: Client::from_conf(config), sqs, clock, queue }
}

/// Visible, delayed and in flight.
async fn counts(client: &Client, url: &str) -> [String; 3] {
    let asked = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
    let told = asked.send().await.unwrap().attributes.unwrap();
    ["", "Delayed", "NotVisible"].map(|which| {
        told[&QueueAttributeName::from(format!("ApproximateNumberOfMessages{which}").as_str())].clone()
    })
}
