//! Who tells people from machines: a captcha's check of the siteverify kind, which takes each solution once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use wire::simulated::Peer;

/// The check, with all solutions that it ever gave out.
#[derive(Default)]
pub(crate) struct Siteverify(Mutex<BTreeMap<String, Solution>>);

struct Solution {
    /// What card or order somebody was to be let try.
    whose: String,
    taken: bool,
}

impl Siteverify {
    /// What a page gets when somebody solves a captcha.
    pub(crate) fn solve(&self, whose: &str) -> String {
        let mut solutions = self.solutions();
        let value = format!("solved-{}", solutions.len());
        solutions.insert(value.clone(), Solution { whose: whose.to_owned(), taken: false });
        value
    }

    /// How many solutions were taken for this.
    pub(crate) fn taken(&self, whose: &str) -> usize {
        self.solutions().values().filter(|solution| solution.taken && solution.whose == whose).count()
    }

    fn solutions(&self) -> MutexGuard<'_, BTreeMap<String, Solution>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer for Siteverify {
    fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let form = String::from_utf8_lossy(request.body());
        let given = form.split('&').find_map(|pair| pair.strip_prefix("response="));
        let mut solutions = self.solutions();
        let solution = given.and_then(|given| solutions.get_mut(given)).filter(|solution| !solution.taken);
        let passes = solution.map(|solution| solution.taken = true).is_some();
        Response::new(Bytes::from(json!({ "success": passes, "hostname": "shop.test" }).to_string()))
    }
}
