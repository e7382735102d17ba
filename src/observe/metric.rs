//! Every metric there is, in one table: names as Vector has them where it has one, labels, meaning.
//!
//! ```text
//! METRICS ──▶ constants used by the code ──▶ recorder ──▶ /metrics
//!     └─────▶ schemas/metrics.md           (a test holds page, constants and their use equal)
//! ```
//! Without [`install`] every call is a no-op that costs a load.

use metrics::{Counter, Gauge, Histogram, Label};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::fmt::Write as _;
use std::sync::OnceLock;

/// How a metric behaves.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Name, with its unit at the end.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub meaning: &'static str,
}

/// Labels of a metric at one place.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Metric {
    /// The counter with these labels; to be kept where it is used often.
    pub fn counter(&self, labels: Labels<'_>) -> Counter {
        metrics::counter!(self.name, owned(labels))
    }

    /// The gauge with these labels.
    pub fn gauge(&self, labels: Labels<'_>) -> Gauge {
        metrics::gauge!(self.name, owned(labels))
    }

    /// The histogram with these labels.
    pub fn histogram(&self, labels: Labels<'_>) -> Histogram {
        metrics::histogram!(self.name, owned(labels))
    }
}

fn owned(labels: Labels<'_>) -> Vec<Label> {
    labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
}

/// Seconds, for what takes from a millisecond to an hour.
const SECS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

/// Labels of a component, as Vector has them.
const COMPONENT: &[&str] = &["component_id", "component_kind", "component_type"];

macro_rules! metrics {
    ($($constant:ident = $kind:ident$(($buckets:expr))? $name:literal $labels:expr, $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Metric =
                Metric { name: $name, kind: Kind::$kind$(($buckets))?, labels: $labels, meaning: $meaning };
        )*

        /// All of them, in the order of the page.
        pub const METRICS: &[Metric] = &[$($constant),*];

        #[cfg(test)]
        const CONSTANTS: &[&str] = &[$(stringify!($constant)),*];
    };
}

metrics! {
    RECEIVED_EVENTS = Counter "component_received_events_total" COMPONENT,
        "Events read, and records that are none.";
    RECEIVED_BYTES = Counter "component_received_bytes_total" COMPONENT,
        "Bytes read, as they lie in the file or message.";
    DISCARDED_EVENTS = Counter "component_discarded_events_total" &["component_id", "component_kind", "component_type", "intentional", "reason"],
        "Events without a row, dropped by the rule in `reason`, counted when they are committed. `intentional` is always true.";
    ERRORS = Counter "component_errors_total" &["component_id", "component_kind", "component_type", "error_type", "stage"],
        "What went wrong: rejected records (`stage` processing), sources that could not be read (receiving), storage (sending).";
    SENT_EVENTS = Counter "component_sent_events_total" &["component_id", "component_kind", "component_type", "output"],
        "Rows committed, by table in `output`.";
    SENT_BYTES = Counter "component_sent_bytes_total" &["component_id", "component_kind", "component_type", "output"],
        "Bytes of table files committed, by table in `output`.";
    LATE_EVENTS = Counter "late_events_total" &[],
        "Events that came below the watermark: they have their row, and change nothing that is settled.";
    SOURCE_LAG = Histogram(SECS) "source_lag_time_seconds" COMPONENT,
        "From the time of an event to its being read, once a batch, for its newest event. Only for sources that are followed.";
    END_TO_END_LAG = Histogram(SECS) "end_to_end_lag_time_seconds" &[],
        "From the time that the API server wrote an event to the commit of its row. Rows of the last hour only.";
    SOURCE_STALLED = Gauge "source_stalled" &["component_id"],
        "1 while the source cannot go on: /readyz and the log say why. It holds its place and goes on by itself.";
    KAFKA_CONSUMER_LAG = Gauge "kafka_consumer_lag" &["component_id", "topic_id", "partition_id"],
        "Records of the partition that are not read yet.";
    KAFKA_CONSUMED_MESSAGES = Counter "kafka_consumed_messages_total" &["component_id", "topic_id", "partition_id"],
        "Messages read.";
    WATERMARK = Gauge "watermark_timestamp_seconds" &["cluster"],
        "Event time up to which the cluster is settled, at the last commit.";
    COMMITS = Counter "commits_total" &[],
        "Commits made by this process.";
    COMMIT_DURATION = Histogram(SECS) "commit_duration_seconds" &[],
        "Time that a commit took, from closed files to published ones.";
    LAST_COMMIT = Gauge "last_commit_timestamp_seconds" &[],
        "When the last commit was made; 0 before the first one of this process.";
    STATE_BYTES = Gauge "state_bytes" &[],
        "Bytes of the state in the last commit: open contexts, sessions, facts within the horizon.";
    STORAGE_REQUESTS = Counter "storage_requests_total" &["operation", "outcome"],
        "Requests to the object store: `outcome` is ok, retried (an answer that was lost or refused, asked again) or failed.";
    STORAGE_DURATION = Histogram(SECS) "storage_request_duration_seconds" &["operation"],
        "Time that a request to the object store took, retries included.";
    UPTIME = Gauge "uptime_seconds" &[],
        "Since the process began.";
    BUILD_INFO = Gauge "build_info" &["version"],
        "Always 1; the version is the label.";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" &[],
        "Memory that the process holds.";
    PROCESS_CPU = Gauge "process_cpu_seconds_total" &[],
        "CPU time of all threads.";
    PROCESS_FDS = Gauge "process_open_fds" &[],
        "Open file descriptors.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" &[],
        "File descriptors that the process may open.";
    PROCESS_THREADS = Gauge "process_threads" &[],
        "Threads.";
}

/// Makes this process keep metrics, and gives what renders them. A second call gives the same.
pub fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let mut builder = PrometheusBuilder::new();
            for metric in METRICS {
                if let Kind::Histogram(buckets) = metric.kind {
                    let matcher = Matcher::Full(metric.name.to_owned());
                    // The buckets are constants and not empty, the only thing that could be wrong here.
                    builder = match builder.set_buckets_for_metric(matcher, buckets) {
                        Ok(builder) => builder,
                        Err(_) => PrometheusBuilder::new(),
                    };
                }
            }
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // An embedding program may have a recorder of its own: its metrics then go there.
            let _ = metrics::set_global_recorder(recorder);
            describe();
            handle
        })
        .clone()
}

fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.meaning),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.meaning),
            Kind::Histogram(_) => metrics::describe_histogram!(metric.name, metric.meaning),
        }
    }
}

/// The page that documents them, as it stands in `schemas/metrics.md`.
pub fn page() -> String {
    let mut page = "\
# Metrics

`observe.listen = \"127.0.0.1:9598\"` serves them at `/metrics`. Names are Vector's where Vector has the same thing.

| name | type | labels | meaning |
|---|---|---|---|
"
    .to_owned();
    for Metric { name, kind, labels, meaning } in METRICS {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {} | {meaning} |", labels.join(", "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_page_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/metrics.md");
        if std::env::var_os("CAUSEWAY_UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page(), "run with CAUSEWAY_UPDATE_SCHEMAS=1");
    }

    #[test]
    fn every_metric_is_used_and_named_well() {
        let sources: String = walkdir::WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|e| e == "rs") && !entry.path().ends_with("metric.rs"))
            .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
            .collect();
        for (constant, metric) in CONSTANTS.iter().zip(METRICS) {
            assert!(sources.contains(&format!("metric::{constant}")), "{constant} is used nowhere");
            assert!(metric.meaning.ends_with('.'), "{constant}");
            if metric.kind == Kind::Counter {
                assert!(metric.name.ends_with("_total"), "{constant}");
            }
        }
        // No metric beside the table.
        for call in ["counter!(", "gauge!(", "histogram!("] {
            assert!(!sources.contains(call), "{call} outside the table");
        }
    }
}
