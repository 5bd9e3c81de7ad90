//! Form bodies as Stripe reads them: `a[b][]=c` becomes a tree of texts.

use serde_json::{Map, Value};

/// The parameters of one request: a tree whose leaves are texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Params(Value);

impl Params {
    /// Reads an encoded form or query; `None` where a name is not well formed.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut root = Value::Object(Map::new());
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let (head, rest) = name.split_once('[').map_or((&*name, ""), |(head, rest)| (head, rest));
            let mut steps = vec![head];
            if !rest.is_empty() {
                steps.extend(rest.strip_suffix(']')?.split("]["));
            }
            put(&mut root, &steps, value.into_owned())?;
        }
        Some(Self(root))
    }

    /// The whole tree.
    pub(super) fn tree(&self) -> &Value {
        &self.0
    }

    /// A text by its path (`/metadata/reference`).
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.0.pointer(path)?.as_str()
    }

    /// A whole number by its path.
    pub(super) fn number(&self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, path: &str) -> bool {
        self.text(path) == Some("true")
    }

    /// The texts of `metadata`.
    pub(super) fn metadata(&self) -> std::collections::BTreeMap<String, String> {
        let members = self.0.pointer("/metadata").and_then(Value::as_object);
        let texts = members.into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_str()?)));
        texts.map(|(name, value)| (name.clone(), value.to_owned())).collect()
    }

    /// Whether `expand[]` names this member.
    pub(super) fn expands(&self, member: &str) -> bool {
        let names = self.0.pointer("/expand").and_then(Value::as_array);
        names.into_iter().flatten().any(|name| name.as_str() == Some(member))
    }
}

fn put(place: &mut Value, steps: &[&str], text: String) -> Option<()> {
    let Some((step, rest)) = steps.split_first() else {
        *place = Value::String(text);
        return Some(());
    };
    if step.is_empty() {
        if place.is_null() {
            *place = Value::Array(Vec::new());
        }
        let items = place.as_array_mut()?;
        items.push(Value::Null);
        return put(items.last_mut()?, rest, text);
    }
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    put(place.as_object_mut()?.entry(*step).or_insert(Value::Null), rest, text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_become_a_tree() {
        let params =
            Params::read("amount=699&metadata%5Ba%5D=1&expand[]=x&expand[]=y&a[b][c]=d%20e").unwrap();
        let tree =
            json!({"amount": "699", "metadata": {"a": "1"}, "expand": ["x", "y"], "a": {"b": {"c": "d e"}}});
        assert_eq!(params.tree(), &tree);
        assert!(params.expands("y") && !params.expands("z"));
        assert_eq!(Params::read("a[b=1"), None);
        assert_eq!(Params::read("a=1&a[b]=2"), None);
    }
}
