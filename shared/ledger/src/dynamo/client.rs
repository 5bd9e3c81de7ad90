//! The SDK's client, made by hand from the environment: loading it the SDK's own way costs 3 ms and another HTTP stack.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Region};
use settings::{SettingError, Settings};

/// One attempt usually takes 5 ms; a table that needs this long will not answer at all.
const ATTEMPT_SECONDS_MAX: Duration = Duration::from_millis(1500);
/// All attempts and the pauses between them.
const OPERATION_SECONDS_MAX: Duration = Duration::from_secs(5);
const ATTEMPTS_MAX: u32 = 3;

/// A client with `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and where they are set
/// `AWS_SESSION_TOKEN` and `AWS_ENDPOINT_URL_DYNAMODB`. Lambda's credentials change only with its environment.
pub(super) fn from_settings(settings: &Settings, http: wire::Http) -> Result<Client, SettingError> {
    let mut config = Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(settings.required("AWS_REGION")?.to_owned()))
        .credentials_provider(settings.aws_credentials()?)
        .http_client(wire::aws_http_client(http))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS_MAX)
                .with_initial_backoff(Duration::from_millis(50))
                .with_max_backoff(Duration::from_millis(500)),
        )
        .timeout_config(timeouts(ATTEMPT_SECONDS_MAX, OPERATION_SECONDS_MAX));
    if settings.optional("AWS_ENDPOINT_URL_DYNAMODB")?.is_some() {
        config = config.endpoint_url(settings.address("AWS_ENDPOINT_URL_DYNAMODB")?);
    }
    Ok(Client::from_conf(config.build()))
}

/// Settings of a single operation that may not be repeated nor take longer than this.
pub(super) fn one_attempt_within(time: Duration) -> Builder {
    Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts(time, time))
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .read_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}
