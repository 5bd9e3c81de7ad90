//! Whether a webhook is Cleeng's: HMAC-SHA256 over the raw body with any live secret, in constant time.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use secrecy::ExposeSecret;
use sha2::Sha256;

use super::Event;
use crate::settings::{SignatureEncoding, WebhookSettings};

/// Verifies deliveries. It knows secrets that verify and nothing that could act.
#[derive(Clone, Debug)]
pub struct Verifier {
    settings: WebhookSettings,
}

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The header is not there.
    #[error("the signature is missing")]
    Missing,
    /// No live secret made this signature.
    #[error("the signature does not match any live secret")]
    Signature,
}

impl From<WebhookSettings> for Verifier {
    fn from(settings: WebhookSettings) -> Self {
        Self { settings }
    }
}

impl Verifier {
    /// A verifier with these secrets.
    pub fn new(settings: WebhookSettings) -> Self {
        settings.into()
    }

    /// Verifies one delivery over its raw bytes, before anything is parsed (guide: Webhooks verification; header name
    /// and encoding are settings).
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Rejected> {
        let WebhookSettings { secrets, header, encoding, .. } = &self.settings;
        if secrets.is_empty() {
            return Ok(());
        }
        let given = headers.get(header).ok_or(Rejected::Missing)?;
        let given =
            given.to_str().ok().and_then(|text| decode(text, *encoding)).ok_or(Rejected::Signature)?;
        // Every secret is tried, so that the time taken does not tell which one is live.
        let matches = secrets.iter().fold(false, |matched, secret| {
            let made = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
            matched | made.is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok())
        });
        if matches { Ok(()) } else { Err(Rejected::Signature) }
    }

    /// Whether an event is of the publisher that is expected here (`CLEENG_PUBLISHER_ID`): a sandbox's event must not
    /// reach a live deployment, nor the reverse. Where none is expected, every event is.
    pub fn is_of_this_publisher(&self, event: &Event) -> bool {
        self.settings.publisher.is_none_or(|expected| event.publisher == Some(expected))
    }
}

fn decode(text: &str, encoding: SignatureEncoding) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = text.strip_prefix("sha256=").unwrap_or(text);
    match encoding {
        SignatureEncoding::Hex => hex::decode(text).ok(),
        SignatureEncoding::Base64 => BASE64_STANDARD.decode(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use settings::Settings;

    const OLD: &str = "old-secret-of-16";
    const NEW: &str = "new-secret-of-16";
    const BODY: &[u8] =
        "{\"broadcasterId\":558186818,\"topic\":\"x\",\"data\":{\"name\":\"Zoë\"}}\n".as_bytes();

    fn verifier(more: &[(&'static str, &'static str)]) -> Verifier {
        let table = Settings::from_table([("CLEENG_WEBHOOK_SECRETS", format!("{OLD},{NEW}"))])
            .with(more.iter().copied());
        WebhookSettings::from_settings(&table).unwrap().into()
    }

    fn sign(secret: &str, body: &[u8]) -> Vec<u8> {
        Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .unwrap()
            .chain_update(body)
            .finalize()
            .into_bytes()
            .to_vec()
    }

    fn headers(signature: &str) -> HeaderMap {
        HeaderMap::from_iter([("x-cleeng-signature".parse().unwrap(), signature.parse().unwrap())])
    }

    #[test]
    fn both_secrets_are_live_while_one_is_being_rotated() {
        for secret in [OLD, NEW] {
            let hex = hex::encode(sign(secret, BODY));
            for text in [hex.clone(), hex.to_uppercase(), format!("sha256={hex}")] {
                assert_eq!(verifier(&[]).verify(&headers(&text), BODY), Ok(()), "{text}");
            }
        }
        assert_eq!(
            verifier(&[]).verify(&headers(&hex::encode(sign("third-secret-16b", BODY))), BODY),
            Err(Rejected::Signature)
        );
    }

    #[test]
    fn every_byte_counts_also_the_last_line_feed() {
        let signature = headers(&hex::encode(sign(NEW, BODY)));
        assert_eq!(verifier(&[]).verify(&signature, BODY.trim_ascii_end()), Err(Rejected::Signature));
        assert_eq!(verifier(&[]).verify(&HeaderMap::new(), BODY), Err(Rejected::Missing));
        for text in ["", "zz", "sha256="] {
            assert_eq!(verifier(&[]).verify(&headers(text), BODY), Err(Rejected::Signature), "{text}");
        }
    }

    #[test]
    fn base64_in_another_header_is_a_setting() {
        let other = verifier(&[
            ("CLEENG_WEBHOOK_SIGNATURE_ENCODING", "base64"),
            ("CLEENG_WEBHOOK_SIGNATURE_HEADER", "X-Signature"),
        ]);
        let text = BASE64_STANDARD.encode(sign(NEW, BODY));
        let headers = HeaderMap::from_iter([("x-signature".parse().unwrap(), text.parse().unwrap())]);
        assert_eq!(other.verify(&headers, BODY), Ok(()));
    }

    #[test]
    fn an_event_of_another_publisher_is_told_apart() {
        let event = crate::webhook::read(BODY).unwrap();
        assert!(verifier(&[]).is_of_this_publisher(&event));
        assert!(verifier(&[("CLEENG_PUBLISHER_ID", "558186818")]).is_of_this_publisher(&event));
        assert!(!verifier(&[("CLEENG_PUBLISHER_ID", "1")]).is_of_this_publisher(&event));
        let nobodys = crate::webhook::read(br#"{"topic":"x"}"#).unwrap();
        assert!(!verifier(&[("CLEENG_PUBLISHER_ID", "558186818")]).is_of_this_publisher(&nobodys));
    }
}
