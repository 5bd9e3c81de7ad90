//! Once a day, all living subscriptions are handed out for comparison with Cleeng's, to find renewals whose webhook never came.

use std::time::Duration;

use entrypoint::{Message, What};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::{Kept, KeptEvent, ManagedBy, Mapping, Standing, Subject};
use payment::{Failure, SubscriptionId};
use queue::Job;
use wire::Deadline;

use crate::Schedule;

/// The hour of the day (UTC) in which the comparison starts: far from anybody's prime time.
const HOUR: i8 = 3;
/// Mappings read at a time, and subscriptions in one message: a worker compares so many in well under its time.
const PAGE: u32 = 200;
/// A page is begun only with this much time left.
const PAGE_TIME: Duration = Duration::from_secs(5);

/// Starts the day's comparison, once however often the timer ticks in its hour; how many subscriptions were handed out.
pub(crate) async fn hand_out(
    schedule: &Schedule,
    now: Timestamp,
    deadline: Deadline,
) -> Result<usize, Failure> {
    let day = now.to_zoned(TimeZone::UTC);
    if day.hour() != HOUR {
        return Ok(0);
    }
    let mark = KeptEvent {
        digest: format!("review-{}", day.date()),
        topic: "connector/review".to_owned(),
        job: None,
        message: String::new(),
        received: now,
        expires: now.checked_add(SignedDuration::from_hours(48)).unwrap_or(Timestamp::MAX),
    };
    if schedule.ledger.keep_event(&mark).await? == Kept::Known {
        return Ok(0);
    }
    let (mut after, mut count) = (None, 0);
    loop {
        if !deadline.allows(PAGE_TIME) {
            tracing::error!(
                alarm = "review",
                count,
                "The day's comparison is not complete: give the timer more time"
            );
            return Ok(count);
        }
        let page = schedule.ledger.page(PAGE, after).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.subject);
        let living: Vec<_> = page.iter().filter_map(living).collect();
        if !living.is_empty() {
            count += living.len();
            let text = Message::new(now, What::Review(living))
                .to_text()
                .map_err(|error| Failure::alarm("a review cannot be written").because(error))?;
            schedule.queue.send(Job::RecurringCapture, &text, Duration::ZERO).await?;
        }
    }
}

/// When the next day's comparison starts.
pub fn next_comparison(now: Timestamp) -> Timestamp {
    let start = now.to_zoned(TimeZone::UTC).date().at(HOUR, 0, 0, 0);
    let days = [start, start.tomorrow().unwrap_or(start)];
    let starts = days.into_iter().filter_map(|start| TimeZone::UTC.to_timestamp(start).ok());
    starts.filter(|start| *start > now).min().unwrap_or(Timestamp::MAX)
}

/// A subscription whose renewals Cleeng asks for, also one whose end was begun and may have been left.
fn living(mapping: &Mapping) -> Option<SubscriptionId> {
    let lives = matches!(mapping.standing, Standing::Active | Standing::Ending);
    match mapping.subject {
        Subject::Subscription(id) if lives && mapping.managed_by == ManagedBy::Cleeng => Some(id),
        _ => None,
    }
}
