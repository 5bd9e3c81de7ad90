//! The `application/x-www-form-urlencoded` bodies that Stripe takes, with its bracket names.

use std::borrow::Cow;

/// Parameters in the order they were put, so that the same intention always makes the same bytes.
#[derive(Default)]
pub(super) struct Form(Vec<(Cow<'static, str>, Cow<'static, str>)>);

impl Form {
    /// Adds one parameter.
    pub(super) fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// The encoded text: a body, or a query.
    pub(super) fn encode(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// Whether nothing was put.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
