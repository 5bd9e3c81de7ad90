//! Seeded chance: what goes wrong, where and how badly, decided by the seed and by how often a place was passed before,
//! so that one fault can be taken out of a life without all others moving.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::story;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// No connection to a peer.
    Refused,
    /// A request is lost, its sender waits in vain.
    RequestLost,
    /// A request is acted on, its answer is lost.
    AnswerLost,
    /// A request arrives when its sender has given up.
    LateRequest,
    /// A request arrives twice.
    Doubled,
    /// An answer is cut short.
    Cut,
    /// Something in between answers, the peer hears nothing.
    Instead,
    /// Something in between answers after the peer has acted.
    InsteadAfter,
    /// Too many requests.
    Throttled,
    /// A peer cannot be reached for minutes, sometimes for days: longer than a gateway remembers a key.
    Away,
    /// The gateway or Cleeng is away for a day or more from the middle of a renewal on: the money is asked for, and nobody
    /// hears what came of it, or can be told.
    AwayInTheMiddle,
    /// The ledger fails before it acts.
    LedgerBefore,
    /// The ledger fails after it has acted.
    LedgerAfter,
    /// The queue fails before it takes a message.
    QueueBefore,
    /// The queue fails after it has taken a message.
    QueueAfter,
    /// The queue holds a message twice.
    QueueTwice,
    /// The queue shows a message late.
    QueueLate,
    /// A webhook is lost on its way; its sender sends it again.
    HookLost,
    /// The answer to a webhook is lost; its sender sends it again.
    HookUnanswered,
    /// A webhook arrives twice at once.
    HookTwice,
    /// A webhook arrives much later.
    HookLate,
    /// The page does not hear what became of its request.
    PageUnanswered,
    /// A function dies in the middle.
    Crash,
    /// The timer skips a minute.
    TimerSkips,
    /// The timer ticks twice at once.
    TimerTwice,
    /// A new version is deployed: its instances work beside those of the old one and on the old one's messages.
    Deployment,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::Refused,
        Self::RequestLost,
        Self::AnswerLost,
        Self::LateRequest,
        Self::Doubled,
        Self::Cut,
        Self::Instead,
        Self::InsteadAfter,
        Self::Throttled,
        Self::Away,
        Self::AwayInTheMiddle,
        Self::LedgerBefore,
        Self::LedgerAfter,
        Self::QueueBefore,
        Self::QueueAfter,
        Self::QueueTwice,
        Self::QueueLate,
        Self::HookLost,
        Self::HookUnanswered,
        Self::HookTwice,
        Self::HookLate,
        Self::PageUnanswered,
        Self::Crash,
        Self::TimerSkips,
        Self::TimerTwice,
        Self::Deployment,
    ];
}

/// A fault that happened: the place, and how often it had been passed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Struck {
    /// What, where, and at which passing.
    pub id: String,
    /// What.
    pub kind: Kind,
}

/// The chance of one life.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<Inner>>);

struct Inner {
    seed: u64,
    /// In ten thousand passings, by kind; no entry is never.
    rates: BTreeMap<Kind, u64>,
    passed: BTreeMap<u64, u64>,
    spared: BTreeSet<String>,
    struck: Vec<Struck>,
    calm: bool,
}

impl Chance {
    /// The chance of this seed, with these rates; the spared faults do not happen.
    pub fn new(seed: u64, rates: BTreeMap<Kind, u64>, spared: BTreeSet<String>) -> Self {
        let inner = Inner { seed, rates, passed: BTreeMap::new(), spared, struck: Vec::new(), calm: false };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Whether one of these kinds strikes at this place now; with it a number for how.
    pub fn strikes(&self, place: &str, kinds: &[Kind]) -> Option<(Kind, u64)> {
        let mut inner = self.inner();
        let (drawn, passing) = inner.draw(place);
        if inner.calm {
            return None;
        }
        let mut left = drawn % 10_000;
        for kind in kinds {
            let rate = inner.rates.get(kind).copied().unwrap_or(0);
            if left < rate {
                let id = format!("{kind:?} at {place} #{passing}");
                if inner.spared.contains(&id) {
                    return None;
                }
                drop_in(&mut inner, id, *kind);
                return Some((*kind, mix(drawn)));
            }
            left -= rate;
        }
        None
    }

    /// A number below `bound`, of this place and passing.
    pub fn below(&self, place: &str, bound: u64) -> u64 {
        self.inner().draw(place).0.checked_rem(bound).unwrap_or(0)
    }

    /// From now on nothing goes wrong any more.
    pub fn calm_down(&self) {
        self.inner().calm = true;
    }

    /// Whether nothing goes wrong any more.
    pub fn is_calm(&self) -> bool {
        self.inner().calm
    }

    /// All faults so far.
    pub fn struck(&self) -> Vec<Struck> {
        self.inner().struck.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_in(inner: &mut Inner, id: String, kind: Kind) {
    story::tell(|| format!("~~ {id}"));
    inner.struck.push(Struck { id, kind });
}

impl Inner {
    fn draw(&mut self, place: &str) -> (u64, u64) {
        let place = hash(place);
        let passing = self.passed.entry(place).or_default();
        *passing += 1;
        (mix(self.seed ^ mix(place ^ mix(*passing))), *passing)
    }
}

/// FNV-1a: the same on every machine and in every version.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// SplitMix64's finisher.
pub fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
