//! The sparse index of what the timer must look at.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use jiff::Timestamp;

use super::attributes::{Attributes, due_shard, text};
use super::{error, table};
use crate::item::{read_sortable, shard, sortable};
use crate::{DueItem, DuePage, LedgerError};

/// Marks the row of a webhook as due, or as no longer due; leaves one alone that is gone.
pub(super) async fn mark(
    client: &Client,
    table: &str,
    key: &str,
    due: Option<Timestamp>,
) -> Result<(), LedgerError> {
    let update = client
        .update_item()
        .table_name(table)
        .key("pk", super::text(key))
        .condition_expression("attribute_exists(#pk)")
        .expression_attribute_names("#pk", "pk")
        .expression_attribute_names("#shard", "due_shard")
        .expression_attribute_names("#due", "due");
    let update = match due {
        Some(due) => update
            .update_expression("SET #shard = :shard, #due = :due")
            .expression_attribute_values(":shard", super::text(&due_shard(shard(key))))
            .expression_attribute_values(":due", super::text(&sortable(due))),
        None => update.update_expression("REMOVE #shard, #due"),
    };
    match update.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(error::told(error)),
        },
    }
}

/// One page of what a shard lists as due.
pub(super) async fn page(
    client: &Client,
    table: &str,
    of_shard: u8,
    until: Timestamp,
    limit: u32,
    after: Option<&DueItem>,
) -> Result<DuePage, LedgerError> {
    let mut start = after.map(|last| place(of_shard, last));
    loop {
        let answer = client
            .query()
            .table_name(table)
            .index_name(table::DUE_INDEX)
            .key_condition_expression("#shard = :shard AND #due <= :until")
            .expression_attribute_names("#shard", "due_shard")
            .expression_attribute_names("#due", "due")
            .expression_attribute_values(":shard", super::text(&due_shard(of_shard)))
            .expression_attribute_values(":until", super::text(&sortable(until)))
            .limit(i32::try_from(limit.clamp(1, 1000)).unwrap_or(1))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(error::told)?;
        let items: Vec<_> = answer.items().iter().filter_map(entry).collect();
        start = answer.last_evaluated_key;
        // A page without a readable entry would leave the caller nowhere to continue after.
        if start.is_none() || !items.is_empty() {
            return Ok(DuePage { items, more: start.is_some() });
        }
    }
}

/// Where in the index an entry stands.
fn place(of_shard: u8, item: &DueItem) -> Attributes {
    let parts =
        [("pk", item.key.to_string()), ("due_shard", due_shard(of_shard)), ("due", sortable(item.due))];
    parts.into_iter().map(|(name, value)| (name.to_owned(), super::text(&value))).collect()
}

fn entry(attributes: &Attributes) -> Option<DueItem> {
    let read = || {
        Some(DueItem {
            due: read_sortable(text(attributes, "due")?)?,
            key: text(attributes, "pk")?.parse().ok()?,
        })
    };
    let entry = read();
    if entry.is_none() {
        tracing::error!(key = text(attributes, "pk"), "An entry of the due index cannot be read");
    }
    entry
}
