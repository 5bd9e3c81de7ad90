//! The real transport: one reqwest client with one TLS configuration (ring, embedded roots) for Cleeng, the gateways and AWS alike.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rustls::pki_types::CertificateDer;

use crate::transport::{BODY_BYTES_MAX, Reply, Transport};

/// The shared HTTP client. Cloning it shares its connections.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    to_aws: reqwest::Client,
}

/// Below the shortest idle time-out seen among peers, so that a reused connection is seldom one they closed.
const IDLE_SECONDS_MAX: Duration = Duration::from_secs(15);
/// DynamoDB closes an idle connection after about a minute; until then the next event need not open one.
const IDLE_AT_AWS_SECONDS_MAX: Duration = Duration::from_secs(50);
const CONNECT_SECONDS_MAX: Duration = Duration::from_secs(3);

impl Http {
    /// Builds the client: ring, the embedded Mozilla roots, no redirects, no proxy from the environment.
    pub fn new() -> Result<Self, HttpError> {
        Self::trusting(Vec::new())
    }

    /// The same, trusting these authorities too: for peers on this machine that speak TLS. No setting leads here.
    pub fn trusting(more: Vec<CertificateDer<'static>>) -> Result<Self, HttpError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(more);
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(HttpError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = |idle, tls| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT_SECONDS_MAX)
                .pool_idle_timeout(idle)
                .tcp_nodelay(true)
                .build()
                .map_err(HttpError::Client)
        };
        Ok(Self {
            client: client(IDLE_SECONDS_MAX, tls.clone())?,
            to_aws: client(IDLE_AT_AWS_SECONDS_MAX, tls)?,
        })
    }

    /// The client whose idle connections live as long as AWS lets them.
    #[must_use]
    pub fn to_aws(self) -> Self {
        Self { client: self.to_aws.clone(), ..self }
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Reply {
        let request = match reqwest::Request::try_from(request) {
            Ok(request) => request,
            Err(error) => return Reply::NotSent(describe(&error)),
        };
        match tokio::time::timeout(timeout, exchange(&self.client, request)).await {
            Ok(reply) => reply,
            Err(_) => Reply::Unknown(format!("no answer within {} ms", timeout.as_millis())),
        }
    }
}

/// Why the client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The TLS provider has no usable protocol version.
    #[error("the TLS configuration was refused")]
    Tls(#[source] rustls::Error),
    /// The HTTP client refused its own configuration.
    #[error("the HTTP client could not be built")]
    Client(#[source] reqwest::Error),
}

async fn exchange(client: &reqwest::Client, request: reqwest::Request) -> Reply {
    let mut answer = match client.execute(request).await {
        Ok(answer) => answer,
        // Connecting comes before the first byte of a request; everything later may have arrived.
        Err(error) if error.is_connect() || error.is_builder() => return Reply::NotSent(describe(&error)),
        Err(error) => return Reply::Unknown(describe(&error)),
    };
    let mut whole = http::Response::builder().status(answer.status());
    if let Some(headers) = whole.headers_mut() {
        *headers = std::mem::take(answer.headers_mut());
    }
    let mut body = BytesMut::new();
    loop {
        match answer.chunk().await {
            Ok(Some(part)) if body.len() + part.len() <= BODY_BYTES_MAX => body.extend_from_slice(&part),
            Ok(Some(_)) => return Reply::Unknown(format!("the answer exceeds {BODY_BYTES_MAX} bytes")),
            Ok(None) => break,
            Err(error) => return Reply::Unknown(describe(&error)),
        }
    }
    match whole.body(body.freeze()) {
        Ok(whole) => Reply::Answered(whole),
        Err(error) => Reply::Unknown(error.to_string()),
    }
}

/// The error's own words without its URL: a URL can hold an id that does not belong in a log.
fn describe(error: &reqwest::Error) -> String {
    use std::error::Error;
    let mut text =
        if error.is_connect() { "could not connect".to_owned() } else { "the exchange broke".to_owned() };
    let mut next = error.source();
    while let Some(inner) = next {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        next = inner.source();
    }
    text
}
