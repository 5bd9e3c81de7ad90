//! Logs: JSON lines with queryable fields; the message reads alone. Metrics go beside them.

use settings::Settings;
use tracing::Metadata;
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
        .with_filter(filter(level, |target| target != TARGET));
    let metrics = Metrics { job }.with_filter(filter(LevelFilter::INFO, |target| target == TARGET));
    // Already started is as good.
    tracing_subscriber::registry().with(lines).with(metrics).try_init().ok();
}

/// Lets through these targets down to this level. The level is a hint besides, so that what nobody wants costs nothing.
fn filter(level: LevelFilter, wants: fn(&str) -> bool) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    FilterFn::new(move |event: &Metadata<'_>| *event.level() <= level && wants(event.target()))
        .with_max_level_hint(level)
}
