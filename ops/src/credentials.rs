//! AWS credentials as the `aws` command finds them: profiles, single sign-on, assumed roles, whatever the operator has set up there.

use std::process::Command;

use serde::Deserialize;
use settings::Settings;

use crate::OpenError;

/// What `aws configure export-credentials --format process` prints: AWS's own way to hand credentials to a program.
/// Not `Debug`: nothing of it is ever printed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    session_token: Option<String>,
}

/// The settings with credentials, where something in AWS is named: Cleeng alone can be asked without any. Those of the
/// environment count unless a profile is named.
pub(crate) fn with_credentials(settings: Settings, profile: Option<&str>) -> Result<Settings, OpenError> {
    let has = |name| settings.optional(name).is_ok_and(|value| value.is_some());
    let in_aws = ["LEDGER_TABLE", "SECRETS", "SETTLEMENT_QUEUE_URL"].into_iter().any(has);
    if !in_aws || (profile.is_none() && has("AWS_ACCESS_KEY_ID")) {
        return Ok(settings);
    }
    let printed = aws(&["configure", "export-credentials", "--format", "process"], profile)?;
    let found: Exported = serde_json::from_str(&printed)
        .map_err(|_| OpenError::Credentials("the aws command printed something else".to_owned()))?;
    let mut more = vec![
        ("AWS_ACCESS_KEY_ID", found.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", found.secret_access_key),
        ("AWS_SESSION_TOKEN", found.session_token.unwrap_or_default()),
    ];
    if !has("AWS_REGION") {
        more.push(("AWS_REGION", aws(&["configure", "get", "region"], profile)?.trim().to_owned()));
    }
    Ok(settings.with(more))
}

/// Runs the `aws` command; its own words where it refuses.
fn aws(arguments: &[&str], profile: Option<&str>) -> Result<String, OpenError> {
    let mut command = Command::new("aws");
    command.args(arguments);
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    let done = command.output().map_err(|error| {
        OpenError::Credentials(format!(
            "the environment has none, and the aws command cannot be asked ({error}): export AWS_ACCESS_KEY_ID and its like"
        ))
    })?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(OpenError::Credentials(String::from_utf8_lossy(&done.stderr).trim().to_owned())),
    }
}
