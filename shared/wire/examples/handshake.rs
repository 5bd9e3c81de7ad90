//! Sends so many requests over TLS with the functions' own client: the process in which tests/perf counts a handshake.

use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use wire::{Http, Reply, Transport};

/// `handshake <certificate.der> <url> <requests>`
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("handshake <certificate.der> <url> <requests>");
    let (certificate, url, requests) = (next()?, next()?, next()?.parse::<usize>()?);
    let http = Http::trusting(vec![CertificateDer::from(std::fs::read(certificate)?)])?;
    for _ in 0..requests {
        let request = http::Request::get(&url).body(Bytes::new())?;
        match http.send(request, Duration::from_secs(30)).await {
            Reply::Answered(answer) if answer.status().is_success() => {}
            other => return Err(format!("the TLS peer did not answer: {other:?}").into()),
        }
    }
    Ok(())
}
