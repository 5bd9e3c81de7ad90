//! The ledger in DynamoDB: one consistent read, one conditional write, no transactions.

mod attributes;
mod client;
mod due;
mod error;
mod scan;
mod table;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use settings::{SettingError, Settings};

pub use self::table::table_definition;

use crate::item::{Item, event_key};
use crate::{DueItem, DuePage, Kept, KeptEvent, Ledger, LedgerError, Mapping, Subject, Written};

/// The ledger that functions use. Cloning it shares its client and connections.
///
/// Its role needs `GetItem`, `PutItem` and `UpdateItem` on the table; the timer and the operator also `Query` on its
/// index and `Scan`. It never needs `DeleteItem`.
#[derive(Clone)]
pub struct DynamoLedger {
    client: Client,
    table: String,
}

/// How long opening the connection may hold up a start.
const WARM_SECONDS_MAX: Duration = Duration::from_secs(1);
/// A key that no item has.
const NOBODY: &str = "nobody";

impl DynamoLedger {
    /// The table named by `LEDGER_TABLE`, reached with the region and credentials of the environment.
    pub fn new(settings: &Settings, http: wire::Http) -> Result<Self, SettingError> {
        let table = settings.required("LEDGER_TABLE")?.to_owned();
        Ok(Self { client: client::from_settings(settings, http)?, table })
    }

    /// Opens the connection by reading an item that is not there, once and for at most a second; belongs into a
    /// function's start. A failure is not one of the start: the first event tries again.
    pub async fn warm(&self) -> Result<(), LedgerError> {
        let ask =
            self.client.get_item().table_name(&self.table).key("pk", text(NOBODY)).consistent_read(false);
        let brief = client::one_attempt_within(WARM_SECONDS_MAX);
        ask.customize().config_override(brief).send().await.map_err(error::told)?;
        Ok(())
    }

    /// Makes the table of [`table_definition`] unless it is there: for the local system and tests. In the cloud the
    /// template makes it, and no function may.
    pub async fn create_table_if_missing(&self) -> Result<(), LedgerError> {
        table::create_if_missing(&self.client, &self.table).await
    }

    async fn read(&self, key: &str) -> Result<Option<Item>, LedgerError> {
        let ask = self.client.get_item().table_name(&self.table).key("pk", text(key)).consistent_read(true);
        let answer = ask.send().await.map_err(error::told)?;
        answer.item().map(attributes::read).transpose()
    }
}

#[async_trait]
impl Ledger for DynamoLedger {
    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        self.read(&subject.to_string()).await?.as_ref().map(Item::mapping).transpose()
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        let (item, written) = Item::of_mapping(mapping)?;
        Ok(match self.put(&item, Some(mapping.version).filter(|read| *read > 0)).await? {
            Put::Done => Written::Done(written),
            // The SDK repeats a put whose answer was lost, and then meets what it wrote itself.
            Put::Found(Some(found)) if found == item => Written::Done(written),
            Put::Found(found) => Written::Lost(found.as_ref().map(Item::mapping).transpose()?),
        })
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        let item = Item::of_event(event, fastrand::u64(..))?;
        Ok(match self.put(&item, None).await? {
            Put::Done => Kept::New,
            Put::Found(Some(found)) if found.fence == item.fence => Kept::New,
            Put::Found(_) => Kept::Known,
        })
    }

    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError> {
        self.read(&event_key(digest)).await?.as_ref().map(Item::event).transpose()
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        due::mark(&self.client, &self.table, &event_key(digest), due).await
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        limit: u32,
        after: Option<&DueItem>,
    ) -> Result<DuePage, LedgerError> {
        due::page(&self.client, &self.table, shard, until, limit, after).await
    }

    async fn page(&self, limit: u32, after: Option<Subject>) -> Result<Vec<Mapping>, LedgerError> {
        scan::mappings(&self.client, &self.table, limit, after).await
    }
}

/// What came of a conditional put.
enum Put {
    Done,
    Found(Option<Item>),
}

impl DynamoLedger {
    /// Puts a row on the condition that the version there is `read`, or that there is none.
    async fn put(&self, item: &Item, read: Option<u64>) -> Result<Put, LedgerError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(attributes::write(item)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match read {
            None => {
                put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", "pk")
            }
            Some(version) => put
                .condition_expression("#version = :read")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":read", AttributeValue::N(version.to_string())),
        };
        match put.send().await {
            Ok(_) => Ok(Put::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Put::Found(failed.item().map(attributes::read).transpose()?))
                }
                _ => Err(error::told(error)),
            },
        }
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
