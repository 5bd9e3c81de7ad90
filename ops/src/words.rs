//! The connector's own words as a support person reads them.

use cleeng::webhook::EventData;
use entrypoint::{Message, What};
use ledger::{Attempt, Line, Stage, Standing, Subject};
use payment::{Answer, Identity, Verb};

use crate::report::hour;

/// An attempt's identity in words: `renewal of 2027-02-04, try 1, capture`.
pub(crate) fn attempt(identity: &Identity) -> String {
    let mut parts = identity.as_str().split('/');
    let (kind, subject, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts);
    let rest: Vec<_> = rest.collect();
    let steps = |from: usize| -> String {
        rest.get(from..)
            .unwrap_or_default()
            .iter()
            .map(|step| match *step {
                "cancel" => ", void".to_owned(),
                "undo" => ", taken back".to_owned(),
                other => format!(", {other}"),
            })
            .collect()
    };
    match (kind, rest.as_slice()) {
        ("renewal", [end, n, ..]) => {
            let day = |from, to| end.get(from..to).unwrap_or("?");
            format!("renewal of {}-{}-{}, try {n}{}", day(0, 4), day(4, 6), day(6, 8), steps(2))
        }
        ("order", [n, ..]) => format!("purchase, try {n}{}", steps(1)),
        ("details", [n, ..]) => format!("card check {n}{}", steps(1)),
        ("refund", [name, ..]) => format!("refund {name}{}", steps(1)),
        ("payment", _) => format!("payment {subject}{}", steps(0)),
        _ => identity.to_string(),
    }
}

/// A line of the time-line: the identity before its colon in words.
pub(crate) fn line(line: &Line) -> String {
    let named = line.what.split_once(": ").and_then(|(name, what)| {
        let identity: Identity = name.parse().ok()?;
        Subject::of(&identity).map(|_| format!("{}: {what}", attempt(&identity)))
    });
    named.unwrap_or_else(|| line.what.clone())
}

/// What an attempt is meant to do.
pub(crate) fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Cancel => "void",
        other => other.as_str(),
    }
}

/// Where an attempt stands.
pub(crate) fn stage(attempt: &Attempt) -> String {
    let answered = |answer: &Answer| match answer {
        Answer::Approved(_) if attempt.intention.verb == Verb::Cancel => "let go".to_owned(),
        Answer::Approved(_) if attempt.intention.verb == Verb::Refund => "given back".to_owned(),
        Answer::Approved(_) if attempt.intention.verb == Verb::Verify => "card checked".to_owned(),
        Answer::Approved(approval) if approval.captured => "taken".to_owned(),
        Answer::Approved(_) => "held".to_owned(),
        Answer::Declined(decline) => format!("refused: {}", decline.rejected_reason()),
    };
    match &attempt.stage {
        Stage::Intended => "asked, no answer yet".to_owned(),
        Stage::AwaitingBuyer { since } => format!("the buyer must authenticate, since {}", hour(*since)),
        Stage::Unknown { since, why } => format!("UNKNOWN since {}: {why}", hour(*since)),
        Stage::Answered(answer) => format!("{}; Cleeng NOT told yet", answered(answer)),
        Stage::Reported(answer) => format!("{}; Cleeng knows", answered(answer)),
        Stage::Withdrawn { why } => format!("nothing happened: {why}"),
        Stage::Parked { since, why } => format!("PARKED since {}: {why}", hour(*since)),
    }
}

/// Where an item stands.
pub(crate) fn standing(subject: Subject, standing: Standing) -> &'static str {
    match (subject, standing) {
        (Subject::Order(_), Standing::Open) => "not paid yet",
        (Subject::Order(_), Standing::Active) => "paid; its subscription has not been seen at Cleeng yet",
        (Subject::Order(_), Standing::Closed) => "done",
        (_, Standing::Open) => "open",
        (_, Standing::Active) => "active",
        (_, Standing::Ending) => "being ended",
        (_, Standing::Closed) => "ended",
    }
}

/// What a message says and whom it is about.
pub(crate) fn news(message: &Message) -> (String, String) {
    let unknown = || "–".to_owned();
    match &message.what {
        What::Cleeng(event) => {
            let about = match &event.data {
                EventData::Authorise(billing) | EventData::Capture(billing) => {
                    Some(format!("subscription#{}", billing.subscription))
                }
                EventData::Terminate(end) => Some(format!("subscription#{}", end.subscription)),
                EventData::Refund(refund) => refund.payment.map(|id| format!("payment#{id}")),
                EventData::CapturePayment(capture) => capture.payment.map(|id| format!("payment#{id}")),
                EventData::DetailsDeactivated(gone) => Some(format!("details#{}", gone.details)),
                EventData::Other => None,
            };
            (event.topic.to_string(), about.unwrap_or_else(unknown))
        }
        What::Gateway(news) => {
            let subject = news.attempt.as_ref().and_then(Subject::of).map(|subject| subject.to_string());
            let payment = || news.payment.as_ref().map(ToString::to_string);
            (format!("{} {}", news.gateway, news.event), subject.or_else(payment).unwrap_or_else(unknown))
        }
        What::Due(subject) => ("unfinished work".to_owned(), subject.to_string()),
        What::Review(all) => ("daily comparison".to_owned(), format!("{} subscriptions", all.len())),
    }
}
