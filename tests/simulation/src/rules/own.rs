//! What must hold of what the connector bills itself: each payment has given something, each gift was paid, at the price
//! that was agreed, and nothing ends before its time or lapses unnoticed.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ledger::Subject;
use local::buyer::{Billing, method_for};
use local::simulators::cleeng::{CleengOrder, CleengPayment, CleengSubscription, SubscriptionState, offers};
use rust_decimal::Decimal;
use wire::Clock;

use super::{Books, order_of};
use crate::plan::Plan;

/// Between the end of the grace and the hour at which Cleeng lets it lapse by itself.
const LAPSE: SignedDuration = SignedDuration::from_hours(12);
/// In calm weather whatever the storm left open is settled after so long: nothing lapses after that.
const SETTLED: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How wrong a clock may be, and how long a due date may wait for a worker.
const MOMENT: SignedDuration = SignedDuration::from_mins(5);
const PATIENCE: SignedDuration = SignedDuration::from_hours(3);
/// The calendar looks once a day whether what was paused goes on; by less than an hour its dates do not move.
const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A subscription and what took its place when it was revived.
struct Chain<'a> {
    ids: BTreeSet<u64>,
    last: &'a CleengSubscription,
}

impl Books<'_> {
    pub(super) fn what_is_ours_is_paid_and_given(&mut self, plan: &Plan) {
        let mut broken = Vec::new();
        for order in self.orders.values().filter(|order| is_ours(order.method)) {
            broken.extend(self.bought(order));
        }
        let own = |row: &&CleengSubscription| row.externally_managed;
        for row in self.subscriptions.values().filter(own) {
            broken.extend(self.ended_in_time(row, plan));
            if row.originated_from.is_none() {
                broken.extend(self.renewed(row, plan));
            }
        }
        self.broken.extend(broken);
    }

    /// Each purchase of ours that is paid has given one thing, and what was given was paid once, or is free at first.
    fn bought(&self, order: &CleengOrder) -> Vec<String> {
        let about = format!("order {} ({}), which is ours to bill,", order.id, order.offer);
        let paid: Vec<_> = self.gateways.iter().filter(|(_, it)| order_of(it) == Some(order.id)).collect();
        let kept = paid.iter().any(|(name, it)| self.kept(name, it) > Decimal::ZERO);
        let recorded = self.cleeng.iter().any(|row| {
            row.captured.is_some()
                && paid.iter().any(|(_, it)| row.external.as_deref() == Some(it.id.as_str()))
        });
        let given = self.given(order.id);
        match order.offer.get(..1) {
            Some("S" | "P") if kept && given != 1 => {
                vec![format!("{about} is paid, and gave {given} things")]
            }
            Some("S" | "P") if given > 1 => vec![format!("{about} gave {given} things")],
            Some("S" | "P") if given == 1 && !recorded && !order.price.is_zero() => {
                vec![format!("{about} gave something, and no payment is recorded")]
            }
            Some("E" | "R") if !paid.is_empty() => vec![format!("{about} cannot be given, and was charged")],
            _ => Vec::new(),
        }
    }

    /// Subscriptions and passes that came of an order of ours, without those that took the place of another.
    fn given(&self, order: u64) -> usize {
        let name = format!("order-{order}");
        let named = |it: &Option<String>| it.as_ref() == Some(&name);
        let first = |row: &&CleengSubscription| row.originated_from.is_none() && named(&row.external_id);
        self.subscriptions.values().filter(first).count()
            + self.world.peers.cleeng.passes().iter().filter(|pass| named(&pass.external_id)).count()
    }

    /// As many periods as were paid, each at the price that was agreed.
    fn renewed(&self, first: &CleengSubscription, plan: &Plan) -> Vec<String> {
        let mut broken = Vec::new();
        let chain = self.chain(first, &mut broken);
        let about = format!("subscription {}, which is ours to renew,", first.id);
        let paid: Vec<_> = self
            .cleeng
            .iter()
            .filter(|row| {
                row.captured.is_some() && row.subscription.is_some_and(|id| chain.ids.contains(&id))
            })
            .collect();
        let kept = paid.iter().filter(|row| !row.held().is_zero()).count();
        let given = usize::try_from(chain.last.periods.saturating_sub(1)).unwrap_or(0);
        if kept > given {
            broken.push(format!("{about} was renewed {given} times, and {kept} renewals are paid"));
        }
        if given > paid.len() {
            broken
                .push(format!("{about} was renewed {given} times, and {} payments are recorded", paid.len()));
        }
        broken.extend(self.lasted(first, &chain, plan).map(|what| format!("{about} {what}")));
        broken.extend(self.priced(first, &chain, &paid).map(|what| format!("{about} {what}")));
        broken
    }

    fn chain<'a>(&'a self, first: &'a CleengSubscription, broken: &mut Vec<String>) -> Chain<'a> {
        let mut chain = Chain { ids: BTreeSet::from([first.id]), last: first };
        loop {
            let heirs = |row: &&CleengSubscription| row.originated_from == Some(chain.last.id);
            let mut heirs = self.subscriptions.values().filter(heirs);
            let Some(heir) = heirs.next() else { return chain };
            if heirs.next().is_some() {
                broken.push(format!("{} was revived more than once", chain.last.id));
            }
            chain.ids.insert(heir.id);
            chain.last = heir;
        }
    }

    /// Each period has its whole time, and what was paused of it is given again.
    fn lasted(&self, first: &CleengSubscription, chain: &Chain<'_>, plan: &Plan) -> Option<String> {
        let order = self.orders.values().find(|it| first.external_id == Some(format!("order-{}", it.id)))?;
        let days = if first.offer == offers::WEEKLY { 7 } else { 28 };
        let begins = if order.discount_kind == "trial" { 14 } else { days };
        let whole = begins + days * i64::from(chain.last.periods.saturating_sub(1));
        let all = self.world.paused.borrow();
        let paused: SignedDuration = chain.ids.iter().filter_map(|id| Some(all.get(id)?.time)).sum();
        let least = SignedDuration::from_hours(24 * whole).saturating_add(paused);
        let beyond = LAPSE.saturating_add(SignedDuration::from_hours(plan.switches.own_dunning.1));
        let lasts = chain.last.ends.duration_since(first.began).saturating_sub(beyond);
        let short = lasts.saturating_add(HOUR).saturating_add(HOUR) < least;
        short.then(|| format!("lasts {lasts:#}, and its {} periods {least:#}", chain.last.periods))
    }

    /// The agreed price: what the order cost, where nothing was taken off that.
    fn priced(
        &self,
        first: &CleengSubscription,
        chain: &Chain<'_>,
        paid: &[&CleengPayment],
    ) -> Option<String> {
        let agreed = self.items.iter().find_map(|item| match item.subject {
            Subject::Subscription(id) if id.number() == chain.last.id => item.terms.as_ref(),
            _ => None,
        })?;
        let order = first.external_id.as_deref()?.strip_prefix("order-")?.parse().ok();
        let order = order.and_then(|order| self.orders.get(&order))?;
        if order.discount_kind.is_empty() && order.price != agreed.price {
            return Some(format!("was bought for {}, and renews for {}", order.price, agreed.price));
        }
        let wrong = paid.iter().find(|row| row.price != agreed.price || row.tax != agreed.tax)?;
        Some(format!("was to cost {} ({}), not {} ({})", agreed.price, agreed.tax, wrong.price, wrong.tax))
    }

    /// What cannot be paid ends when its grace is over and not before, what its customer stopped when it is due; it does not
    /// wait for Cleeng to let it lapse.
    fn ended_in_time(&self, row: &CleengSubscription, plan: &Plan) -> Option<String> {
        let grace = SignedDuration::from_hours(plan.switches.own_dunning.1);
        let before = |at: Timestamp, time: SignedDuration| at.checked_sub(time).unwrap_or(at);
        let after = |at: Timestamp, time: SignedDuration| at.checked_add(time).unwrap_or(at);
        let over = before(row.ends, LAPSE);
        let due = before(over, grace);
        let paused = self.world.paused.borrow().contains_key(&row.id);
        let (moment, patience) = if paused {
            (MOMENT.saturating_add(HOUR), PATIENCE.saturating_add(DAY))
        } else {
            (MOMENT, PATIENCE)
        };
        let Some((kind, at)) = &row.terminated else {
            let late = after(due, patience) < self.world.clock.now();
            return (row.status == SubscriptionState::Stopped && late)
                .then(|| format!("{} was stopped and due at {due}, and has not ended", row.id));
        };
        // What failed late had given a period before it was paid, if it ever was.
        let failed = self.world.failed_late.borrow();
        let failed = |it: &CleengPayment| it.external.as_ref().is_some_and(|it| failed.contains(it));
        let unpaid = self.cleeng.iter().any(|it| it.subscription == Some(row.id) && failed(it));
        let early = |hour: Timestamp| !unpaid && after(*at, moment) < hour;
        let calm = after(crate::life::storm_ends(plan), SETTLED);
        match kind.as_str() {
            "paymentCancel" if !plan.switches.hard_decline_ends && early(over) => {
                Some(format!("{} ended at {at}, and its grace was not over before {over}", row.id))
            }
            "paymentCancel" | "userCancel" if early(due) => {
                Some(format!("{} ended at {at}, and was not due before {due}", row.id))
            }
            "expired" if *at > calm => Some(format!("{} lapsed at {at} unnoticed", row.id)),
            _ => None,
        }
    }
}

fn is_ours(method: Option<u64>) -> bool {
    ["stripe", "adyen"].into_iter().any(|gateway| method == Some(method_for(gateway, Billing::OwnSchedule)))
}
