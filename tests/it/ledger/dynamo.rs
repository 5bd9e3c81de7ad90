//! What only the table can show: raw attributes, lost answers, spoilt items, a table that is not there.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    DueItem, DynamoLedger, ItemKey, Kept, KeptEvent, Ledger, LedgerError, Mapping, Standing, Written,
    table_definition,
};
use local::dynamo::{EmbeddedDynamo, Storage};
use settings::Settings;

use super::weather::{Fate, Weather};
use super::{at, done, renewing, subscription};

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_recognised_as_ones_own() {
    let (dynamo, weather, ledger) = behind(&[Fate::AnswerLost]).await;
    let left = done(ledger.write(&renewing(7)).await.unwrap());
    assert_eq!(weather.operations(), ["PutItem", "PutItem"], "it was sent again, and met itself");
    assert_eq!(left.version, 1);

    weather.turn(&[Fate::AnswerLost, Fate::AnswerLost]);
    let left = done(ledger.write(&Mapping { standing: Standing::Ending, ..left }).await.unwrap());
    assert_eq!(left.version, 2);
    assert_eq!(ledger.mapping(left.subject).await.unwrap(), Some(left));
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_webhook_whose_keeping_was_not_answered_is_still_new() {
    let (dynamo, _weather, ledger) = behind(&[Fate::AnswerLost]).await;
    assert_eq!(ledger.keep_event(&event()).await.unwrap(), Kept::New);
    assert_eq!(ledger.keep_event(&event()).await.unwrap(), Kept::Known);
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_write_that_is_never_answered_is_unknown_and_can_be_repeated_by_its_worker_alone() {
    let (dynamo, weather, ledger) = behind(&[Fate::AnswerLost; 3]).await;
    let mapping = renewing(7);
    assert!(matches!(ledger.write(&mapping).await, Err(LedgerError::Unavailable(_))));
    assert_eq!(weather.operations().len(), 3, "it does not repeat for ever");
    let left = done(ledger.write(&mapping).await.unwrap());
    let other = ledger.write(&Mapping { fence: 2, ..mapping }).await.unwrap();
    assert_eq!(other, Written::Lost(Some(left)));
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn throttling_and_outages_pass_and_refusals_are_not_repeated() {
    const THROTTLED: Fate =
        Fate::Instead(400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#);
    const BROKEN: Fate = Fate::Instead(502, "<html>Bad Gateway</html>");
    const CUT: Fate = Fate::Instead(200, "{\"Item\":");
    const DENIED: Fate = Fate::Instead(
        400,
        r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"role x may not dynamodb:GetItem"}"#,
    );
    const INVALID: Fate = Fate::Instead(
        400,
        r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"pm_secret"}"#,
    );
    let (dynamo, weather, ledger) = behind(&[]).await;
    let subject = subscription(7).subject;

    weather.turn(&[THROTTLED, BROKEN]);
    assert_eq!(ledger.mapping(subject).await.unwrap(), None, "the third attempt is answered");
    for fate in [THROTTLED, BROKEN, CUT] {
        weather.turn(&[fate; 3]);
        let error = ledger.mapping(subject).await.unwrap_err();
        assert!(matches!(error, LedgerError::Unavailable(_)), "{fate:?}: {error}");
    }
    weather.operations();
    weather.turn(&[DENIED]);
    let error = ledger.mapping(subject).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ledger refuses: AccessDeniedException role x may not dynamodb:GetItem"
    );
    weather.turn(&[INVALID]);
    let error = ledger.mapping(subject).await.unwrap_err();
    assert_eq!(error.to_string(), "the ledger refuses: ValidationException", "what was sent is not repeated");
    assert_eq!(weather.operations().len(), 2);
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_reading_that_decides_is_consistent() {
    let (dynamo, weather, ledger) = behind(&[]).await;
    ledger.mapping(subscription(7).subject).await.unwrap();
    ledger.event("00ff").await.unwrap();
    ledger.page(10, None).await.unwrap();
    let asked = weather.requests();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|request| request.contains(r#""ConsistentRead":true"#)), "{asked:?}");
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_silent_table_is_given_up_in_seconds() {
    let (dynamo, weather, ledger) = behind(&[Fate::Silence; 10]).await;
    let begun = Instant::now();
    assert!(matches!(ledger.mapping(subscription(7).subject).await, Err(LedgerError::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());

    weather.turn(&[Fate::Silence]);
    let begun = Instant::now();
    assert!(ledger.warm().await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    ledger.warm().await.unwrap();
    assert_eq!(weather.operations().last().map(String::as_str), Some("GetItem"));
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_told_and_left_as_it_is() {
    let (dynamo, ledger) = fresh().await;
    let mapping = done(ledger.write(&subscription(7)).await.unwrap());
    let healthy = done(ledger.write(&subscription(8)).await.unwrap());
    let whole = raw(&dynamo, "subscription#7").await;
    let spoilt = [
        ("body", AttributeValue::S("{\"tries\":[".to_owned())),
        ("body", AttributeValue::S("{}".to_owned())),
        ("body", AttributeValue::S(whole["body"].as_s().unwrap().replace("stripe", "not a gateway"))),
        ("body", AttributeValue::Bool(true)),
        ("version", AttributeValue::S("one".to_owned())),
        ("due", AttributeValue::S("soon".to_owned())),
    ];
    for (name, value) in spoilt {
        let mut item = whole.clone();
        item.insert(name.to_owned(), value.clone());
        put_raw(&dynamo, item.clone()).await;
        let read = ledger.mapping(mapping.subject).await.unwrap_err();
        assert_eq!(read.to_string(), "the item subscription#7 cannot be read", "{name} = {value:?}");
        assert_eq!(payment::Failure::from(read).who_acts(), payment::WhoActs::Alarm);
        let first = ledger.write(&subscription(7)).await;
        assert!(matches!(first, Err(LedgerError::Unreadable { .. })), "{name} = {value:?}: {first:?}");
        assert_eq!(raw(&dynamo, "subscription#7").await, item);
        let page = ledger.page(10, None).await.unwrap();
        assert_eq!(page, std::slice::from_ref(&healthy), "it does not hide the others");
    }
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn an_entry_of_the_due_index_that_cannot_be_read_does_not_hide_those_after_it() {
    let (dynamo, ledger) = fresh().await;
    let due = at("2026-11-21T09:13:51.5Z");
    let healthy = done(ledger.write(&Mapping { due: Some(due), ..subscription(7) }).await.unwrap());
    let entry = raw(&dynamo, "subscription#7").await;
    for n in 0..3 {
        let mut stray = entry.clone();
        stray.insert("pk".to_owned(), AttributeValue::S(format!("nobody#{n}")));
        stray.insert("due".to_owned(), AttributeValue::S(format!("2026-11-20T09:13:5{n}")));
        put_raw(&dynamo, stray).await;
    }
    let shard = entry["due_shard"].as_s().unwrap().strip_prefix("due#").unwrap().parse().unwrap();
    let page = ledger.due(shard, due, 1, None).await.unwrap();
    assert_eq!(page.items, [DueItem { due, key: ItemKey::Subject(healthy.subject) }]);
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_page_is_read_from_a_table_that_is_larger_than_one_answer_may_be() {
    let (dynamo, ledger) = fresh().await;
    let superseded: Vec<_> = (1..=300_u64).map(|id| (100_000_000 + id).try_into().unwrap()).collect();
    for id in 1..=500 {
        done(ledger.write(&Mapping { superseded: superseded.clone(), ..subscription(id) }).await.unwrap());
    }
    let page = ledger.page(1000, None).await.unwrap();
    assert_eq!(page.len(), 500);
    assert!(serde_json::to_string(&page).unwrap().len() > wire::BODY_BYTES_MAX);
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_body_of_an_earlier_version_is_read() {
    let (dynamo, ledger) = fresh().await;
    // Before anything was said only once, and before most fields were there.
    let body = r#"{"subject":"subscription#7","customer":"864205791","method":142,"gateway":"stripe","standing":"ending","unheard":1}"#;
    let item = [
        ("pk", AttributeValue::S("subscription#7".to_owned())),
        ("version", AttributeValue::N("3".to_owned())),
        ("body", AttributeValue::S(body.to_owned())),
    ];
    put_raw(&dynamo, item.map(|(name, value)| (name.to_owned(), value)).into()).await;
    let mapping = ledger.mapping(subscription(7).subject).await.unwrap().unwrap();
    assert_eq!((mapping.version, mapping.standing), (3, Standing::Ending));
    assert_eq!(done(ledger.write(&mapping).await.unwrap()).version, 4);
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn an_item_is_only_what_the_console_should_show() {
    let (dynamo, ledger) = fresh().await;
    let mapping = Mapping { fence: 0xBEEF, due: Some(at("2026-11-21T09:13:51.5Z")), ..subscription(7) };
    let mapping = done(ledger.write(&mapping).await.unwrap());
    let item = raw(&dynamo, "subscription#7").await;
    assert_eq!(names(&item), ["body", "due", "due_shard", "fence", "pk", "standing", "version"]);
    assert_eq!(item["version"], AttributeValue::N("1".to_owned()));
    assert_eq!(item["fence"], AttributeValue::S("000000000000beef".to_owned()));
    assert_eq!(item["due"], AttributeValue::S("2026-11-21T09:13:51.5".to_owned()));
    assert!(item["due_shard"].as_s().unwrap().starts_with("due#"));

    done(ledger.write(&Mapping { due: None, ..mapping }).await.unwrap());
    let item = raw(&dynamo, "subscription#7").await;
    assert_eq!(
        names(&item),
        ["body", "fence", "pk", "standing", "version"],
        "the sparse index has no place for it"
    );
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_kept_webhook_expires_by_the_tables_own_clock() {
    let (dynamo, ledger) = fresh().await;
    ledger.keep_event(&event()).await.unwrap();
    let item = raw(&dynamo, "event#00ff").await;
    assert_eq!(item["expires"], AttributeValue::N(event().expires.as_second().to_string()));
    done(ledger.write(&subscription(7)).await.unwrap());
    assert_eq!(dynamo.forget_expired(at("2026-12-21T09:12:49Z")).unwrap(), 0);
    assert_eq!(dynamo.forget_expired(at("2026-12-21T09:12:51Z")).unwrap(), 1);
    assert_eq!(ledger.event("00ff").await.unwrap(), None);
    assert!(ledger.mapping(subscription(7).subject).await.unwrap().is_some(), "a mapping never expires");
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_not_there_is_refused_by_name() {
    let (dynamo, _) = fresh().await;
    let settings = Settings::from_table(dynamo.settings()).with([("LEDGER_TABLE", "elsewhere")]);
    let ledger = DynamoLedger::new(&settings, wire::Http::new().unwrap()).unwrap();
    let error = ledger.write(&subscription(7)).await.unwrap_err();
    assert!(
        matches!(&error, LedgerError::Refused(why) if why.starts_with("ResourceNotFoundException")),
        "{error}"
    );
    assert!(ledger.warm().await.is_err());
    ledger.create_table_if_missing().await.unwrap();
    ledger.create_table_if_missing().await.unwrap();
    done(ledger.write(&subscription(7)).await.unwrap());
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_setting_that_is_missing_is_named() {
    let (dynamo, _) = fresh().await;
    for missing in ["LEDGER_TABLE", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let settings = dynamo.settings().into_iter().filter(|(name, _)| *name != missing);
        let ledger = DynamoLedger::new(&Settings::from_table(settings), wire::Http::new().unwrap());
        assert_eq!(ledger.err().unwrap().to_string(), format!("setting {missing} is missing"));
    }
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn a_ledger_on_disk_is_there_after_a_restart() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ledger-restart");
    let _ = std::fs::remove_dir_all(&directory);
    let storage = Storage::Directory(directory);
    let dynamo = EmbeddedDynamo::start(&storage).await.unwrap();
    let left = done(dynamo.ledger(wire::Http::new().unwrap()).unwrap().write(&renewing(7)).await.unwrap());
    dynamo.stop().await.unwrap();
    let dynamo = EmbeddedDynamo::start(&storage).await.unwrap();
    let ledger = dynamo.ledger(wire::Http::new().unwrap()).unwrap();
    assert_eq!(ledger.mapping(left.subject).await.unwrap(), Some(left));
    dynamo.stop().await.unwrap();
}

#[test]
fn the_template_declares_the_table_that_the_code_makes() {
    let template = include_str!("../../../template.yaml");
    let (_, after) = template.split_once("Type: AWS::DynamoDB::Table").unwrap();
    let declared = after.split("\n\n").next().unwrap();
    let table = table_definition("ledger").unwrap();
    let index = &table.global_secondary_indexes()[0];
    let columns = table.attribute_definitions().iter();
    let columns = columns
        .map(|it| format!("AttributeName: {}, AttributeType: {}", it.attribute_name(), it.attribute_type()));
    let keys = table.key_schema().iter().chain(index.key_schema());
    let keys = keys.map(|it| format!("AttributeName: {}, KeyType: {}", it.attribute_name(), it.key_type()));
    let others = [
        format!("IndexName: {}\n", index.index_name()),
        format!("ProjectionType: {} ", index.projection().unwrap().projection_type().unwrap()),
        format!("BillingMode: {}\n", table.billing_mode().unwrap()),
        "TimeToLiveSpecification: { AttributeName: expires, Enabled: true }".to_owned(),
    ];
    for line in columns.chain(keys).chain(others) {
        assert_eq!(declared.matches(&line).count(), 1, "{line}");
    }
    assert_eq!(declared.matches("KeyType: ").count(), 3);
}

fn event() -> KeptEvent {
    KeptEvent {
        digest: "00ff".to_owned(),
        topic: "cleeng/subscriptionReadyForPaymentCapture".to_owned(),
        job: Some("recurring-capture".to_owned()),
        message: r#"{"subscriptionId":"332332332"}"#.to_owned(),
        received: at("2026-11-21T09:12:50.1Z"),
        expires: at("2026-12-21T09:12:50Z"),
    }
}

async fn fresh() -> (EmbeddedDynamo, DynamoLedger) {
    let dynamo = EmbeddedDynamo::start(&Storage::Memory).await.unwrap();
    let ledger = dynamo.ledger(wire::Http::new().unwrap()).unwrap();
    (dynamo, ledger)
}

/// A ledger whose requests go through this weather.
async fn behind(fates: &[Fate]) -> (EmbeddedDynamo, Weather, DynamoLedger) {
    let dynamo = EmbeddedDynamo::start(&Storage::Memory).await.unwrap();
    let weather = Weather::before(dynamo.url(), fates).await;
    let settings =
        Settings::from_table(dynamo.settings()).with([("AWS_ENDPOINT_URL_DYNAMODB", weather.url.as_str())]);
    let ledger = DynamoLedger::new(&settings, wire::Http::new().unwrap()).unwrap();
    (dynamo, weather, ledger)
}

fn names(item: &HashMap<String, AttributeValue>) -> Vec<&str> {
    let mut names: Vec<_> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// An item as the table has it.
pub(super) async fn raw(dynamo: &EmbeddedDynamo, key: &str) -> HashMap<String, AttributeValue> {
    let key = AttributeValue::S(key.to_owned());
    client(dynamo).get_item().table_name("ledger").key("pk", key).send().await.unwrap().item.unwrap()
}

/// Puts an item past the ledger.
async fn put_raw(dynamo: &EmbeddedDynamo, item: HashMap<String, AttributeValue>) {
    client(dynamo).put_item().table_name("ledger").set_item(Some(item)).send().await.unwrap();
}

/// Amazon's client, without our ledger around it.
fn client(dynamo: &EmbeddedDynamo) -> Client {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(wire::aws_http_client(wire::Http::new().unwrap()))
        .endpoint_url(dynamo.url())
        .build();
    Client::from_conf(config)
}
