//! The identity that the local system shows its own DynamoDB and SQS: nobody checks it, the SDK only wants to sign.

/// Region and keys, as settings.
pub(crate) fn settings() -> [(&'static str, String); 3] {
    [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")]
        .map(|(name, value)| (name, value.to_owned()))
}
