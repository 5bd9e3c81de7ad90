//! A captcha before each new card, where a deployment wants one: its value is passed on to a check of the siteverify kind
//! (reCAPTCHA, hCaptcha and Turnstile speak alike).

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use payment::GatewayName;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use settings::{SettingError, Settings};
use url::{Url, form_urlencoded};
use wire::{Call, Deadline, Repeat, Reply, Wire};

use crate::http::Refusal;

/// Whether somebody must prove to be a person before a card is tried.
pub struct Captcha(Option<Check>);

struct Check {
    wire: Wire,
    url: Url,
    secret: SecretString,
}

/// Nobody waits longer for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than any of the three makes them.
const VALUE_BYTES_MAX: usize = 8192;

#[derive(Deserialize)]
struct Verdict {
    #[serde(default)]
    success: bool,
}

impl Captcha {
    /// Reads `CAPTCHA_VERIFY_URL` (off where it is absent) and `CAPTCHA_SECRET`. A live deployment speaks https with it.
    pub fn from_settings(settings: &Settings, wire: &Wire) -> Result<Self, SettingError> {
        const URL: &str = "CAPTCHA_VERIFY_URL";
        if settings.optional(URL)?.is_none() {
            return Ok(Self(None));
        }
        let url = settings.address(URL)?;
        if settings.optional("CONNECTOR_MODE")? == Some("live") && url.scheme() != "https" {
            return Err(SettingError::malformed(URL, "a live deployment speaks https"));
        }
        let secret = settings.secret("CAPTCHA_SECRET")?;
        Ok(Self(Some(Check { wire: wire.clone(), url, secret })))
    }

    /// Refuses whoever did not solve it. Where the check cannot be made, nobody's card is tried: a captcha that opens by
    /// being unreachable stops nobody.
    pub async fn check(
        &self,
        gateway: &GatewayName,
        given: Option<&str>,
        address: Option<IpAddr>,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        let Some(check) = &self.0 else { return Ok(()) };
        let given = given.map(str::trim).filter(|given| (1..=VALUE_BYTES_MAX).contains(&given.len()));
        let given = given.ok_or_else(|| {
            Refusal::body("Let the customer solve the captcha, and send its value as `captcha`.")
        })?;
        match check.ask(given, address, deadline).await {
            Ok(Verdict { success: true }) => Ok(()),
            Ok(_) => {
                tracing::info!(%gateway, "A captcha was not solved");
                let message =
                    "The captcha was not solved. Let the customer solve a new one, then send its value.";
                Err(Refusal::unservable(gateway, message))
            }
            Err(why) => {
                tracing::error!(%gateway, alarm = "captcha", "No captcha can be checked, so that no card is tried: {why}");
                Err(Refusal::later(gateway))
            }
        }
    }
}

impl Check {
    fn form(&self, given: &str, address: Option<IpAddr>) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("secret", self.secret.expose_secret()).append_pair("response", given);
        if let Some(address) = address {
            form.append_pair("remoteip", &address.to_string());
        }
        form.finish()
    }

    /// Never sent twice: a value counts once.
    async fn ask(&self, given: &str, address: Option<IpAddr>, deadline: Deadline) -> Result<Verdict, String> {
        let request = http::Request::post(self.url.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(Bytes::from(self.form(given, address)))
            .map_err(|error| error.to_string())?;
        let call = Call { request, timeout: TIMEOUT, repeat: Repeat::OnlyIfNotSent, deadline };
        match self.wire.send(call).await {
            Reply::Answered(answer) if answer.status().is_success() => {
                serde_json::from_slice(answer.body()).map_err(|_| "its answer cannot be read".to_owned())
            }
            Reply::Answered(answer) => Err(answer.status().to_string()),
            Reply::NotSent(why) | Reply::Unknown(why) => Err(why),
        }
    }
}
