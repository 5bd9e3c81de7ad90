//! What lives were full of, so that nobody takes an empty one for a good one.

use std::collections::BTreeMap;

use local::simulators::cleeng::{CleengSubscription, PaymentState, SubscriptionState};
use queue::Job;

use super::Books;
use crate::switches::CAPTCHA_HOST;

/// What a life was full of, so that nobody takes an empty one for a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<&'static str, u64>);

impl Counts {
    pub(super) fn add(&mut self, what: &'static str, count: usize) {
        *self.0.entry(what).or_default() += u64::try_from(count).unwrap_or(0);
    }

    /// Adds another life's.
    pub fn join(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

impl Books<'_> {
    /// Counts what was lived.
    pub(super) fn count(&mut self) {
        let rows = |status| self.cleeng.iter().filter(|row| row.status == status).count();
        let renewals =
            || self.cleeng.iter().filter(|row| row.subscription.is_some() && row.captured.is_some());
        let renewed = renewals().count();
        let own = |row: &&CleengSubscription| row.externally_managed;
        let passes = self.world.peers.cleeng.passes();
        let counts = [
            ("own subscriptions", self.subscriptions.values().filter(own).count()),
            ("own renewals", renewals().filter(|row| row.order.is_none()).count()),
            (
                "own revived",
                self.subscriptions.values().filter(own).filter(|it| it.originated_from.is_some()).count(),
            ),
            ("passes", passes.len()),
            ("own passes", passes.iter().filter(|pass| pass.external_id.is_some()).count()),
            (
                "captchas away",
                self.world.chance.struck().iter().filter(|it| it.id.contains(CAPTCHA_HOST)).count(),
            ),
            ("captured", rows(PaymentState::Captured)),
            ("renewals captured", renewed),
            ("rejected", rows(PaymentState::Rejected)),
            ("cancelled", rows(PaymentState::Cancelled)),
            ("refunded", rows(PaymentState::Refunded)),
            ("subscriptions", self.subscriptions.len()),
            (
                "ended",
                self.subscriptions.values().filter(|it| it.status == SubscriptionState::Terminated).count(),
            ),
            ("dead letters left", Job::ALL.iter().map(|job| self.world.queue.depth(*job).dead).sum()),
            ("deaths", self.world.deaths.get()),
            ("undone", self.undone()),
        ];
        let noted = self.world.noted.borrow().clone();
        for (what, count) in counts.into_iter().chain(noted) {
            self.counts.add(what, count);
        }
    }

    /// Attempts that took another back.
    fn undone(&self) -> usize {
        let all = self.items.iter().flat_map(|item| &item.attempts);
        all.filter(|attempt| attempt.intention.identity.is_undo()).count()
    }
}
