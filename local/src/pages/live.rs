//! Live updates: one stream of server-sent events, each the console's whole front, whenever something changed.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;

use super::snapshot::{Snapshots, overview};
use crate::served::Shared;

/// How often it is looked whether something changed.
const LOOK: Duration = Duration::from_millis(350);
/// So that nobody in between takes the silence for an end.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// `GET /local/events`: `event: front` with the overview as JSON.
pub(super) fn stream(served: Shared) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let fronts = futures::stream::unfold((served, String::new()), |(served, mut shown)| async move {
        loop {
            let front =
                Snapshots::soon(&served).await.map(|it| serde_json::to_string(&overview(&served, &it)));
            match front {
                Ok(Ok(front)) if without_hour(&front) != without_hour(&shown) => {
                    shown.clone_from(&front);
                    let event = Event::default().event("front").data(front);
                    return Some((Ok(event), (served, shown)));
                }
                Ok(_) => {}
                Err(error) => tracing::warn!("The console's front cannot be read: {error}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Sse::new(fronts).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// A running clock alone is no news: the page lets it run by itself.
fn without_hour(front: &str) -> &str {
    front.split_once(",\"goal\"").map_or(front, |(_, rest)| rest)
}
