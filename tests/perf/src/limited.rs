//! A gateway that allows so many calls a second, a burst of renewals due at once, and buyers who go on paying meanwhile.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrypoint::batch::{Record, work};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use local::system::{Addresses, Functions as Jobs, route, settings_table};
use queue::{Job, Received};
use settings::Settings;
use tokio::time::Instant;
use wire::{Deadline, Reply, Transport};

use crate::story::Story;
use crate::{Result, events};

/// What the gateway allows.
const CALLS_PER_SECOND: u64 = 25;
/// As the template sets them.
const INSTANCES: usize = 6;
const SHARE_PERCENT: u64 = 67;
const RENEWALS: usize = 3000;
/// A buyer's first payment is two calls at Stripe (customer, payment): buyers take 30 % of the rate.
const BUYER_EVERY: Duration = Duration::from_nanos(266_666_666);
const FUNCTION_TIME: Duration = Duration::from_secs(58);

/// What came of it.
pub(crate) struct Outcome {
    /// Calls that the gateway served, of those that it would have.
    pub(crate) used_permille: u64,
    /// Calls turned away, in ten thousandths of all.
    pub(crate) throttled_per_ten_thousand: u64,
    pub(crate) purchases: usize,
    pub(crate) purchases_failed: usize,
    pub(crate) purchase_slowest: Duration,
}

/// Turns calls away beyond its rate.
struct Limited<T> {
    inner: T,
    bucket: Mutex<(Instant, u64)>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    served: AtomicU64,
    throttled: AtomicU64,
    nth: AtomicU64,
}

/// One call, in the bucket's unit: at this rate a microsecond brings as many units as there are calls in a second.
const TOKEN: u64 = 1_000_000;

#[async_trait]
impl<T: Transport> Transport for Limited<T> {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Reply {
        let gateway = request.uri().host() == Some("stripe.test");
        if gateway && !self.admits() {
            self.counts.throttled.fetch_add(1, Ordering::SeqCst);
            let mut refused = http::Response::new(Bytes::from_static(
                br#"{"error":{"type":"invalid_request_error","code":"rate_limit","message":"Too many requests."}}"#,
            ));
            *refused.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return Reply::Answered(refused);
        }
        if gateway {
            self.counts.served.fetch_add(1, Ordering::SeqCst);
            // Gateways are not equally quick: up to 0.6 s more than the usual latency, always in the same order.
            let nth = self.counts.nth.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(nth.wrapping_mul(7919) % 600)).await;
        }
        self.inner.send(request, timeout).await
    }
}

impl<T> Limited<T> {
    fn admits(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, tokens) = *bucket;
        let now = Instant::now();
        let grown = u64::try_from(now.duration_since(last).as_micros()).unwrap_or(u64::MAX);
        let full = CALLS_PER_SECOND * TOKEN;
        let tokens = tokens.saturating_add(grown.saturating_mul(CALLS_PER_SECOND)).min(full);
        let admits = tokens >= TOKEN;
        *bucket = (now, if admits { tokens - TOKEN } else { tokens });
        admits
    }
}

/// Works the burst with the usual number of instances.
pub(crate) async fn run() -> Result<Outcome> {
    let counts = Arc::new(Counts::default());
    let limited = |inner| Limited {
        inner,
        bucket: Mutex::new((Instant::now(), CALLS_PER_SECOND * TOKEN)),
        counts: counts.clone(),
    };
    let story = Story::over(limited)?;
    events::subscribers(&story.system, RENEWALS).await?;
    let asked = events::asked(&story.system, Job::RecurringCapture, RENEWALS).await?;
    let buyers = events::purchases(&story.system, RENEWALS)?;
    let mut settings = settings_table(&Addresses::simulated());
    settings.extend([
        ("GATEWAY_CALLS_PER_SECOND", CALLS_PER_SECOND.to_string()),
        ("GATEWAY_SHARE_PERCENT", SHARE_PERCENT.to_string()),
        ("INVOCATIONS_MAX", INSTANCES.to_string()),
    ]);
    let settings = Settings::from_table(settings);
    let instances = (0..INSTANCES).map(|_| Jobs::start(&settings, &story.outside));
    let instances = instances.collect::<std::result::Result<Vec<_>, _>>()?;

    let waiting = Mutex::new(VecDeque::from(asked));
    story.meter.start();
    let began = Instant::now();
    let workers = async {
        join_all(instances.iter().map(|jobs| drain(jobs, &waiting))).await;
        (began.elapsed(), counts.served.load(Ordering::SeqCst))
    };
    let mut workers = std::pin::pin!(workers);
    let (mut paying, mut purchases) = (FuturesUnordered::new(), Vec::new());
    let mut next_buyer = began;
    let mut coming = buyers.iter();
    let (took, served) = loop {
        tokio::select! {
            done = &mut workers => break done,
            () = tokio::time::sleep_until(next_buyer) => {
                next_buyer += BUYER_EVERY;
                let request = events::request(coming.next().ok_or("the buyers ran out")?)?;
                paying.push(async {
                    let came = Instant::now();
                    let response = route(&story.jobs, request, Deadline::after(FUNCTION_TIME)).await;
                    (response.status(), came.elapsed())
                });
            }
            Some(paid) = paying.next() => purchases.push(paid),
        }
    };
    purchases.extend(paying.collect::<Vec<_>>().await);
    story.meter.stop();
    let throttled = counts.throttled.load(Ordering::SeqCst);
    let allowed = u64::try_from(took.as_millis())? * CALLS_PER_SECOND / 1000;
    Ok(Outcome {
        used_permille: (served * 1000).checked_div(allowed).unwrap_or_default(),
        throttled_per_ten_thousand: (throttled * 10_000).checked_div(served + throttled).unwrap_or_default(),
        purchases: purchases.len(),
        purchases_failed: purchases.iter().filter(|(status, _)| !status.is_success()).count(),
        purchase_slowest: purchases.iter().map(|(_, took)| *took).max().unwrap_or_default(),
    })
}

/// One instance: batch after batch, and what failed is worked again later.
async fn drain(jobs: &Jobs, waiting: &Mutex<VecDeque<Received>>) {
    loop {
        let batch: Vec<_> = {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let count = waiting.len().min(10);
            waiting.drain(..count).collect()
        };
        if batch.is_empty() {
            return;
        }
        let records = batch.iter().map(|it| Record { id: it.message_id(), body: it.body.clone() }).collect();
        let serve = |message, deadline| jobs.work(Job::RecurringCapture, message, deadline);
        let failed = work("recurring-capture", records, Deadline::after(FUNCTION_TIME), serve).await;
        let back = batch.into_iter().filter(|it| failed.contains(&it.message_id()));
        waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(back);
    }
}
