//! Metrics: events of target `metric` become CloudWatch's embedded metric format on standard output, as few lines as an
//! invocation needs: a line costs its event more than the memory that it is served in.
//!
//! A room says `tracing::info!(target: "metric", name = "Unknown", value = 1_u64, gateway = %gateway)`; this layer knows
//! the rest. What must ring even if the process dies in the next moment is said with `warn!` and is written at once.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use wire::{Clock, SystemClock};

/// The target of events that are metrics.
pub(crate) const TARGET: &str = "metric";
/// Where CloudWatch keeps them: the stack's name, so that two deployments in one account do not ring each other's alarms.
static NAMESPACE: OnceLock<String> = OnceLock::new();
const NAMESPACE_IF_UNNAMED: &str = "PaymentConnector";
/// The format takes no more values of one metric in a line.
const VALUES_MAX: usize = 100;

/// Collects metrics of one job.
pub(crate) struct Metrics {
    pub(crate) job: &'static str,
}

/// One value under its name; everything else that was said is a dimension.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    value: u64,
    dimensions: BTreeMap<String, String>,
}

/// What was said since the last line. One process is one function, and writes to one standard output.
static WAITING: Mutex<Vec<Sample>> = Mutex::new(Vec::new());

impl<S: Subscriber> Layer<S> for Metrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields { value: None, dimensions: BTreeMap::new() };
        event.record(&mut fields);
        let Fields { value: Some(value), mut dimensions } = fields else { return };
        let Some(name) = dimensions.remove("name") else { return };
        // Each set of dimensions is a metric that is paid for, and each function has a log of its own.
        if dimensions.is_empty() {
            dimensions.insert("job".to_owned(), self.job.to_owned());
        }
        let sample = Sample { name, value, dimensions };
        if *event.metadata().level() < Level::INFO {
            return write(vec![sample]);
        }
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(sample);
        if waiting.len() >= VALUES_MAX {
            write(std::mem::take(&mut *waiting));
        }
    }
}

/// Names the namespace, once, before the first line.
pub(crate) fn keep_in(namespace: &str) {
    NAMESPACE.get_or_init(|| namespace.to_owned());
}

fn namespace() -> &'static str {
    NAMESPACE.get().map_or(NAMESPACE_IF_UNNAMED, String::as_str)
}

/// Writes what an invocation said.
pub(crate) fn flush() {
    write(std::mem::take(&mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner)));
}

fn write(samples: Vec<Sample>) {
    if samples.is_empty() {
        return;
    }
    let mut out = std::io::stdout().lock();
    for line in lines(samples, SystemClock.now().as_millisecond()) {
        // A metric that cannot be written is not worth a payment.
        let _ = writeln!(out, "{line}");
    }
}

/// As few lines as there can be: counts of the same thing are added up, times stand in one list, and metrics whose
/// dimensions do not contradict each other share a line.
fn lines(samples: Vec<Sample>, millisecond: i64) -> Vec<Value> {
    let mut merged: BTreeMap<(BTreeMap<String, String>, String), Vec<u64>> = BTreeMap::new();
    for Sample { name, value, dimensions } in samples {
        let is_count = unit(&name).is_none();
        let values = merged.entry((dimensions, name)).or_default();
        match values.last_mut() {
            Some(sum) if is_count => *sum = sum.saturating_add(value),
            _ => values.push(value),
        }
    }
    let mut lines: Vec<Line> = Vec::new();
    for ((dimensions, name), values) in merged {
        match lines.iter_mut().find(|line| line.has_room(&name, &dimensions)) {
            Some(line) => line.add(name, dimensions, values),
            None => {
                let mut line = Line::default();
                line.add(name, dimensions, values);
                lines.push(line);
            }
        }
    }
    lines.into_iter().map(|line| line.embedded(millisecond)).collect()
}

#[derive(Default)]
struct Line {
    members: Map<String, Value>,
    /// Metrics by the names of their dimensions.
    directives: BTreeMap<Vec<String>, Vec<Value>>,
}

impl Line {
    fn has_room(&self, name: &str, dimensions: &BTreeMap<String, String>) -> bool {
        let agrees = |(key, value): (&String, &String)| self.members.get(key).is_none_or(|it| it == value);
        !self.members.contains_key(name) && dimensions.iter().all(agrees)
    }

    fn add(&mut self, name: String, dimensions: BTreeMap<String, String>, values: Vec<u64>) {
        let metric = match unit(&name) {
            Some(unit) => json!({ "Name": name, "Unit": unit }),
            None => json!({ "Name": name }),
        };
        self.directives.entry(dimensions.keys().cloned().collect()).or_default().push(metric);
        self.members.extend(dimensions.into_iter().map(|(key, value)| (key, value.into())));
        let value = match values.as_slice() {
            [one] => json!(one),
            many => json!(many),
        };
        self.members.insert(name, value);
    }

    fn embedded(self, millisecond: i64) -> Value {
        let directive = |(dimensions, metrics): (Vec<String>, Vec<Value>)| json!({ "Namespace": namespace(), "Dimensions": [dimensions], "Metrics": metrics });
        let directives: Vec<_> = self.directives.into_iter().map(directive).collect();
        let mut members = self.members;
        members
            .insert("_aws".to_owned(), json!({ "Timestamp": millisecond, "CloudWatchMetrics": directives }));
        Value::Object(members)
    }
}

/// What a metric is counted in, by the end of its name; nothing for a plain count.
fn unit(name: &str) -> Option<&'static str> {
    match name {
        name if name.ends_with("Milliseconds") => Some("Milliseconds"),
        name if name.ends_with("Seconds") => Some("Seconds"),
        _ => None,
    }
}

struct Fields {
    value: Option<u64>,
    dimensions: BTreeMap<String, String>,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "value" => self.value = Some(value),
            name => drop(self.dimensions.insert(name.to_owned(), value.to_string())),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.dimensions.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.dimensions.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, value: u64, dimensions: &[(&str, &str)]) -> Sample {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Sample { name: name.to_owned(), value, dimensions: dimensions.iter().map(own).collect() }
    }

    const DECLINED: [(&str, &str); 2] = [("gateway", "stripe"), ("outcome", "declined")];
    const APPROVED: [(&str, &str); 2] = [("gateway", "stripe"), ("outcome", "approved")];
    const ASKED: [(&str, &str); 2] = [("gateway", "stripe"), ("verb", "authorise")];

    #[test]
    fn a_metric_is_one_line_of_the_embedded_format() {
        assert_eq!(
            lines(vec![sample("Renewals", 1, &DECLINED)], 1_799_053_200_000),
            [json!({
                "_aws": {
                    "Timestamp": 1_799_053_200_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "PaymentConnector",
                        "Dimensions": [["gateway", "outcome"]],
                        "Metrics": [{ "Name": "Renewals" }],
                    }],
                },
                "gateway": "stripe", "outcome": "declined", "Renewals": 1,
            })]
        );
    }

    #[test]
    fn a_batch_of_one_outcome_is_one_line() {
        let mut said = vec![];
        for took in [1200, 1300] {
            said.push(sample("GatewayMilliseconds", took, &ASKED));
            said.push(sample("Renewals", 1, &APPROVED));
        }
        let lines = lines(said, 0);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!(line["GatewayMilliseconds"], json!([1200, 1300]));
        assert_eq!(
            (&line["Renewals"], &line["outcome"], &line["verb"]),
            (&json!(2), &json!("approved"), &json!("authorise"))
        );
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"],
            json!([
                { "Namespace": "PaymentConnector", "Dimensions": [["gateway", "outcome"]], "Metrics": [{ "Name": "Renewals" }] },
                {
                    "Namespace": "PaymentConnector", "Dimensions": [["gateway", "verb"]],
                    "Metrics": [{ "Name": "GatewayMilliseconds", "Unit": "Milliseconds" }],
                },
            ])
        );
    }

    #[test]
    fn what_contradicts_each_other_stands_in_lines_of_its_own() {
        let said = vec![sample("Renewals", 1, &APPROVED), sample("Renewals", 1, &DECLINED)];
        assert_eq!(lines(said, 0).len(), 2);
    }
}
