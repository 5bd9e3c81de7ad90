//! Everything the simulated Cleeng remembers, with an index for every look-up that an event needs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::calendar::Cycle;
use super::deliveries::Outbox;
use super::dunning::Actions;
use super::offers::Offer;
use super::records::{CleengDetails, CleengOrder, CleengPass, CleengPayment, CleengSubscription, Customer};
use super::settings::{CleengSimulatorSettings, SimulatedMethod};
use super::violations::Violation;
use super::webhook_subscriptions;

pub(super) struct State {
    pub(super) settings: CleengSimulatorSettings,
    /// The hour of what is being done; it never goes back.
    pub(super) now: Timestamp,
    pub(super) ids: Ids,
    pub(super) customers: BTreeMap<u64, Customer>,
    pub(super) orders: BTreeMap<u64, CleengOrder>,
    pub(super) payments: BTreeMap<u64, CleengPayment>,
    pub(super) details: BTreeMap<u64, CleengDetails>,
    pub(super) subscriptions: BTreeMap<u64, CleengSubscription>,
    pub(super) passes: BTreeMap<u64, CleengPass>,
    /// Open authorisations by the record of the token that they hold money on.
    pub(super) authorised_on: BTreeMap<u64, BTreeSet<u64>>,
    /// The payment that paid for a period of a subscription.
    pub(super) paid_periods: BTreeMap<(u64, Timestamp), u64>,
    /// Externally managed subscriptions by the connector's id.
    pub(super) external_ids: BTreeMap<String, u64>,
    /// What happens when the clock gets there, oldest first; the second number keeps equal hours in order.
    pub(super) due: BTreeMap<(Timestamp, u64), Due>,
    pub(super) dunning: BTreeMap<(u64, Cycle), Actions>,
    /// Prices without tax that were changed, by offer.
    pub(super) prices: BTreeMap<&'static str, Decimal>,
    pub(super) endpoints: BTreeMap<String, Vec<Map<String, Value>>>,
    pub(super) outbox: Outbox,
    pub(super) violations: Vec<Violation>,
    /// Requests in the second that begins here.
    pub(super) rate: (Timestamp, u32),
}

/// What happens when the clock gets there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// A first payment's subscription appears.
    Begin { payment: u64 },
    /// A step of a subscription's dunning plan, unless a newer plan voided it.
    Step { subscription: u64, plan: u64, step: usize },
    /// An authorisation came after the due date: its capture follows.
    CaptureNow { subscription: u64, plan: u64 },
}

/// Ids in Cleeng's shapes, counted up.
pub(super) struct Ids {
    customer: u64,
    order: u64,
    payment: u64,
    details: u64,
    subscription: u64,
    pass: u64,
    due: u64,
}

/// Which ids to take the next of.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Customer,
    Order,
    Payment,
    Details,
    Subscription,
    Pass,
}

impl Ids {
    pub(super) fn next(&mut self, kind: Kind) -> u64 {
        let place = match kind {
            Kind::Customer => &mut self.customer,
            Kind::Order => &mut self.order,
            Kind::Payment => &mut self.payment,
            Kind::Details => &mut self.details,
            Kind::Subscription => &mut self.subscription,
            Kind::Pass => &mut self.pass,
        };
        *place += 1;
        *place
    }
}

impl State {
    pub(super) fn new(settings: CleengSimulatorSettings) -> Self {
        let recommended = |method: &SimulatedMethod| {
            let actions = Actions::recommended(method.authorized_first);
            let id = method.id;
            Cycle::ALL.map(|cycle| ((id, cycle), actions.clone()))
        };
        Self {
            now: Timestamp::UNIX_EPOCH,
            ids: Ids {
                customer: 362_344_330,
                order: 696_713_352,
                payment: 153_633_107,
                details: 665_665_664,
                subscription: 332_332_331,
                pass: 123_456_788,
                due: 0,
            },
            customers: BTreeMap::new(),
            orders: BTreeMap::new(),
            payments: BTreeMap::new(),
            details: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            passes: BTreeMap::new(),
            authorised_on: BTreeMap::new(),
            paid_periods: BTreeMap::new(),
            external_ids: BTreeMap::new(),
            due: BTreeMap::new(),
            dunning: settings
                .payment_methods
                .iter()
                .filter(|it| !it.external)
                .flat_map(recommended)
                .collect(),
            prices: BTreeMap::new(),
            endpoints: webhook_subscriptions::initial(&settings),
            outbox: Outbox::default(),
            violations: Vec::new(),
            rate: (Timestamp::UNIX_EPOCH, 0),
            settings,
        }
    }

    /// Counts a request, and whether it is one too many in its second.
    pub(super) fn is_throttled(&mut self) -> bool {
        let Some(max) = self.settings.quirks.requests_per_second_max else { return false };
        let second = Timestamp::from_second(self.now.as_second()).unwrap_or(self.now);
        let before = if self.rate.0 == second { self.rate.1 } else { 0 };
        self.rate = (second, before.saturating_add(1));
        before >= max
    }

    /// Plans something for later.
    pub(super) fn plan(&mut self, at: Timestamp, what: Due) {
        self.ids.due += 1;
        self.due.insert((at.max(self.now), self.ids.due), what);
    }

    /// What an offer costs without tax.
    pub(super) fn net(&self, offer: &Offer) -> Decimal {
        self.prices.get(offer.id).copied().unwrap_or_else(|| offer.net())
    }

    /// The payment method of this id.
    pub(super) fn method(&self, id: u64) -> Option<&SimulatedMethod> {
        self.settings.payment_methods.iter().find(|method| method.id == id)
    }
}
