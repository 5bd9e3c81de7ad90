//! Logs: JSON lines with queryable fields; the message reads alone. Metrics go beside them.

use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::metrics::{Metrics, TARGET};

/// Starts JSON logging to standard output, from `info` on (`RUST_LOG` refines it), and metrics of this job. A second call
/// changes nothing.
pub fn start_logging(job: &'static str) {
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        // The innermost span has the request's id; the list would say it twice.
        .with_span_list(false)
        .with_target(false)
        .with_filter(level)
        .with_filter(FilterFn::new(|event| event.target() != TARGET));
    let metrics = Metrics { job }.with_filter(FilterFn::new(|event| event.target() == TARGET));
    // Already started is as good.
    tracing_subscriber::registry().with(lines).with(metrics).try_init().ok();
}
