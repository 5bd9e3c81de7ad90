//! What a life is about, decided by its seed alone: who buys what with which card, what happens to them, how rough it gets.

use std::collections::BTreeMap;

use fastrand::Rng;
use local::buyer::Billing;
use local::simulators::cleeng::offers;

use crate::chance::{Kind, mix};
use crate::switches::Switches;

/// The plan of a life.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the deployment has chosen.
    pub switches: Switches,
    /// How many days the storm may last; then everything runs its course in calm weather.
    pub days: u64,
    /// How wrong the second worker's clock is.
    pub skew_seconds: i64,
    /// On one of so many days the timer compares all subscriptions.
    pub review_one_in: u64,
    /// What goes wrong how often, in ten thousand.
    pub rates: BTreeMap<Kind, u64>,
    /// Who buys.
    pub people: Vec<Person>,
}

/// A customer.
#[derive(Clone, Debug)]
pub struct Person {
    /// At which gateway.
    pub gateway: &'static str,
    /// What they buy, after so many seconds.
    pub purchases: Vec<Purchase>,
    /// What happens, after so many seconds.
    pub happenings: Vec<(u64, Happening)>,
}

/// A purchase.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// After so many seconds.
    pub after: u64,
    /// What.
    pub offer: Offer,
    /// Who decides when its renewals are charged.
    pub billing: Billing,
    /// What takes something off its price.
    pub coupon: Option<&'static str>,
    /// The cards that are tried in turn.
    pub cards: Vec<Card>,
    /// Whether the buyer clicks twice.
    pub twice: bool,
    /// Whether the page asks for payment methods first.
    pub asks_methods: bool,
    /// Whether the buyer goes away at the first obstacle.
    pub impatient: bool,
}

/// An offer with what its order needs.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Cleeng's id.
    pub id: &'static str,
    /// In which currency.
    pub currency: &'static str,
    /// Where.
    pub country: &'static str,
}

/// How a card behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// Pays, now and later.
    Pays,
    /// Another one that pays.
    PaysToo,
    /// Asks for 3-D Secure once, then pays.
    AsksFirst,
    /// Asks for 3-D Secure; the buyer fails.
    AsksAndFails,
    /// Refused.
    Refused,
    /// Pays now, refuses renewals.
    RefusesLater,
    /// Wants authentication at every renewal.
    AsksAlways,
}

/// What happens in a life beside buying and renewing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The stored card begins to behave otherwise, so many times.
    CardTurns(&'static str, &'static str, u64),
    /// The customer brings another card.
    NewCard(Card),
    /// The customer stops the subscription.
    Stop,
    /// And wants it back.
    Resume,
    /// Cleeng's staff asks for a refund, of a half or of all.
    Refund(bool),
    /// A refund by hand at the gateway, of a part or of all.
    RefundByHand(bool),
    /// The bank takes money back.
    Chargeback,
    /// The bank gives it back.
    ChargebackReversed,
    /// A capture that looked well fails; perhaps it is done again.
    CaptureFails(bool),
    /// Cleeng takes the stored token out of use.
    Deactivate,
    /// Cleeng sends an old webhook again.
    OldHook,
    /// Somebody replays the dead letters.
    Replay,
    /// The buyer comes back to the page of an old order.
    Revisit,
    /// Cleeng asks to capture what is authorised, out of turn.
    CaptureNow,
    /// The customer pauses; coming back is `Resume`.
    Pause,
    /// The customer switches to another offer.
    Switch,
    /// An offer costs so much from now on.
    Costs(u64),
    /// Cleeng's staff ends the subscription.
    EndedByStaff,
    /// Cleeng asks for a renewal that is not its own to ask for.
    AskedByMistake,
}

const DAY: u64 = 86_400;
/// Of a hundred purchases so many are of something that is paid once, and so many are ours to renew.
const SINGLE_PERCENT: u8 = 15;
const OWN_PERCENT: u8 = 15;
const SINGLE: [Offer; 4] =
    [euros(offers::PASS), euros(offers::PASS), euros(offers::EVENT), euros(offers::RENTAL)];
const WEEKLY: [Offer; 1] = [euros(offers::WEEKLY)];
const MONTHLY: [Offer; 5] = [
    euros(offers::MONTHLY),
    euros(offers::TRIAL),
    Offer { id: offers::DOLLARS, currency: "USD", country: "US" },
    Offer { id: offers::YEN, currency: "JPY", country: "JP" },
    Offer { id: offers::DINARS, currency: "KWD", country: "KW" },
];

const fn euros(id: &'static str) -> Offer {
    Offer { id, currency: "EUR", country: "NL" }
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(mix(seed ^ 0x706c_616e));
        let weekly = rng.u8(..4) > 0;
        let days = if weekly { rng.u64(15..30) } else { rng.u64(35..100) };
        let count = match rng.u8(..8) {
            0..=4 => 1,
            5..=6 => 2,
            _ => 3,
        };
        let people = (0..count).map(|_| person(&mut rng, weekly, days)).collect();
        Self {
            switches: Switches::of(&mut rng),
            days,
            skew_seconds: rng.i64(-55..=55),
            review_one_in: if weekly { 4 } else { 10 },
            rates: rates(&mut rng),
            people,
        }
    }

    /// Whether nothing goes wrong in it by the weather's doing.
    pub fn is_calm(&self) -> bool {
        self.rates.is_empty()
    }
}

/// From a calm life to a rough one; of the kinds that can go wrong about half do.
fn rates(rng: &mut Rng) -> BTreeMap<Kind, u64> {
    let roughness = match rng.u8(..10) {
        0 => return BTreeMap::new(),
        1..=4 => 40,
        5..=7 => 150,
        _ => 400,
    };
    let mut rates = BTreeMap::new();
    for kind in Kind::ALL {
        if rng.bool() {
            let rate = rng.u64(roughness / 4..=roughness);
            // One of these is worth many of the others.
            rates.insert(kind, if kind == Kind::Away { rate / 8 } else { rate });
        }
    }
    rates
}

fn person(rng: &mut Rng, weekly: bool, days: u64) -> Person {
    let gateway = if rng.bool() { "stripe" } else { "adyen" };
    let mut purchases = vec![purchase(rng, weekly, 3600)];
    if rng.u8(..6) == 0 {
        purchases.push(purchase(rng, weekly, DAY * 2));
    }
    let mut happenings: Vec<_> =
        (0..rng.u8(..6)).map(|_| (rng.u64(7200..days * DAY), happening(rng, gateway))).collect();
    happenings.sort_by_key(|(after, _)| *after);
    Person { gateway, purchases, happenings }
}

fn purchase(rng: &mut Rng, weekly: bool, within: u64) -> Purchase {
    let offers: &[Offer] = match rng.u8(..100) {
        ..SINGLE_PERCENT => &SINGLE,
        _ if weekly => &WEEKLY,
        _ => &MONTHLY,
    };
    let offer = rng.choice(offers).copied().unwrap_or(euros(offers::WEEKLY));
    let card = match rng.u8(..12) {
        0..=5 => Card::Pays,
        6..=7 => Card::AsksFirst,
        8 => Card::AsksAndFails,
        9 => Card::Refused,
        10 => Card::RefusesLater,
        _ => Card::AsksAlways,
    };
    Purchase {
        after: rng.u64(..within),
        offer,
        billing: if rng.u8(..100) < OWN_PERCENT { Billing::OwnSchedule } else { Billing::TwoSteps },
        // A trial is free as it is.
        coupon: match rng.u8(..16) {
            _ if offer.id == offers::TRIAL => None,
            0 => Some(offers::COUPON_ALL),
            1..=2 => Some(offers::COUPON_HALF),
            _ => None,
        },
        cards: vec![card, Card::Pays, Card::PaysToo],
        twice: rng.u8(..5) == 0,
        asks_methods: rng.bool(),
        impatient: rng.u8(..6) == 0,
    }
}

fn happening(rng: &mut Rng, gateway: &'static str) -> Happening {
    match rng.u8(..34) {
        0..=5 => {
            let stripe =
                ["insufficient_funds", "expired_card", "authentication_required", "lost_card", "processing"];
            let adyen = ["12", "6", "3ds_challenge", "5", "error"];
            let turn = rng.usize(..5);
            let words = if gateway == "stripe" { stripe } else { adyen };
            Happening::CardTurns(gateway, words.get(turn).copied().unwrap_or("12"), rng.u64(1..5))
        }
        6..=9 => Happening::NewCard(match rng.u8(..5) {
            0..=1 => Card::PaysToo,
            2 => Card::AsksFirst,
            3 => Card::Refused,
            _ => Card::RefusesLater,
        }),
        10..=11 => Happening::Stop,
        12..=13 => Happening::Resume,
        14..=15 => Happening::Refund(rng.bool()),
        16 => Happening::RefundByHand(rng.bool()),
        17 => Happening::Chargeback,
        18 => Happening::ChargebackReversed,
        19..=22 => Happening::CaptureFails(rng.bool()),
        23 => Happening::Deactivate,
        24 => Happening::OldHook,
        25 => Happening::Replay,
        26 => Happening::Revisit,
        27 => Happening::CaptureNow,
        28..=29 => Happening::Pause,
        30 => Happening::Switch,
        31 => Happening::Costs(rng.u64(1..12)),
        32 => Happening::EndedByStaff,
        _ => Happening::AskedByMistake,
    }
}
