//! Weather that breaks chosen exchanges, so many times, and is clear otherwise.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use wire::simulated::{Fate, Fault, Weather};

/// Which exchanges go wrong, how, and how often.
pub(crate) struct Strike {
    pub(crate) host: &'static str,
    pub(crate) method: &'static str,
    /// What the path must end with.
    pub(crate) path: &'static str,
    pub(crate) fault: Fault,
    pub(crate) times: u32,
}

/// Breaks what its strikes name, in their order; more can be added while the story goes on.
#[derive(Default)]
pub(crate) struct Storm(Mutex<Vec<Strike>>);

impl Storm {
    pub(crate) fn calm() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn strike(&self, strike: Strike) {
        self.0.lock().unwrap().push(strike);
    }

    /// From now on nothing goes wrong.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Whether everything that was to go wrong has.
    pub(crate) fn is_over(&self) -> bool {
        self.0.lock().unwrap().iter().all(|strike| strike.times == 0)
    }
}

impl Weather for Storm {
    fn fate(&self, host: &str, request: &Request<Bytes>) -> Fate {
        let mut strikes = self.0.lock().unwrap();
        let struck = strikes.iter_mut().find(|strike| {
            strike.times > 0
                && host.starts_with(strike.host)
                && request.method() == strike.method
                && request.uri().path().ends_with(strike.path)
        });
        let fault = struck.map(|strike| {
            strike.times -= 1;
            strike.fault.clone()
        });
        Fate { fault, ..Fate::default() }
    }
}
