//! All mappings, page by page, for the daily comparison and for operators.

use aws_sdk_dynamodb::Client;

use super::{attributes, error};
use crate::item::if_readable;
use crate::{LedgerError, Mapping, Subject};

/// Rows looked at by one request: at the few kilobytes that the largest take, the answer stays within what `wire` reads.
const ROWS_PER_REQUEST: i32 = 200;

/// Reads on until the page is full or the table ends.
pub(super) async fn mappings(
    client: &Client,
    table: &str,
    limit: u32,
    after: Option<Subject>,
) -> Result<Vec<Mapping>, LedgerError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut page = Vec::new();
    let mut start = after.map(|subject| [("pk".to_owned(), super::text(&subject.to_string()))].into());
    loop {
        let answer = client
            .scan()
            .table_name(table)
            .consistent_read(true)
            .limit(ROWS_PER_REQUEST)
            .filter_expression("attribute_exists(#standing)")
            .expression_attribute_names("#standing", "standing")
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(error::told)?;
        let read = |row| attributes::read(row).and_then(|item| item.mapping());
        page.extend(answer.items().iter().filter_map(|row| if_readable(read(row))));
        start = answer.last_evaluated_key;
        if start.is_none() || page.len() >= limit {
            page.truncate(limit);
            return Ok(page);
        }
    }
}
