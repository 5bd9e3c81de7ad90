//! Sends again what was put aside: a kept event, or a job's dead letters; the stale ones stay where they are, with the reason.

use std::time::Duration;

use entrypoint::Message;
use payment::Failure;
use queue::{Job, Letter};
use serde_json::json;

use crate::judge::{Verdict, judge};
use crate::report::{age, table};
use crate::{Deployment, Report, words};

/// What is to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// All dead letters of a job.
    Letters(Job),
    /// A kept event, by its digest.
    Event(String),
}

impl std::str::FromStr for Replayed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(job) = text.parse() {
            return Ok(Self::Letters(job));
        }
        let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest {
            return Ok(Self::Event(text.to_ascii_lowercase()));
        }
        let jobs = Job::ALL.map(Job::as_str).join(", ");
        Err(format!("`{text}` is neither a job ({jobs}) nor the 64 digits of a kept event"))
    }
}

/// Judges each and sends what is not stale.
pub(crate) async fn replay(at: &Deployment, what: &Replayed, dry_run: bool) -> Result<Report, Failure> {
    match what {
        Replayed::Letters(job) => letters(at, *job, dry_run).await,
        Replayed::Event(digest) => event(at, digest, dry_run).await,
    }
}

async fn event(at: &Deployment, digest: &str, dry_run: bool) -> Result<Report, Failure> {
    let event = at.ledger()?.event(digest).await?;
    let event = event.ok_or_else(|| {
        Failure::refuse(format!("no event {digest} is kept: it never came, or its 60 days are over"))
    })?;
    let job: Option<Job> = event.job.as_deref().and_then(|name| name.parse().ok());
    let Some(job) = job else {
        return Err(Failure::refuse(format!("{} is only kept: it is for no job here", event.topic)));
    };
    let message = Message::from_text(&event.message).map_err(|error| {
        Failure::refuse("the event is not of a form that this version reads").because(error)
    })?;
    let told = format!("{} for {job}, {} old", event.topic, age(event.received, at.now()));
    match judge(at, &message).await? {
        Verdict::Stale(why) => Err(Failure::refuse(format!("not sent: {told}: {why}"))),
        Verdict::Send(why) => {
            let json = json!({ "event": digest, "job": job.as_str(), "why": why, "dryRun": dry_run });
            if dry_run {
                return Ok(Report::new(format!("dry run: would send {told}: {why}"), json));
            }
            at.queue()?.send(job, &event.message, Duration::ZERO).await?;
            Ok(Report::new(format!("sent {told}: {why}"), json))
        }
    }
}

async fn letters(at: &Deployment, job: Job, dry_run: bool) -> Result<Report, Failure> {
    let letters = at.letters()?;
    let taken = letters.take(job).await?;
    let (mut rows, mut json, mut stale) = (Vec::new(), Vec::new(), false);
    for letter in &taken {
        let (topic, about, verdict) = judged(at, letter).await?;
        stale |= verdict.is_stale();
        let done = match (&verdict, dry_run) {
            (Verdict::Stale(_), _) => "stays",
            (Verdict::Send(_), true) => "would be sent",
            (Verdict::Send(_), false) => "sent",
        };
        if verdict.is_stale() || dry_run {
            letters.put_back(letter).await?;
        } else {
            letters.send_back(letter).await?;
        }
        json.push(json!({
            "message": letter.id, "topic": topic, "about": about, "sent": letter.sent, "done": done, "why": verdict.why(),
        }));
        rows.push([
            letter.id.clone(),
            topic,
            about,
            age(letter.sent, at.now()),
            done.to_owned(),
            verdict.why().to_owned(),
        ]);
    }
    let text = match rows.is_empty() {
        true => format!("{job} has no dead letters"),
        false => table(&["message", "what", "about", "age", "done", "because"], rows),
    };
    Ok(Report::new(text, json!(json)).needs_a_person(stale))
}

/// What a letter says, whom it is about, and whether it may be sent again.
pub(crate) async fn judged(at: &Deployment, letter: &Letter) -> Result<(String, String, Verdict), Failure> {
    match Message::from_text(&letter.body) {
        Ok(message) => {
            let (topic, about) = words::news(&message);
            Ok((topic, about, judge(at, &message).await?))
        }
        Err(unreadable) => {
            Ok(("not readable".to_owned(), "–".to_owned(), Verdict::Stale(unreadable.to_string())))
        }
    }
}
