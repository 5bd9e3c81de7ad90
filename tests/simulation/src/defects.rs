//! Deliberate defects, around the parts and never in them, to prove that a simulation sees what it is there to see.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request};
use ledger::{Around, Ledger, LedgerError, Mapping, Stage, Subject, Written};
use payment::FactKind;
use wire::{Clock, Reply, Transport};

use crate::chance::Chance;
use crate::frail::waits_for_its_date;
use crate::switches::CAPTCHA_HOST;

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Every sending of a write to a gateway has another idempotency key.
    RandomKey,
    /// A lease that has expired means that nothing happened.
    LeaseReruns,
    /// Webhooks are acknowledged whether they are safe or not.
    AcknowledgeBeforeKeep,
    /// A gateway that does not answer has refused.
    DeclineOnTimeout,
    /// Captures go out under a new key each time.
    CaptureWithoutKey,
    /// The last word counts: of a failure and a success only the first is remembered.
    RankInsteadOfFacts,
    /// Items are written whoever wrote in between.
    LastWriterWins,
    /// A call to Cleeng that got no answer is sent again without looking.
    PostAgain,
    /// Where a captcha cannot be checked, everybody is let through.
    CaptchaOpens,
    /// The next date of our own calendar is not written down.
    DateForgotten,
    /// What we renew ourselves is told to Cleeng as paid, and not as renewed.
    PaidNotRenewed,
}

impl Defect {
    /// Within so many lives each must be found.
    pub const LIVES_MAX: u64 = 500;

    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 11] = [
        ("random-key", Self::RandomKey),
        ("lease-reruns", Self::LeaseReruns),
        ("acknowledge-before-keep", Self::AcknowledgeBeforeKeep),
        ("decline-on-timeout", Self::DeclineOnTimeout),
        ("capture-without-key", Self::CaptureWithoutKey),
        ("rank-instead-of-facts", Self::RankInsteadOfFacts),
        ("last-writer-wins", Self::LastWriterWins),
        ("post-again", Self::PostAgain),
        ("captcha-opens", Self::CaptchaOpens),
        ("date-forgotten", Self::DateForgotten),
        ("paid-not-renewed", Self::PaidNotRenewed),
    ];

    /// The defect of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, defect)| defect)
    }

    pub(crate) fn around_network(self, sea: Arc<dyn Transport>, chance: &Chance) -> Arc<dyn Transport> {
        match self {
            Self::RandomKey
            | Self::DeclineOnTimeout
            | Self::CaptureWithoutKey
            | Self::PostAgain
            | Self::CaptchaOpens
            | Self::PaidNotRenewed => Arc::new(WrongNetwork { sea, chance: chance.clone(), defect: self }),
            _ => sea,
        }
    }

    pub(crate) fn around_ledger(self, ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Arc<dyn Ledger> {
        match self {
            Self::LeaseReruns | Self::LastWriterWins | Self::RankInsteadOfFacts | Self::DateForgotten => {
                Arc::new(WrongLedger { ledger, clock, defect: self })
            }
            _ => ledger,
        }
    }

    pub(crate) fn acknowledges(self, status: u16) -> u16 {
        if self == Self::AcknowledgeBeforeKeep { 200 } else { status }
    }
}

struct WrongNetwork {
    sea: Arc<dyn Transport>,
    chance: Chance,
    defect: Defect,
}

#[async_trait]
impl Transport for WrongNetwork {
    async fn send(&self, mut request: Request<Bytes>, timeout: Duration) -> Reply {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let path = request.uri().path().to_owned();
        let rekeyed = match self.defect {
            Defect::RandomKey => true,
            Defect::CaptureWithoutKey => path.contains("/capture"),
            _ => false,
        };
        if rekeyed && request.headers().contains_key("idempotency-key") {
            let key = format!("{:032x}", self.chance.below("random key", u64::MAX));
            if let Ok(key) = HeaderValue::from_str(&key) {
                request.headers_mut().insert("idempotency-key", key);
            }
        }
        let again = (self.defect == Defect::PostAgain && host == "cleeng.test").then(|| request.clone());
        let write = request.method() != http::Method::GET;
        if self.defect == Defect::PaidNotRenewed && path.ends_with("/renew") {
            return answer(200, "{}");
        }
        let reply = self.sea.send(request, timeout).await;
        match (reply, again) {
            (Reply::Unknown(_), Some(again)) => self.sea.send(again, timeout).await,
            (Reply::Unknown(_), None) if self.defect == Defect::DeclineOnTimeout && write => refusal(&host),
            (Reply::Unknown(_) | Reply::NotSent(_), None)
                if self.defect == Defect::CaptchaOpens && host == CAPTCHA_HOST =>
            {
                answer(200, r#"{"success":true}"#)
            }
            (reply, _) => reply,
        }
    }
}

fn refusal(host: &str) -> Reply {
    let (status, body) = match host {
        "stripe.test" => (
            402,
            r#"{"error":{"type":"card_error","code":"card_declined","decline_code":"generic_decline"}}"#,
        ),
        "adyen.test" => {
            (200, r#"{"resultCode":"Refused","refusalReasonCode":"2","refusalReason":"Refused"}"#)
        }
        _ => return Reply::Unknown("no answer".to_owned()),
    };
    answer(status, body)
}

fn answer(status: u16, body: &'static str) -> Reply {
    match http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes())) {
        Ok(answer) => Reply::Answered(answer),
        Err(error) => Reply::Unknown(error.to_string()),
    }
}

struct WrongLedger {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    defect: Defect,
}

impl WrongLedger {
    fn misread(&self, mut mapping: Mapping) -> Mapping {
        let now = self.clock.now();
        for attempt in &mut mapping.attempts {
            let open = matches!(attempt.stage, Stage::Intended | Stage::Unknown { .. });
            if self.defect == Defect::LeaseReruns
                && open
                && attempt.wait_until.is_none_or(|until| until <= now)
            {
                attempt.stage = Stage::Withdrawn { why: "the lease is over".to_owned() };
            }
        }
        mapping
    }

    fn miswrite(&self, mut mapping: Mapping) -> Mapping {
        if self.defect == Defect::DateForgotten && waits_for_its_date(&mapping) {
            (mapping.wake, mapping.due) = (None, None);
        }
        for attempt in &mut mapping.attempts {
            let failed = attempt.facts.of(FactKind::CaptureFailed).next().is_some();
            let done = attempt.facts.of(FactKind::Captured).count() > 1;
            if self.defect == Defect::RankInsteadOfFacts && failed && done {
                let mut facts = payment::Facts::default();
                for (thing, fact) in attempt.facts.of(FactKind::CaptureFailed) {
                    facts.learn(FactKind::CaptureFailed, thing.clone(), fact.clone());
                }
                attempt.facts = facts;
                mapping.due = None;
            }
        }
        mapping
    }
}

#[async_trait]
impl Around for WrongLedger {
    fn inner(&self) -> &dyn Ledger {
        &*self.ledger
    }

    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        Ok(self.ledger.mapping(subject).await?.map(|mapping| self.misread(mapping)))
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        match self.ledger.write(&self.miswrite(mapping.clone())).await? {
            Written::Lost(Some(there)) if self.defect == Defect::LastWriterWins => {
                let mapping = Mapping { version: there.version, ..mapping.clone() };
                self.ledger.write(&mapping).await
            }
            written => Ok(written),
        }
    }
}
