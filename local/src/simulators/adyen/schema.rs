//! Checks requests against Adyen's official description (v71), where its file is at hand.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};
use settings::Settings;

/// What the official description says against this request body; `None` where it agrees or is not at hand.
/// The first complaint suffices; it names the place, not the value.
pub(super) fn complaint(schema: &str, body: &Value) -> Option<String> {
    let validator = validators().get(schema)?;
    let error = validator.iter_errors(body).next()?;
    Some(format!("{schema} at {:?}: {}", error.instance_path().to_string(), error.kind().keyword()))
}

/// The request bodies that are checked.
const SCHEMAS: [&str; 7] = [
    "PaymentRequest",
    "PaymentDetailsRequest",
    "PaymentMethodsRequest",
    "PaymentCaptureRequest",
    "PaymentCancelRequest",
    "PaymentRefundRequest",
    "StandalonePaymentCancelRequest",
];
const FILE: &str = "adyen-CheckoutService-v71.trimmed.json";

/// Compiled once for the whole process. `GATEWAY_SPECS_DIR` says where the file is; by default beside the checkout.
fn validators() -> &'static HashMap<&'static str, Validator> {
    static VALIDATORS: OnceLock<HashMap<&'static str, Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let settings = Settings::from_environment();
        let directory = settings.optional("GATEWAY_SPECS_DIR").ok().flatten().map(PathBuf::from);
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/specs");
        let file = directory.unwrap_or_else(beside).join(FILE);
        let description =
            std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let Some(components) = description.and_then(|mut whole| whole.get_mut("components").map(Value::take))
        else {
            tracing::debug!(
                "Adyen's official description is not at hand; requests are not checked against it"
            );
            return HashMap::new();
        };
        let compiled = SCHEMAS.into_iter().filter_map(|name| {
            let root = json!({"$ref": format!("#/components/schemas/{name}"), "components": &components});
            Some((name, jsonschema::validator_for(&root).ok()?))
        });
        compiled.collect()
    })
}
