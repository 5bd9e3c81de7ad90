//! Customers' tokens: a browser's JWT is read without being believed, then proved by Cleeng itself (MediaStore API).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use payment::{CustomerId, Failure};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use wire::{Deadline, Wire};

use crate::Error;
use crate::request::{Ask, exchange};
use crate::settings::MediaStoreSettings;

/// Cleeng's MediaStore API, as far as it proves who a browser is. It holds no key.
#[derive(Clone)]
pub struct MediaStore {
    wire: Wire,
    settings: MediaStoreSettings,
}

/// Why a browser is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("no customer token")]
    Missing,
    /// It is not one of Cleeng's, or Cleeng does not accept it.
    #[error("the customer token is not valid")]
    Invalid,
    /// It was one; the customer must sign in again.
    #[error("the customer token has expired")]
    Expired,
    /// Cleeng could not be asked: nobody is refused for that.
    #[error("the customer token could not be checked")]
    Unavailable(#[source] Error),
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unavailable(cause) => {
                Self::retry("the customer token could not be checked").because(cause)
            }
            refused => Self::refuse(refused.to_string()),
        }
    }
}

/// Far above Cleeng's tokens (under 1 KB), and below what a header may hold.
const TOKEN_BYTES_MAX: usize = 4096;

impl MediaStore {
    /// A client of the API that the settings name.
    pub fn new(wire: Wire, settings: MediaStoreSettings) -> Self {
        Self { wire, settings }
    }

    /// Whose token this is. The claims (`customerId`, `exp`) only say what to ask: an expired token is refused at
    /// once, any other is proved by reading that customer with it (MediaStore: Fetch customer's data), which Cleeng
    /// allows to that customer alone.
    pub async fn verify_customer(
        &self,
        jwt: &SecretString,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<CustomerId, TokenError> {
        let token = jwt.expose_secret().trim();
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        let claims = claims(token).ok_or(TokenError::Invalid)?;
        if claims.exp <= now.as_second() {
            return Err(TokenError::Expired);
        }
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| TokenError::Invalid)?;
        bearer.set_sensitive(true);
        let ask = Ask::get("GET customer", format!("/customers/{}", claims.customer_id));
        let answer = exchange(&self.wire, &self.settings.url, ask, (AUTHORIZATION, bearer), deadline).await;
        let answer = answer.map_err(|error| match error {
            Error::Unauthorised { .. } | Error::NotFound { .. } | Error::Refused { .. } => {
                TokenError::Invalid
            }
            error => TokenError::Unavailable(error),
        })?;
        let customer: CustomerBody = answer.resource("customer").map_err(TokenError::Unavailable)?;
        if customer.id == claims.customer_id { Ok(customer.id) } else { Err(TokenError::Invalid) }
    }
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    customer_id: CustomerId,
    exp: i64,
}

#[derive(Deserialize)]
struct CustomerBody {
    id: CustomerId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("eyJhbGciOiJIUzI1NiJ9.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn claims_are_read_with_ids_of_either_kind_and_nothing_else_passes() {
        assert_eq!(
            claims(&token(r#"{"customerId":362344331,"exp":5}"#)).unwrap().customer_id.number(),
            362_344_331
        );
        assert_eq!(claims(&token(r#"{"customerId":"362344331","exp":5,"x":1}"#)).unwrap().exp, 5);
        for wrong in [
            token(r#"{"customerId":"../orders","exp":5}"#),
            token(r#"{"customerId":1}"#),
            "a.b".to_owned(),
            format!("{}.d", token(r#"{"customerId":1,"exp":5}"#)),
            "x".repeat(5000),
        ] {
            assert!(claims(&wrong).is_none(), "{wrong}");
        }
    }
}
