//! Lets the AWS SDK speak through our own HTTP client, so that a function carries one HTTP and TLS stack instead of two.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::Http;
use crate::transport::{Reply, Transport};

/// The HTTP client to put into an AWS SDK configuration.
pub fn aws_http_client(http: Http) -> SharedHttpClient {
    SharedHttpClient::new(Connector { http: http.to_aws(), timeout: READ_SECONDS_MAX })
}

/// Used where the SDK names no read time-out of its own.
const READ_SECONDS_MAX: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Connector {
    http: Http,
    timeout: Duration,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wire::Http")
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let timeout = settings.read_timeout().unwrap_or(READ_SECONDS_MAX);
        SharedHttpConnector::new(Self { http: self.http.clone(), timeout })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { http, timeout } = self.clone();
        HttpConnectorFuture::new(async move {
            match http.send(with_whole_body(request)?, timeout).await {
                Reply::Answered(answer) => HttpResponse::try_from(answer.map(SdkBody::from))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                // The SDK repeats both; every write to the table is conditional, so that a repetition is harmless.
                Reply::NotSent(why) => Err(ConnectorError::io(why.into())),
                Reply::Unknown(why) => Err(ConnectorError::timeout(why.into())),
            }
        })
    }
}

fn with_whole_body(request: HttpRequest) -> Result<http::Request<Bytes>, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body
        .bytes()
        .map(Bytes::copy_from_slice)
        .ok_or_else(|| ConnectorError::user("a streaming body is not supported".into()))?;
    Ok(http::Request::from_parts(parts, body))
}
