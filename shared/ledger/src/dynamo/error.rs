//! The table's errors, sorted by whether another attempt can help.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::LedgerError;

/// Sorts an error by its code. The text says the code, and the message only where it speaks of the role or the table:
/// other messages can repeat what was sent.
pub(super) fn told<E>(error: SdkError<E>) -> LedgerError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = error.code().unwrap_or_default();
    match &error {
        SdkError::ServiceError(_) if REFUSALS.contains(&code) => {
            let speaks_of_us = matches!(code, "AccessDeniedException" | "ResourceNotFoundException");
            let message = error.message().filter(|_| speaks_of_us).unwrap_or_default();
            LedgerError::Refused(format!("{code} {message}").trim_end().to_owned())
        }
        SdkError::ServiceError(_) if !code.is_empty() => LedgerError::Unavailable(code.to_owned()),
        SdkError::ConstructionFailure(_) => LedgerError::Refused("the request could not be built".to_owned()),
        SdkError::TimeoutError(_) => LedgerError::Unavailable("no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => {
            let why = failure.as_connector_error().and_then(Error::source).map(ToString::to_string);
            LedgerError::Unavailable(why.unwrap_or_else(|| "no connection".to_owned()))
        }
        _ => LedgerError::Unavailable("an answer that cannot be read".to_owned()),
    }
}

/// What no repetition changes: the request, the role or the table is wrong. All else is throttling or an outage.
const REFUSALS: [&str; 11] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "ItemCollectionSizeLimitExceededException",
    "MissingAuthenticationTokenException",
    "ResourceNotFoundException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
];
