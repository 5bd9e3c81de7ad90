//! Metrics: events of target `metric` become CloudWatch's embedded metric format, one JSON line each on standard output.
//!
//! A room says `tracing::info!(target: "metric", name = "Parked", value = 1_u64, gateway = %gateway)`; this layer knows the rest.

use std::io::Write;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use wire::{Clock, SystemClock};

/// The target of events that are metrics.
pub(crate) const TARGET: &str = "metric";
const NAMESPACE: &str = "PaymentConnector";

/// Writes metrics of one job.
pub(crate) struct Metrics {
    pub(crate) job: &'static str,
}

impl<S: Subscriber> Layer<S> for Metrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        if let Some(line) = embedded(self.job, fields.0, SystemClock.now().as_millisecond()) {
            // A metric that cannot be written is not worth a payment.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
}

/// One line: the value under its name, everything else a dimension beside `job`. `None` where name or value is missing.
fn embedded(job: &str, mut fields: Map<String, Value>, millisecond: i64) -> Option<Value> {
    let (Value::String(name), value) = (fields.remove("name")?, fields.remove("value")?) else { return None };
    let unit = match name.as_str() {
        name if name.ends_with("Seconds") => "Seconds",
        name if name.ends_with("Milliseconds") => "Milliseconds",
        _ => "Count",
    };
    let mut dimensions = vec!["job".to_owned()];
    dimensions.extend(fields.keys().cloned());
    let metrics = json!([{
        "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": [{ "Name": name, "Unit": unit }],
    }]);
    fields.insert("_aws".to_owned(), json!({ "Timestamp": millisecond, "CloudWatchMetrics": metrics }));
    fields.insert("job".to_owned(), job.into());
    fields.insert(name, value);
    Some(Value::Object(fields))
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_line_of_the_embedded_format() {
        let fields = json!({ "name": "Renewals", "value": 1, "outcome": "declined" });
        let Value::Object(fields) = fields else { unreachable!() };
        let line = embedded("recurring-capture", fields, 1_799_053_200_000).unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_799_053_200_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "PaymentConnector",
                        "Dimensions": [["job", "outcome"]],
                        "Metrics": [{ "Name": "Renewals", "Unit": "Count" }],
                    }],
                },
                "job": "recurring-capture", "outcome": "declined", "Renewals": 1,
            })
        );
    }

    #[test]
    fn what_is_no_metric_writes_nothing() {
        assert_eq!(embedded("settlement", Map::new(), 0), None);
    }
}
