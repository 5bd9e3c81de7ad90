//! What lies in the dead-letter queues: how old, about whom, and what sending it again would mean.

use entrypoint::{Message, What};
use payment::Failure;
use queue::{Job, Letter};
use serde_json::json;

use crate::replay::judged;
use crate::report::{age, table};
use crate::{Deployment, Report};

/// Lists all letters, of one job or of all. Looking takes them for a moment and puts them back.
pub(crate) async fn list(at: &Deployment, job: Option<Job>) -> Result<Report, Failure> {
    let letters = at.letters()?;
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    for job in Job::ALL.into_iter().filter(|each| job.is_none_or(|wanted| wanted == *each)) {
        let taken = letters.take(job).await?;
        for letter in &taken {
            let judged = judged(at, letter).await;
            letters.put_back(letter).await?;
            let (topic, about, verdict) = judged?;
            let would = if verdict.is_stale() { "stay" } else { "be sent" };
            json.push(json!({
                "job": job.as_str(), "message": letter.id, "topic": topic, "about": about, "sent": letter.sent,
                "receives": letter.receives, "stale": verdict.is_stale(), "why": verdict.why(),
                "event": event_of(letter),
            }));
            rows.push([
                job.to_string(),
                letter.id.clone(),
                topic,
                about,
                age(letter.sent, at.now()),
                letter.receives.to_string(),
                format!("{would}: {}", verdict.why()),
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(Report::new("no dead letters", json!([])));
    }
    let head = ["job", "message", "what", "about", "age", "handed out", "if replayed it would"];
    let text = format!(
        "{}\nWhy each failed stands in its job's log: filter message_id = \"…\" | sort @timestamp desc",
        table(&head, rows)
    );
    Ok(Report::new(text, json!(json)).needs_a_person(true))
}

/// Drops one letter for good.
pub(crate) async fn drop_one(at: &Deployment, id: &str, dry_run: bool) -> Result<Report, Failure> {
    let letters = at.letters()?;
    let mut found: Option<Letter> = None;
    for job in Job::ALL {
        for letter in letters.take(job).await? {
            if letter.id == id && !dry_run && found.is_none() {
                letters.drop(&letter).await?;
                found = Some(letter);
            } else {
                letters.put_back(&letter).await?;
                found = found.or(Some(letter).filter(|letter| letter.id == id));
            }
        }
    }
    let Some(letter) = found else {
        return Err(Failure::refuse(format!(
            "no dead letter has the id {id}: `ops dead-letters` lists them"
        )));
    };
    let done = if dry_run { "dry run: would drop" } else { "dropped" };
    let json = json!({ "message": id, "job": letter.job.as_str(), "dryRun": dry_run });
    Ok(Report::new(format!("{done} the message {id} of {}", letter.job), json))
}

/// The digest of Cleeng's event in a letter, under which it is kept.
fn event_of(letter: &Letter) -> Option<String> {
    match Message::from_text(&letter.body).ok()?.what {
        What::Cleeng(event) => Some(event.digest),
        What::Gateway(_) | What::Due(_) | What::Review(_) => None,
    }
}
