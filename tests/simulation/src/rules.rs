//! What must hold when everything is at rest, over three ledgers: ours, the gateways' and Cleeng's.

mod counts;
mod own;
mod switches;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use ledger::{Attempt, Ledger, Mapping, Stage, Standing, Subject};
use local::simulators::GatewayPayment;
use local::simulators::cleeng::{
    CleengOrder, CleengPayment, CleengSubscription, PaymentState, SubscriptionState,
};
use payment::{Money, Reference};
use rust_decimal::Decimal;
use wire::Clock;

use crate::frail::waits_for_its_date;
use crate::plan::Plan;
use crate::world::World;

pub use counts::Counts;

/// Everything that the rules look at.
struct Books<'a> {
    world: &'a World,
    gateways: Vec<(&'static str, GatewayPayment)>,
    cleeng: Vec<CleengPayment>,
    orders: BTreeMap<u64, CleengOrder>,
    subscriptions: BTreeMap<u64, CleengSubscription>,
    items: Vec<Mapping>,
    /// Payments that a person must look at: what they come to is not known yet.
    parked: BTreeSet<String>,
    broken: Vec<String>,
    counts: Counts,
}

/// Checks all rules; `endless` says what kept a life from its rest.
pub(crate) async fn check(world: &World, plan: &Plan, endless: Option<String>) -> (Vec<String>, Counts) {
    let mut gateways = Vec::new();
    for name in ["stripe", "adyen"] {
        let payments = world.peers.gateway(name).map(|gateway| gateway.payments()).unwrap_or_default();
        gateways.extend(payments.into_iter().map(|payment| (name, payment)));
    }
    let subscriptions = world.peers.cleeng.subscriptions().into_iter().map(|row| (row.id, row)).collect();
    let orders = world.peers.cleeng.orders().into_iter().map(|order| (order.id, order)).collect();
    let mut books = Books {
        world,
        gateways,
        cleeng: world.peers.cleeng.payments(),
        orders,
        subscriptions,
        items: items(world).await,
        parked: BTreeSet::new(),
        broken: endless.into_iter().collect(),
        counts: Counts::default(),
    };
    books.note_parked();
    books.one_charge_for_each_period();
    books.gateways_and_cleeng_agree();
    books.the_right_customer_and_card();
    books.nothing_is_left_open();
    books.ends_agree(plan);
    books.what_is_ours_is_paid_and_given(plan);
    books.switches_are_obeyed(plan);
    books.nobody_complains();
    books.count();
    (books.broken, books.counts)
}

/// All items, those that have ended too.
async fn items(world: &World) -> Vec<Mapping> {
    let mut subjects = BTreeSet::new();
    for order in world.peers.cleeng.orders() {
        subjects.extend(order.id.try_into().map(Subject::Order));
        subjects.extend(order.customer.try_into().map(Subject::Customer));
    }
    for payment in world.peers.cleeng.payments() {
        subjects.extend(payment.id.try_into().map(Subject::Payment));
    }
    for subscription in world.peers.cleeng.subscriptions() {
        subjects.extend(subscription.id.try_into().map(Subject::Subscription));
    }
    let mut items = Vec::new();
    for subject in subjects {
        items.extend(world.kept.mapping(subject).await.ok().flatten());
    }
    items
}

/// The order that a payment at a gateway is for.
fn order_of(payment: &GatewayPayment) -> Option<u64> {
    payment.reference.as_deref()?.strip_prefix("order.")?.split('.').next()?.parse().ok()
}

impl Books<'_> {
    fn breaks(&mut self, what: impl Into<String>) {
        self.broken.push(what.into());
    }

    /// What the gateway keeps, in Cleeng's units.
    fn kept(&self, gateway: &str, payment: &GatewayPayment) -> Decimal {
        let back = payment.refunded_minor.saturating_add(payment.disputed_minor);
        let money = Money { minor: payment.captured_minor.saturating_sub(back), ..payment.asked };
        let name = gateway.parse().ok();
        let adapter = name.and_then(|name| self.world.gateways.get(&name));
        let units = adapter.and_then(|adapter| adapter.minor_units(money.currency));
        units.map_or(Decimal::MIN, |units| money.to_price(units).amount)
    }

    fn note_parked(&mut self) {
        let mut reasons = Vec::new();
        for item in self.items.clone() {
            for attempt in &item.attempts {
                if let Stage::Parked { why, .. } = &attempt.stage {
                    self.counts.add("parked", 1);
                    if self.cannot_be_asked(attempt) {
                        continue;
                    }
                    reasons.push(format!("{} is parked: {why}", attempt.intention.identity));
                    self.parked.insert(attempt.intention.identity.base().reference().as_str().to_owned());
                }
            }
        }
        // In these lives every gateway answers in the end, so that nothing else need be parked.
        self.broken.extend(reasons);
    }

    /// Adyen does not tell whether a payment exists: of a buyer's payment that never reached it nobody can say so for
    /// certain, and a person looks.
    fn cannot_be_asked(&self, attempt: &Attempt) -> bool {
        let intention = &attempt.intention;
        let reference = intention.identity.reference();
        intention.gateway.as_str() == "adyen"
            && intention.verb.buyer_present()
            && !self.gateways.iter().any(|(_, it)| it.reference.as_deref() == Some(reference.as_str()))
    }

    /// For each order, and for each period of a subscription, at most one payment is kept.
    fn one_charge_for_each_period(&mut self) {
        let mut kept: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, payment) in &self.gateways {
            if self.kept(name, payment) <= Decimal::ZERO {
                continue;
            }
            let reference = payment.reference.as_deref().unwrap_or_default();
            let what = reference.rsplit_once('.').map_or(reference, |(what, _)| what).to_owned();
            kept.entry(what).or_default().push(payment.id.clone());
        }
        for (what, payments) in kept.into_iter().filter(|(_, payments)| payments.len() > 1) {
            self.breaks(format!("{what} was charged {} times: {}", payments.len(), payments.join(", ")));
        }
    }

    /// Every amount and every refusal is the same at the gateway and at Cleeng.
    fn gateways_and_cleeng_agree(&mut self) {
        let (mut broken, refused) = (Vec::new(), self.world.sea.refused());
        for (name, payment) in &self.gateways {
            let reference = payment.reference.clone().unwrap_or_default();
            if self.parked.contains(&reference) {
                continue;
            }
            let rows: Vec<_> = self
                .cleeng
                .iter()
                .filter(|row| row.external.as_deref() == Some(payment.id.as_str()))
                .collect();
            let kept = self.kept(name, payment);
            let recorded: Decimal = rows.iter().map(|row| row.held()).sum();
            let about = format!("{name} {} ({reference})", payment.id);
            let reversed = self.world.reversed.borrow().contains(&payment.id);
            if kept != recorded && !reversed {
                broken.push(format!("{about} keeps {kept}, Cleeng records {recorded}"));
            }
            let currency = payment.asked.currency.as_str();
            if rows.iter().any(|row| row.price.currency.as_str() != currency) {
                broken.push(format!("{about} is in {currency}, recorded in another currency"));
            }
            let is_payment = !reference.starts_with("details.");
            if payment.declined
                && is_payment
                && !refused.contains(&payment.id)
                && !rows.iter().any(|row| row.status == PaymentState::Rejected)
            {
                broken.push(format!("{about} was refused, and Cleeng does not know"));
            }
            if payment.held_minor > 0 {
                let waits = rows
                    .iter()
                    .any(|row| row.status == PaymentState::Authorized && self.may_be_captured(row));
                if !waits {
                    broken.push(format!("{about} still holds {}", payment.held_minor));
                }
            }
        }
        let ids: BTreeSet<_> = self.gateways.iter().map(|(_, payment)| payment.id.as_str()).collect();
        for row in &self.cleeng {
            let believed = !row.held().is_zero() || row.status == PaymentState::Authorized;
            let known = row.external.as_deref().is_some_and(|external| ids.contains(external));
            if believed && !known && !row.price.is_zero() {
                broken.push(format!(
                    "Cleeng's payment {} is {:?} as {:?}, which no gateway has",
                    row.id, row.status, row.external
                ));
            }
            if row.status == PaymentState::Authorized && !self.may_be_captured(row) {
                broken.push(format!("Cleeng's payment {} is still authorized", row.id));
            }
        }
        self.broken.extend(broken);
    }

    /// Whether the period that an authorised payment is for is still to come.
    fn may_be_captured(&self, row: &CleengPayment) -> bool {
        let subscription = row.subscription.and_then(|id| self.subscriptions.get(&id));
        let alive = subscription.is_some_and(|it| it.status != SubscriptionState::Terminated);
        let grace = SignedDuration::from_hours(3);
        let ends = row.period_end.and_then(|end| end.checked_add(grace).ok());
        alive && ends.is_some_and(|end| end > self.world.clock.now())
    }

    /// Who pays is who bought, with a card that is theirs.
    fn the_right_customer_and_card(&mut self) {
        let details = self.world.peers.cleeng.payment_details();
        let mut broken = Vec::new();
        for row in self.cleeng.iter().filter(|row| !row.held().is_zero()) {
            let paid = self.gateways.iter().find(|(_, it)| Some(it.id.as_str()) == row.external.as_deref());
            let Some((name, paid)) = paid else { continue };
            let buyer = self.buyer(paid);
            if buyer != Some(row.customer) || paid.customer != Some(row.customer.to_string()) {
                broken
                    .push(format!("{name} {} was paid by {:?}, bought by {buyer:?}", paid.id, paid.customer));
            }
            let Some(token) = paid.token.as_deref() else { continue };
            let owner = self.world.peers.gateway(name).and_then(|gateway| gateway.owner(token));
            if owner != Some(row.customer.to_string()) {
                broken.push(format!("{name} {} was charged to a card of {owner:?}", paid.id));
            }
            // Of what is not its own to bill Cleeng knows no card.
            let known = details.iter().any(|it| it.customer == row.customer && it.token.expose() == token);
            if !known && row.order.is_some() {
                broken.push(format!("{name} {} was charged to a card that Cleeng does not know", paid.id));
            }
        }
        self.broken.extend(broken);
    }

    /// Who bought what a payment is for.
    fn buyer(&self, paid: &GatewayPayment) -> Option<u64> {
        if let Some(order) = order_of(paid) {
            return self.orders.get(&order).map(|order| order.customer);
        }
        let of = paid.reference.as_deref()?.strip_prefix("renewal.")?.split('.').next()?.parse().ok()?;
        self.subscriptions.get(&of).map(|row| row.customer)
    }

    /// No attempt is left that is neither finished nor parked, and no wish that nobody serves.
    fn nothing_is_left_open(&mut self) {
        let mut broken = Vec::new();
        for item in &self.items {
            let waits = waits_for_its_date(item);
            match item.due {
                Some(due) if !waits || due <= self.world.clock.now() => {
                    broken.push(format!("{} is still due at {due}", item.subject));
                }
                None if waits => {
                    broken.push(format!("{} is ours to renew, and nobody will look at it", item.subject));
                }
                _ => {}
            }
            for attempt in &item.attempts {
                if !attempt.is_finished() && !matches!(attempt.stage, Stage::Parked { .. }) {
                    let identity = &attempt.intention.identity;
                    broken.push(format!("{identity} is left {:?}", attempt.stage));
                }
            }
        }
        // What says that it never happened must not have happened.
        let withdrawn = self
            .items
            .iter()
            .flat_map(|item| &item.attempts)
            .filter(|attempt| matches!(&attempt.stage, Stage::Withdrawn { .. }));
        for attempt in withdrawn {
            let reference: Reference = attempt.intention.identity.reference();
            let stands = self.gateways.iter().any(|(name, it)| {
                it.reference.as_deref() == Some(reference.as_str())
                    && (self.kept(name, it) > Decimal::ZERO || it.held_minor > 0)
            });
            if stands {
                broken
                    .push(format!("{} is withdrawn, and stands at the gateway", attempt.intention.identity));
            }
        }
        self.broken.extend(broken);
    }

    /// Ended here is ended there; what Cleeng asked to end has ended; every subscription has its item.
    fn ends_agree(&mut self, plan: &Plan) {
        let mut broken = Vec::new();
        let items: BTreeMap<_, _> = self
            .items
            .iter()
            .filter_map(|item| match item.subject {
                Subject::Subscription(id) => Some((id.number(), item)),
                _ => None,
            })
            .collect();
        let now = self.world.clock.now();
        let overdue =
            |it: &CleengSubscription, by: SignedDuration| it.ends.checked_add(by).is_ok_and(|end| end < now);
        for (id, theirs) in &self.subscriptions {
            let ended = theirs.status == SubscriptionState::Terminated;
            let ours = items.get(id).map(|item| item.standing);
            // What was ended without us is seen when our own calendar looks.
            let unseen = items.get(id).is_some_and(|item| waits_for_its_date(item));
            // What took the place of another, and was never charged, is in the place of nothing here.
            let charged = self.cleeng.iter().any(|row| row.subscription == Some(*id));
            let switched = theirs.originated_from.is_some() && !charged && !theirs.externally_managed;
            match ours {
                None if switched => {}
                None => broken.push(format!("subscription {id} is not in our ledger")),
                Some(Standing::Closed) if !ended => {
                    broken.push(format!("{id} has ended here, not at Cleeng"))
                }
                Some(Standing::Ending) => broken.push(format!("{id} is still being ended")),
                Some(Standing::Active) if ended && !unseen => {
                    broken.push(format!("{id} has ended at Cleeng, not here"))
                }
                _ => {}
            }
            let hours = SignedDuration::from_hours(if plan.switches.one_step { 40 } else { 10 });
            if !ended && overdue(theirs, hours) && theirs.status != SubscriptionState::Paused {
                broken.push(format!("{id} ran out at {} and has not ended", theirs.ends));
            }
        }
        self.broken.extend(broken);
    }

    /// The simulators saw nothing that must not be.
    fn nobody_complains(&mut self) {
        let peers = &self.world.peers;
        for violation in peers.cleeng.violations() {
            self.broken.push(format!("Cleeng saw {:?}: {}", violation.kind, violation.what));
        }
        self.broken.extend(peers.stripe.violations().into_iter().map(|it| format!("Stripe saw: {it}")));
        self.broken.extend(peers.adyen.violations().into_iter().map(|it| format!("Adyen saw: {it}")));
    }
}
