//! The official descriptions of Stripe's requests, loaded once: what a request breaks of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use settings::Settings;

/// Both pinned descriptions: the OpenAPI file of 2023-08-16 and the parameters of 2026-10-28.endive.
pub struct Specs {
    openapi: Value,
    parameters: Value,
    /// Compiled as they are first needed: most runs need four or five of them.
    compiled: Mutex<BTreeMap<String, Option<Arc<Compiled>>>>,
}

struct Compiled {
    schema: Value,
    validator: Validator,
}

/// Beside the checkout, unless `GATEWAY_SPECS_DIR` says another place.
const DEFAULT_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs");
const OPENAPI: &str = "stripe-2023-08-16.trimmed.json";
const PARAMETERS: &str = "stripe-2026-10-28.endive.request-params.schema.json";

/// Where the official descriptions are looked for.
pub fn directory() -> PathBuf {
    let settings = Settings::from_environment();
    let named = settings.optional("GATEWAY_SPECS_DIR").ok().flatten().map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(DEFAULT_DIR))
}

/// The descriptions, where they are there.
pub fn specs() -> Option<&'static Specs> {
    static SPECS: OnceLock<Option<Specs>> = OnceLock::new();
    SPECS.get_or_init(|| Specs::load(&directory())).as_ref()
}

impl Specs {
    fn load(directory: &Path) -> Option<Self> {
        let read = |name: &str| serde_json::from_slice(&std::fs::read(directory.join(name)).ok()?).ok();
        Some(Self { openapi: read(OPENAPI)?, parameters: read(PARAMETERS)?, compiled: Mutex::default() })
    }

    /// What a request's parameters (a tree of texts) break; `path` as in `/v1/payment_intents/pi_1/capture`.
    pub fn broken_by_request(&self, method: &str, path: &str, tree: &Value) -> Vec<String> {
        let Some(template) = self.template(method, path) else {
            return vec![format!("{method} {path} is not in the official description")];
        };
        let mut broken = Vec::new();
        let old = format!("2023-08-16 {method} {template}");
        // Confirmation tokens came later; whatever else such a request says is checked.
        let without_token = without(tree, "confirmation_token");
        broken.extend(self.check(&old, &without_token, || self.openapi_request(method, &template)));
        if let Some(name) = definition(method, &template) {
            broken.extend(self.check(&format!("2026-10-28 {name}"), tree, || self.definition(name)));
        }
        broken
    }

    /// What an answer breaks of the OpenAPI file, by the name of its schema (`payment_intent`).
    pub fn broken_by_answer(&self, schema: &str, answer: &Value) -> Vec<String> {
        let name = format!("2023-08-16 {schema}");
        let Some(compiled) = self.compiled(&name, || {
            let mut root = json!({ "$ref": format!("#/components/schemas/{schema}") });
            root.as_object_mut()?
                .insert("components".to_owned(), modern(self.openapi.get("components")?, false));
            Some(root)
        }) else {
            return vec![format!("{name} cannot be compiled")];
        };
        complaints(&name, &compiled.validator, answer)
    }

    /// The words of an enum in the OpenAPI file's schemas, by a JSON pointer below `/components/schemas`.
    pub fn words(&self, pointer: &str) -> Vec<String> {
        let words = self.openapi.pointer(&format!("/components/schemas{pointer}")).and_then(Value::as_array);
        words.into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
    }

    fn check(&self, name: &str, tree: &Value, schema: impl FnOnce() -> Option<Value>) -> Vec<String> {
        match self.compiled(name, schema) {
            Some(compiled) => {
                let typed = typed(tree, &compiled.schema, &compiled.schema);
                complaints(name, &compiled.validator, &typed)
            }
            None => vec![format!("{name} is not in the official description")],
        }
    }

    fn compiled(&self, name: &str, schema: impl FnOnce() -> Option<Value>) -> Option<Arc<Compiled>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let schema = schema()?;
            let validator = jsonschema::draft7::new(&schema).ok()?;
            Some(Arc::new(Compiled { schema, validator }))
        };
        compiled.entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// The path as the description writes it (`/v1/payment_intents/{intent}/capture`).
    fn template(&self, method: &str, path: &str) -> Option<String> {
        let paths = self.openapi.get("paths")?.as_object()?;
        let fits = |template: &str| {
            let (mut wanted, mut given) = (template.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        let method = method.to_ascii_lowercase();
        paths
            .iter()
            .find(|(template, calls)| fits(template) && calls.get(&method).is_some())
            .map(|(path, _)| path.clone())
    }

    fn openapi_request(&self, method: &str, template: &str) -> Option<Value> {
        let call = self.openapi.get("paths")?.get(template)?.get(method.to_ascii_lowercase())?;
        let content = call.get("requestBody")?.get("content")?;
        Some(modern(content.get("application/x-www-form-urlencoded")?.get("schema")?, true))
    }

    fn definition(&self, name: &str) -> Option<Value> {
        let definitions = self.parameters.get("definitions")?;
        definitions.get(name)?;
        Some(json!({ "$ref": format!("#/definitions/{name}"), "definitions": definitions }))
    }
}

/// Which definition of the newest parameters a call has.
fn definition(method: &str, template: &str) -> Option<&'static str> {
    Some(match (method, template.strip_prefix("/v1/")?) {
        ("POST", "customers") => "CustomerCreateParams",
        ("POST", "payment_intents") => "PaymentIntentCreateParams",
        ("POST", "payment_intents/{intent}/cancel") => "PaymentIntentCancelParams",
        ("POST", "payment_intents/{intent}/capture") => "PaymentIntentCaptureParams",
        ("POST", "payment_intents/{intent}/confirm") => "PaymentIntentConfirmParams",
        ("POST", "refunds") => "RefundCreateParams",
        ("POST", "setup_intents") => "SetupIntentCreateParams",
        ("POST", "setup_intents/{intent}/confirm") => "SetupIntentConfirmParams",
        _ => return None,
    })
}

fn complaints(name: &str, validator: &Validator, instance: &Value) -> Vec<String> {
    // The place only: an error's own words repeat what was sent.
    validator
        .iter_errors(instance)
        .map(|error| format!("{name}: {} at {}", error.schema_path(), error.instance_path()))
        .collect()
}

/// OpenAPI 3.0 in the words of JSON Schema: `nullable` becomes a choice, and a request's objects that list their
/// members take no others.
fn modern(schema: &Value, closed: bool) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| modern(item, closed)).collect(),
        Value::Object(members) => {
            let mut modern_members: Map<String, Value> = members
                .iter()
                .filter(|(name, value)| !(*name == "nullable" && value.is_boolean()))
                .map(|(name, value)| (name.clone(), modern(value, closed)))
                .collect();
            let lists = members.get("properties").is_some_and(Value::is_object);
            if closed && lists && !members.contains_key("additionalProperties") {
                modern_members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            let whole = Value::Object(modern_members);
            if members.get("nullable") == Some(&Value::Bool(true)) {
                json!({ "anyOf": [whole, { "type": "null" }] })
            } else {
                whole
            }
        }
        other => other.clone(),
    }
}

/// A tree of texts with the types that its schema wants: a form has none of its own.
fn typed(tree: &Value, schema: &Value, root: &Value) -> Value {
    let shapes = shapes(schema, root);
    match tree {
        Value::String(text) => {
            let wants = |kind: &str| {
                shapes.iter().any(|shape| shape.get("type").and_then(Value::as_str) == Some(kind))
            };
            let number = || text.parse::<i64>().ok().filter(|_| wants("integer") || wants("number"));
            match text.as_str() {
                "true" if wants("boolean") => Value::Bool(true),
                "false" if wants("boolean") => Value::Bool(false),
                _ => number().map_or_else(|| tree.clone(), Value::from),
            }
        }
        Value::Array(items) => {
            let item = shapes.iter().find_map(|shape| shape.get("items")).unwrap_or(&Value::Null);
            items.iter().map(|value| typed(value, item, root)).collect()
        }
        Value::Object(members) => {
            let member = |name: &str| {
                let of = |shape: &&Value| {
                    let listed = shape.get("properties").and_then(|listed| listed.get(name));
                    listed.or_else(|| shape.get("additionalProperties")).cloned()
                };
                shapes.iter().find_map(of).unwrap_or_default()
            };
            let members =
                members.iter().map(|(name, value)| (name.clone(), typed(value, &member(name), root)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// The alternatives of a schema, references followed.
fn shapes<'a>(schema: &'a Value, root: &'a Value) -> Vec<&'a Value> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let pointer =
            name.trim_start_matches('#').replace("%3C", "<").replace("%3E", ">").replace("%22", "\"");
        return root.pointer(&pointer).map(|target| shapes(target, root)).unwrap_or_default();
    }
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(choices) => choices.iter().flat_map(|choice| shapes(choice, root)).collect(),
        None => vec![schema],
    }
}

fn without(tree: &Value, member: &str) -> Value {
    let mut tree = tree.clone();
    if let Some(members) = tree.as_object_mut() {
        members.remove(member);
    }
    tree
}
