//! The queues in SQS.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Builder, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use bytes::Bytes;
use settings::{SettingError, Settings};
use url::Url;
use wire::Transport;

use crate::{Job, Queue, QueueError, body};

/// The queues that functions send to. Its role needs `SendMessage` on the queues of the jobs it names, and nothing else.
#[derive(Clone)]
pub struct SqsQueue {
    client: Client,
    http: wire::Http,
    endpoint: Option<Url>,
    queues: BTreeMap<Job, Url>,
}

/// One attempt usually takes 8 ms; a queue that needs this long will not answer at all.
const ATTEMPT_SECONDS_MAX: Duration = Duration::from_millis(1500);
/// All attempts and the pauses between them.
const OPERATION_SECONDS_MAX: Duration = Duration::from_secs(5);
const ATTEMPTS_MAX: u32 = 3;
/// How long opening the connection may hold up a start.
const WARM_SECONDS_MAX: Duration = Duration::from_secs(1);

impl SqsQueue {
    /// The queues of these jobs, each named by its own setting (`SETTLEMENT_QUEUE_URL`), reached with the region and
    /// credentials of the environment and, where it is set, `AWS_ENDPOINT_URL_SQS`.
    pub fn new(settings: &Settings, http: wire::Http, jobs: &[Job]) -> Result<Self, SettingError> {
        let queues = jobs.iter().map(|job| Ok((*job, settings.address(job.queue_url_setting())?)));
        let endpoint = endpoint(settings)?;
        Ok(Self {
            queues: queues.collect::<Result<_, SettingError>>()?,
            client: client(settings, http.clone(), endpoint.as_ref())?,
            http: http.to_aws(),
            endpoint,
        })
    }

    /// Opens the connection with a request that needs no right and does nothing; belongs into a function's start.
    pub async fn warm(&self) {
        let Some(mut url) = self.endpoint.clone().or_else(|| self.queues.values().next().cloned()) else {
            return;
        };
        url.set_path("/");
        if let Ok(request) = http::Request::get(url.as_str()).body(Bytes::new()) {
            // Whatever comes of it, the first message is sent all the same.
            let _ = self.http.send(request, WARM_SECONDS_MAX).await;
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, job: Job, message: &str, delay: Duration) -> Result<(), QueueError> {
        let refused = |why| QueueError::new(job, why);
        let url = self.queues.get(&job).ok_or_else(|| refused("this function does not send to it"))?;
        body::check(message).map_err(refused)?;
        self.client
            .send_message()
            .queue_url(url.as_str())
            .message_body(message)
            .delay_seconds(body::delay_seconds(delay).map_err(refused)?)
            .send()
            .await
            .map_err(|error| QueueError::new(job, told(&error)))?;
        Ok(())
    }
}

/// Where SQS is, where it is not Amazon's own.
pub(crate) fn endpoint(settings: &Settings) -> Result<Option<Url>, SettingError> {
    const NAME: &str = "AWS_ENDPOINT_URL_SQS";
    settings.optional(NAME)?.map(|_| settings.address(NAME)).transpose()
}

/// Made by hand from the environment: loading it the SDK's own way costs 3 ms and another HTTP stack.
pub(crate) fn client(
    settings: &Settings,
    http: wire::Http,
    endpoint: Option<&Url>,
) -> Result<Client, SettingError> {
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
        .timeout_config(
            TimeoutConfig::builder()
                .read_timeout(ATTEMPT_SECONDS_MAX)
                .operation_attempt_timeout(ATTEMPT_SECONDS_MAX)
                .operation_timeout(OPERATION_SECONDS_MAX)
                .build(),
        );
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint.as_str());
    }
    Ok(Client::from_conf(config.build()))
}

/// The error's code, or what the connection says; never the message, which can repeat what was sent.
pub(crate) fn told<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    let connection = |failure: &aws_sdk_sqs::error::ConnectorError| failure.source().map(ToString::to_string);
    match error {
        SdkError::ServiceError(_) => error.code().unwrap_or("an answer that cannot be read").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        SdkError::DispatchFailure(failure) => {
            failure.as_connector_error().and_then(connection).unwrap_or_else(|| "no connection".to_owned())
        }
        _ => "an answer that cannot be read".to_owned(),
    }
}
