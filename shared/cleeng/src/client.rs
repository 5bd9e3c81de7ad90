//! The client that every resource's calls hang on.

use std::sync::Arc;

use wire::{Deadline, Wire};

use crate::Error;
use crate::request::{Answer, Ask, exchange};
use crate::settings::CleengSettings;

/// Cleeng's API 3.1, spoken with the publisher's key. A clone shares everything.
#[derive(Clone)]
pub struct Cleeng {
    wire: Wire,
    pub(crate) settings: Arc<CleengSettings>,
}

impl Cleeng {
    /// A client of the API that the settings name.
    pub fn new(wire: Wire, settings: CleengSettings) -> Self {
        Self { wire, settings: Arc::new(settings) }
    }

    pub(crate) async fn ask(&self, ask: Ask, deadline: Deadline) -> Result<Answer, Error> {
        let credential = (http::HeaderName::from_static("x-publisher-token"), self.settings.token.clone());
        exchange(&self.wire, &self.settings.url, ask, credential, deadline).await
    }
}
