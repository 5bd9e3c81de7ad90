//! Reads a function's secrets from Secrets Manager: JSON objects whose members are settings.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Builder, Region};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use futures::future::try_join_all;
use settings::{SettingError, Settings};

use crate::parties::StartError;

/// The secrets that this function may read (`SECRETS`, comma-separated ARNs).
pub(crate) struct Secrets {
    client: Client,
    names: Vec<String>,
}

/// Why secrets cannot be used. Names and codes only, never a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not give it.
    #[error("the secret {name} cannot be read: {code}")]
    Unavailable {
        /// Its ARN.
        name: String,
        /// The service's code, or the transport's word.
        code: String,
    },
    /// It holds something else.
    #[error("the secret {name} is not a JSON object whose members are texts")]
    NotSettings {
        /// Its ARN.
        name: String,
    },
}

const READ_SECONDS_MAX: Duration = Duration::from_secs(4);

/// The same settings with the secrets that `SECRETS` names, as a function has them: for a command that runs once.
pub async fn with_secrets(settings: Settings, http: &wire::Http) -> Result<Settings, StartError> {
    match Secrets::from_settings(&settings, http)? {
        Some(secrets) => Ok(settings.with(secrets.read().await?)),
        None => Ok(settings),
    }
}

impl Secrets {
    /// `None` where `SECRETS` is absent: then every setting stands in the environment, as on a laptop.
    pub(crate) fn from_settings(
        settings: &Settings,
        http: &wire::Http,
    ) -> Result<Option<Self>, SettingError> {
        let Some(names) = settings.optional("SECRETS")? else { return Ok(None) };
        let mut config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.required("AWS_REGION")?.to_owned()))
            .credentials_provider(settings.aws_credentials()?)
            .http_client(wire::aws_http_client(http.clone()))
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(TimeoutConfig::builder().operation_timeout(READ_SECONDS_MAX).build());
        if settings.optional("AWS_ENDPOINT_URL_SECRETS_MANAGER")?.is_some() {
            config = config.endpoint_url(settings.address("AWS_ENDPOINT_URL_SECRETS_MANAGER")?);
        }
        let names = names.split(',').map(|name| name.trim().to_owned()).collect();
        Ok(Some(Self { client: Client::from_conf(config.build()), names }))
    }

    /// All of them, side by side, as one table of settings.
    pub(crate) async fn read(&self) -> Result<BTreeMap<String, String>, SecretError> {
        let all = try_join_all(self.names.iter().map(|name| self.read_one(name))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn read_one(&self, name: &str) -> Result<BTreeMap<String, String>, SecretError> {
        let unavailable =
            |code: &str| SecretError::Unavailable { name: name.to_owned(), code: code.to_owned() };
        let answer = self.client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| unavailable(error.code().unwrap_or("no answer")))?;
        let text = answer.secret_string().ok_or_else(|| unavailable("it is binary"))?;
        serde_json::from_str(text).map_err(|_| SecretError::NotSettings { name: name.to_owned() })
    }
}
