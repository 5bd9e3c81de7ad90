//! The table, as data: what template.yaml declares for the cloud, the local system and tests make from here.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableInput;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableInputBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use super::error;
use crate::LedgerError;

/// The sparse index's name.
pub(super) const DUE_INDEX: &str = "due";
/// The attribute by which the table drops kept webhooks.
const EXPIRES: &str = "expires";

/// The table's definition: hash key `pk`; the index `due` over `due_shard` and `due`, keys only; paid on demand.
/// Beside it, time to live is on for the attribute `expires`.
pub fn table_definition(name: &str) -> Result<CreateTableInput, BuildError> {
    definition(name)?.build()
}

/// Makes the table unless it is there.
pub(super) async fn create_if_missing(client: &Client, name: &str) -> Result<(), LedgerError> {
    let refused = |error: BuildError| LedgerError::Refused(error.to_string());
    let made = definition(name).map_err(refused)?.send_with(client).await;
    match made {
        Ok(_) => {}
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => {
            return Ok(());
        }
        Err(error) => return Err(error::told(error)),
    }
    let expiry =
        TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES).build().map_err(refused)?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(expiry)
        .send()
        .await
        .map_err(error::told)?;
    Ok(())
}

fn definition(name: &str) -> Result<CreateTableInputBuilder, BuildError> {
    let column = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
    };
    let key =
        |name: &str, part: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(part).build();
    let due = GlobalSecondaryIndex::builder()
        .index_name(DUE_INDEX)
        .key_schema(key("due_shard", KeyType::Hash)?)
        .key_schema(key("due", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()?;
    Ok(CreateTableInput::builder()
        .table_name(name)
        .attribute_definitions(column("pk")?)
        .attribute_definitions(column("due_shard")?)
        .attribute_definitions(column("due")?)
        .key_schema(key("pk", KeyType::Hash)?)
        .global_secondary_indexes(due)
        .billing_mode(BillingMode::PayPerRequest))
}
