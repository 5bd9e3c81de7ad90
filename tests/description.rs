//! docs/openapi.yaml as something that a request and its answer can be held against.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "only tests use it")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use http::{Request, Response, header};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The description, read once.
pub struct Description {
    root: Value,
    compiled: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// What the file says.
pub fn description() -> &'static Description {
    static READ: OnceLock<Description> = OnceLock::new();
    READ.get_or_init(|| {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.yaml");
        let text = std::fs::read_to_string(file).unwrap();
        Description { root: serde_saphyr::from_str(&text).unwrap(), compiled: Mutex::default() }
    })
}

/// Panics where a request or its answer is not as described.
pub fn hold_to_description(request: &Request<Bytes>, response: &Response<Bytes>) {
    let broken = description().broken(
        request.method().as_str(),
        request.uri().path(),
        request.body(),
        response.status().as_u16(),
        &|name| Some(response.headers().get(name)?.to_str().ok()?.to_owned()),
        response.body(),
    );
    assert!(
        broken.is_empty(),
        "docs/openapi.yaml says otherwise of {} {} → {}: {broken:#?}\n{}",
        request.method(),
        request.uri().path(),
        response.status(),
        String::from_utf8_lossy(response.body())
    );
}

impl Description {
    /// Each path with what it says of POST, which is all there is.
    pub fn paths(&self) -> &Map<String, Value> {
        self.root["paths"].as_object().unwrap()
    }

    /// A part of the file, by its JSON pointer.
    pub fn at(&self, pointer: &str) -> &Value {
        self.root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in docs/openapi.yaml"))
    }

    /// What a request and its answer break. A request that was served must be one that is described; what was refused
    /// may have been anything. Answers must always be as described.
    pub fn broken(
        &self,
        method: &str,
        path: &str,
        request: &[u8],
        status: u16,
        header: &dyn Fn(&str) -> Option<String>,
        answer: &[u8],
    ) -> Vec<String> {
        let kind = header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let Some(operation) = self.operation(method, path) else {
            let refusal = self.broken_body("/components/schemas/Refusal", answer);
            return if status == 404 {
                refusal
            } else {
                vec!["an unknown call was not refused by 404".to_owned()]
            };
        };
        let mut broken = Vec::new();
        if (200..300).contains(&status) {
            let body = self.followed(format!("{operation}/requestBody"));
            let told = self.broken_body(&format!("{body}/content/application~1json/schema"), request);
            broken.extend(told.into_iter().map(|why| format!("it was served, and its request: {why}")));
        }
        let place = format!("{operation}/responses/{status}");
        if self.root.pointer(&place).is_none() {
            broken.push(format!("{status} is not described"));
            return broken;
        }
        let place = self.followed(place);
        let schema = format!("{place}/content/{}/schema", kind.replace('/', "~1"));
        if self.root.pointer(&schema).is_none() {
            broken.push(format!("{status} as {kind:?} is not described"));
        } else if kind == "application/json" {
            broken.extend(self.broken_body(&schema, answer));
        } else {
            broken.extend(self.broken_value(&schema, &json!(String::from_utf8_lossy(answer))));
        }
        let headers = self.root.pointer(&format!("{place}/headers")).and_then(Value::as_object);
        for name in headers.into_iter().flat_map(Map::keys).filter(|name| header(name).is_none()) {
            let place = self.followed(format!("{place}/headers/{name}"));
            if self.at(&place)["required"] == true {
                broken.push(format!("the header {name} is missing"));
            }
        }
        broken
    }

    /// What a value breaks of the schema at this pointer.
    pub fn broken_value(&self, schema: &str, value: &Value) -> Vec<String> {
        let validator = {
            let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            compiled.entry(schema.to_owned()).or_insert_with(|| Arc::new(self.compile(schema))).clone()
        };
        validator
            .iter_errors(value)
            .map(|error| format!("{} at {:?}", error, error.instance_path().to_string()))
            .collect()
    }

    fn broken_body(&self, schema: &str, body: &[u8]) -> Vec<String> {
        match serde_json::from_slice(body) {
            Ok(value) => self.broken_value(schema, &value),
            Err(error) => vec![format!("it is not JSON: {error}")],
        }
    }

    /// Pointers inside a schema are pointers into the whole file, so the file goes along.
    fn compile(&self, schema: &str) -> Validator {
        let mut root = self.root.clone();
        // A reference is an address, in which the braces of a path's parameter may not stand bare.
        root["$ref"] = json!(format!("#{}", schema.replace('{', "%7B").replace('}', "%7D")));
        jsonschema::draft202012::new(&root).unwrap()
    }

    /// The pointer of the operation that serves a path such as `/connectors/stripe/initial-payment`.
    fn operation(&self, method: &str, path: &str) -> Option<String> {
        let serves = |template: &str| {
            let (mut one, mut other) = (template.split('/'), path.trim_end_matches('/').split('/'));
            loop {
                match (one.next(), other.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        let (template, item) = self.paths().iter().find(|(template, _)| serves(template))?;
        let method = method.to_lowercase();
        item.get(&method)?;
        Some(format!("/paths/{}/{method}", template.replace('/', "~1")))
    }

    /// Where a pointer leads that may stand at a `$ref`.
    pub fn followed(&self, pointer: String) -> String {
        match self.at(&pointer)["$ref"].as_str() {
            Some(reference) => reference.trim_start_matches('#').to_owned(),
            None => pointer,
        }
    }
}
