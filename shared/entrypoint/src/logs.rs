//! Logs: JSON lines with queryable fields; the message reads alone.

use tracing_subscriber::EnvFilter;

/// Starts JSON logging to standard output, from `info` on (`RUST_LOG` refines it). A second call changes nothing.
pub fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        // The innermost span has the request's id; the list would say it twice.
        .with_span_list(false)
        .with_env_filter(filter)
        .with_target(false);
    // Already started is as good.
    lines.try_init().ok();
}
