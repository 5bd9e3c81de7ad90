//! Logs: JSON lines with queryable fields; the message reads alone. Metrics go beside them.

use settings::Settings;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::metrics::{Metrics, TARGET, keep_in};

/// Starts JSON logging to standard output, from `info` on or from the level that the platform's logging configuration names
/// (`AWS_LAMBDA_LOG_LEVEL`), and metrics of this job in the namespace `METRICS_NAMESPACE`. A second call changes nothing.
pub fn start_logging(job: &'static str) {
    // One level for all: `EnvFilter` would bring a regular-expression engine into every start.
    let settings = Settings::from_environment();
    if let Ok(Some(namespace)) = settings.optional("METRICS_NAMESPACE") {
        keep_in(namespace);
    }
    let level = settings.parsed_or("AWS_LAMBDA_LOG_LEVEL", LevelFilter::INFO);
    let level = level.unwrap_or(LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        // The innermost span has the request's id; the list would say it twice.
        .with_span_list(false)
        .with_target(false)
        .with_filter(level)
        .with_filter(FilterFn::new(|event| event.target() != TARGET).with_max_level_hint(level));
    let metrics = FilterFn::new(|event| event.target() == TARGET).with_max_level_hint(LevelFilter::INFO);
    let metrics = Metrics { job }.with_filter(metrics);
    // Already started is as good.
    tracing_subscriber::registry().with(lines).with(metrics).try_init().ok();
}
