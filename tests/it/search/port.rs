//! Where a story's questions come out: each waits until the search answers it, and answers given before are given again.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gateways::{Buyer, BuyerReturn, Checkout, CheckoutPage, Gateway, GatewayError, Origin, Resolution};
use jiff::Timestamp;
use ledger::{DueItem, DuePage, Kept, KeptEvent, Ledger, LedgerError, Mapping, Subject, Written};
use payment::{
    Currency, CustomerId, GatewayName, GatewayReference, Intention, MerchantAccount, MinorUnits, Outcome,
    Token,
};
use wire::{Clock, Deadline, Reply, Transport};

/// An item as it was written, with a digest that leaves out what no decision reads: fence and time-line.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) mapping: Mapping,
    pub(crate) digest: u64,
}

impl Item {
    pub(crate) fn new(mapping: Mapping) -> Arc<Self> {
        let mut plain = mapping.clone();
        plain.fence = 0;
        plain.history.clear();
        let mut hasher = DefaultHasher::new();
        serde_json::to_string(&plain).unwrap().hash(&mut hasher);
        (plain.version, plain.due).hash(&mut hasher);
        Arc::new(Self { mapping, digest: hasher.finish() })
    }
}

/// A question to the outside.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Read,
    Write(Arc<Item>),
    /// The gateway is asked, or (`again`) asked what became of it.
    Gateway {
        intention: Intention,
        again: bool,
    },
    Cleeng {
        method: String,
        path: String,
        body: String,
    },
}

/// Its answer.
#[derive(Clone, Debug)]
pub(crate) enum Got {
    Found(Option<Arc<Item>>),
    Written(Arc<Item>),
    Lost(Option<Arc<Item>>),
    /// The ledger did not answer.
    Silence,
    Outcome(Outcome),
    /// The gateway was certainly not reached.
    NotSent,
    Reply(u16, String),
    /// Cleeng did not answer.
    NoReply,
}

impl Got {
    /// What the story that hears it can tell from other answers.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Found(item) | Self::Lost(item) => {
                (std::mem::discriminant(self), item.as_ref().map(|item| item.digest)).hash(&mut hasher);
            }
            Self::Written(item) => (std::mem::discriminant(self), item.digest).hash(&mut hasher),
            other => format!("{other:?}").hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// One story's questions in the order they were asked, and the answers it was given.
#[derive(Default)]
struct Desk {
    now: Timestamp,
    asked: Vec<Ask>,
    given: BTreeMap<usize, Got>,
}

/// The only outside that stories have during a search.
#[derive(Clone, Default)]
pub(crate) struct Port(Arc<Mutex<Desk>>);

impl Port {
    /// Clears the desk for a story that begins at this hour.
    pub(crate) fn clear(&self, now: Timestamp) {
        *self.desk() = Desk { now, ..Desk::default() };
    }

    /// Answers a question.
    pub(crate) fn give(&self, question: usize, answer: Got) {
        self.desk().given.insert(question, answer);
    }

    /// The questions that wait for their answers.
    pub(crate) fn waiting(&self) -> Vec<(usize, Ask)> {
        let desk = self.desk();
        let open = |(number, _): &(usize, &Ask)| !desk.given.contains_key(number);
        desk.asked.iter().enumerate().filter(open).map(|(number, ask)| (number, ask.clone())).collect()
    }

    async fn ask(&self, ask: Ask) -> Got {
        let number = {
            let mut desk = self.desk();
            desk.asked.push(ask);
            desk.asked.len() - 1
        };
        std::future::poll_fn(|_| match self.desk().given.get(&number) {
            Some(answer) => Poll::Ready(answer.clone()),
            None => Poll::Pending,
        })
        .await
    }

    async fn gateway(&self, intention: &Intention, again: bool) -> Result<Outcome, GatewayError> {
        match self.ask(Ask::Gateway { intention: intention.clone(), again }).await {
            Got::Outcome(outcome) => Ok(outcome),
            _ => Err(GatewayError::NotSent { gateway: self.name(), why: "no connection".to_owned() }),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap()
    }
}

impl Clock for Port {
    fn now(&self) -> Timestamp {
        self.desk().now
    }
}

fn nobody_asks<T>() -> Result<T, LedgerError> {
    Err(LedgerError::Refused("the stories that are searched do not ask this".to_owned()))
}

#[async_trait]
impl Ledger for Port {
    async fn mapping(&self, _: Subject) -> Result<Option<Mapping>, LedgerError> {
        match self.ask(Ask::Read).await {
            Got::Found(item) => Ok(item.map(|item| item.mapping.clone())),
            _ => Err(LedgerError::Unavailable("silence".to_owned())),
        }
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        let written = Mapping { version: mapping.version + 1, ..mapping.clone() };
        match self.ask(Ask::Write(Item::new(written))).await {
            Got::Written(item) => Ok(Written::Done(item.mapping.clone())),
            Got::Lost(item) => Ok(Written::Lost(item.map(|item| item.mapping.clone()))),
            _ => Err(LedgerError::Unavailable("silence".to_owned())),
        }
    }

    async fn keep_event(&self, _: &KeptEvent) -> Result<Kept, LedgerError> {
        nobody_asks()
    }

    async fn event(&self, _: &str) -> Result<Option<KeptEvent>, LedgerError> {
        nobody_asks()
    }

    async fn mark_event(&self, _: &str, _: Option<Timestamp>) -> Result<(), LedgerError> {
        nobody_asks()
    }

    async fn due(&self, _: u8, _: Timestamp, _: u32, _: Option<&DueItem>) -> Result<DuePage, LedgerError> {
        nobody_asks()
    }

    async fn page(&self, _: u32, _: Option<Subject>) -> Result<Vec<Mapping>, LedgerError> {
        nobody_asks()
    }
}

#[async_trait]
impl Gateway for Port {
    fn name(&self) -> GatewayName {
        "stripe".parse().unwrap()
    }

    fn minor_units(&self, _: Currency) -> Option<MinorUnits> {
        Some(MinorUnits { digits: 2, multiple_of: 1 })
    }

    fn key_life(&self) -> Duration {
        Duration::from_hours(23)
    }

    async fn checkout(&self, _: &Checkout, _: Deadline) -> Result<CheckoutPage, GatewayError> {
        unreachable!("no buyer is searched")
    }

    async fn authorise(&self, _: &Intention, _: &Buyer, _: Deadline) -> Result<Outcome, GatewayError> {
        unreachable!("no buyer is searched")
    }

    async fn verify(&self, _: &Intention, _: &Buyer, _: Deadline) -> Result<Outcome, GatewayError> {
        unreachable!("no buyer is searched")
    }

    async fn resume(&self, _: &Intention, _: &BuyerReturn, _: Deadline) -> Result<Outcome, GatewayError> {
        unreachable!("no buyer is searched")
    }

    async fn authorise_off_session(&self, ask: &Intention, _: Deadline) -> Result<Outcome, GatewayError> {
        self.gateway(ask, false).await
    }

    async fn capture(&self, ask: &Intention, _: Deadline) -> Result<Outcome, GatewayError> {
        self.gateway(ask, false).await
    }

    async fn cancel(&self, ask: &Intention, _: Deadline) -> Result<Outcome, GatewayError> {
        self.gateway(ask, false).await
    }

    async fn refund(&self, ask: &Intention, _: Deadline) -> Result<Outcome, GatewayError> {
        self.gateway(ask, false).await
    }

    async fn resolve(
        &self,
        ask: &Intention,
        _: Option<&GatewayReference>,
        _: Duration,
        _: Deadline,
    ) -> Result<Resolution, GatewayError> {
        self.gateway(ask, true).await.map(Resolution::Found)
    }

    async fn look_up(
        &self,
        _: &Intention,
        _: Option<&GatewayReference>,
        _: Deadline,
    ) -> Result<Option<Outcome>, GatewayError> {
        unreachable!("no story compares")
    }

    async fn check_key(&self, _: Option<&MerchantAccount>, _: Deadline) -> Result<(), GatewayError> {
        unreachable!("no story checks keys")
    }

    async fn origin(&self, _: &GatewayReference, _: Deadline) -> Result<Origin, GatewayError> {
        Ok(Origin::default())
    }

    async fn owner(&self, _: &Token, _: Deadline) -> Result<Option<CustomerId>, GatewayError> {
        Ok(None)
    }

    async fn forget(
        &self,
        _: &Token,
        _: CustomerId,
        _: Option<&MerchantAccount>,
        _: Deadline,
    ) -> Result<(), GatewayError> {
        unreachable!("no token is forgotten here")
    }
}

#[async_trait]
impl Transport for Port {
    async fn send(&self, request: http::Request<Bytes>, _: Duration) -> Reply {
        let ask = Ask::Cleeng {
            method: request.method().to_string(),
            path: request.uri().path().trim_start_matches("/3.1").to_owned(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        };
        match self.ask(ask).await {
            Got::Reply(status, body) => {
                Reply::Answered(http::Response::builder().status(status).body(Bytes::from(body)).unwrap())
            }
            _ => Reply::Unknown("no answer".to_owned()),
        }
    }
}
