//! A row as DynamoDB's attributes: few, and readable in the AWS console.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::item::{FENCE_DIGITS, Item, read_sortable, shard, sortable, unreadable};
use crate::{LedgerError, Standing};

/// The attributes of one row.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// Writes a row. What is absent is left out, so that the sparse index lists only what is due.
pub(super) fn write(item: &Item) -> Attributes {
    let text = |value: String| Some(AttributeValue::S(value));
    let number = |value: String| Some(AttributeValue::N(value));
    let attributes = [
        ("pk", text(item.key.clone())),
        ("version", number(item.version.to_string())),
        ("fence", text(format!("{:0FENCE_DIGITS$x}", item.fence))),
        ("standing", item.standing.and_then(|standing| text(standing.as_str().to_owned()))),
        ("body", text(item.body.clone())),
        ("due_shard", item.due.and_then(|_| text(due_shard(shard(&item.key))))),
        ("due", item.due.and_then(|due| text(sortable(due)))),
        ("expires", item.expires.and_then(|expires| number(expires.as_second().to_string()))),
    ];
    attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Reads a row back.
pub(super) fn read(attributes: &Attributes) -> Result<Item, LedgerError> {
    let key = text(attributes, "pk").unwrap_or_default();
    let number = |name| match attributes.get(name) {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    };
    let broken = |why| unreadable(key, why);
    let version = number("version").and_then(|number: i64| u64::try_from(number).ok());
    Ok(Item {
        version: version.ok_or_else(|| broken("its version is not a number"))?,
        fence: text(attributes, "fence")
            .and_then(|fence| u64::from_str_radix(fence, 16).ok())
            .unwrap_or_default(),
        standing: text(attributes, "standing").and_then(standing),
        body: text(attributes, "body").ok_or_else(|| broken("it has no body"))?.to_owned(),
        due: match text(attributes, "due") {
            Some(due) => Some(read_sortable(due).ok_or_else(|| broken("its due time is not a time"))?),
            None => None,
        },
        expires: number("expires").and_then(|second| Timestamp::from_second(second).ok()),
        key: key.to_owned(),
    })
}

/// The partition of the due index that lists what falls into this shard.
pub(super) fn due_shard(shard: u8) -> String {
    format!("due#{shard}")
}

/// A text attribute.
pub(super) fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    match attributes.get(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

fn standing(word: &str) -> Option<Standing> {
    [Standing::Open, Standing::Active, Standing::Ending, Standing::Closed]
        .into_iter()
        .find(|standing| standing.as_str() == word)
}
