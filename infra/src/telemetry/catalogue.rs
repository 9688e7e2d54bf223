//! Every metric there is, with what it means: told to Prometheus as help, and written down in `docs/metrics.md`.
//!
//! `cargo xtask check-architecture` finds a name that the code uses and that is missing here, or stands here and is used nowhere.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// What a metric's number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Only rises, from the process's start.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts values in buckets.
    Histogram,
}

/// Name, kind, labels, meaning.
type Metric = (&'static str, Kind, &'static [&'static str], &'static str);

/// Sorted by name.
const METRICS: &[Metric] = &[
    ("sarangbang_appends_unconfirmed_total", Kind::Counter, &[], "Appends whose outcome was not confirmed; each ends an epoch"),
    ("sarangbang_build_info", Kind::Gauge, &["version", "node"], "Always 1; its labels say what runs here"),
    ("sarangbang_commands_rate_limited_total", Kind::Counter, &[], "Commands answered 429"),
    (
        "sarangbang_events_parked_total",
        Kind::Counter,
        &["projection", "cause"],
        "Events that could not be applied; their records are in the topic parked.v1",
    ),
    ("sarangbang_http_panics_total", Kind::Counter, &[], "Requests that met a defect and were answered 500"),
    ("sarangbang_http_request_seconds", Kind::Histogram, &["method", "route"], "Time until a request's answer began"),
    ("sarangbang_http_requests_total", Kind::Counter, &["method", "route", "status"], "Requests answered"),
    ("sarangbang_kafka_broker_rtt_mean_seconds", Kind::Gauge, &["client", "broker"], "Round trips to a broker: mean of a window"),
    (
        "sarangbang_kafka_broker_rtt_p99_seconds",
        Kind::Gauge,
        &["client", "broker"],
        "Round trips to a broker: 99th percentile of a window",
    ),
    ("sarangbang_kafka_broker_up", Kind::Gauge, &["client", "broker"], "1 while the client is connected to the broker"),
    ("sarangbang_kafka_queue_bytes", Kind::Gauge, &["client"], "Bytes that wait in the client for a broker"),
    ("sarangbang_kafka_queue_records", Kind::Gauge, &["client"], "Records that wait in the client for a broker"),
    ("sarangbang_kafka_received_bytes_total", Kind::Counter, &["client"], "Bytes received from brokers"),
    ("sarangbang_kafka_records_received_total", Kind::Counter, &["client"], "Records received from brokers"),
    ("sarangbang_kafka_records_sent_total", Kind::Counter, &["client"], "Records sent to brokers"),
    ("sarangbang_kafka_request_timeouts_total", Kind::Counter, &["client"], "Requests that a broker did not answer in time"),
    ("sarangbang_kafka_sent_bytes_total", Kind::Counter, &["client"], "Bytes sent to brokers"),
    (
        "sarangbang_kafka_tail_lag_records",
        Kind::Gauge,
        &["client", "topic", "partition"],
        "Records of a partition that a tail has not taken yet",
    ),
    ("sarangbang_live_cut_offs_total", Kind::Counter, &["reason"], "Sockets that were closed by the server"),
    ("sarangbang_live_frames_sent_total", Kind::Counter, &[], "Frames sent to sockets"),
    ("sarangbang_live_latency_seconds", Kind::Histogram, &[], "Time from an event's decision until its frame was sent"),
    ("sarangbang_live_resyncs_total", Kind::Counter, &["reason"], "Subscriptions ended with `resync`"),
    ("sarangbang_live_sockets", Kind::Gauge, &[], "Open sockets"),
    ("sarangbang_live_subscriptions", Kind::Gauge, &[], "Subscriptions of all sockets"),
    ("sarangbang_log_commit_seconds", Kind::Histogram, &[], "Embedded log: time of a group commit, its fdatasync included"),
    ("sarangbang_log_records_appended_total", Kind::Counter, &[], "Embedded log: records made durable"),
    ("sarangbang_outbox_sent_total", Kind::Counter, &[], "Records of accounts that were sent from the outbox into the log"),
    ("sarangbang_partition_epoch", Kind::Gauge, &["partition"], "The epoch under which this node owns the partition"),
    (
        "sarangbang_presence_lost_total",
        Kind::Counter,
        &[],
        "Words about people's presence that were passed over, because as many are remembered as may be",
    ),
    ("sarangbang_presence_people", Kind::Gauge, &[], "People who are online or away, as this node knows"),
    ("sarangbang_projector_batch_seconds", Kind::Histogram, &[], "Time to apply a batch to the read model"),
    (
        "sarangbang_projector_checkpoint_offset",
        Kind::Gauge,
        &["topic", "partition"],
        "The offset of the next record that the read model needs",
    ),
    (
        "sarangbang_projector_checkpoints_moved_total",
        Kind::Counter,
        &[],
        "Batches given up because another projector had applied them",
    ),
    ("sarangbang_projector_faults_total", Kind::Counter, &[], "Failures of the log or the read model that were tried again"),
    ("sarangbang_projector_lag_records", Kind::Gauge, &["topic", "partition"], "Records that the read model has not seen yet"),
    (
        "sarangbang_projector_lag_seconds",
        Kind::Gauge,
        &["topic", "partition"],
        "How old the newest event in the read model is while it is behind",
    ),
    ("sarangbang_projector_records_total", Kind::Counter, &["topic"], "Records applied to the read model, or passed over"),
    ("sarangbang_queries_behind_total", Kind::Counter, &[], "Queries answered `read-model-behind`"),
    ("sarangbang_read_model_generation", Kind::Gauge, &[], "The generation of the read model that is live"),
    ("sarangbang_rebuild_records_left", Kind::Gauge, &[], "Records that a rebuild has not read yet; 0 when there is none"),
    (
        "sarangbang_records_ignored_total",
        Kind::Counter,
        &["reader", "reason"],
        "Records that do not count under the acceptance rule",
    ),
    ("sarangbang_saga_seconds", Kind::Histogram, &["kind"], "Time from a saga's beginning to its end"),
    ("sarangbang_saga_steps_repeated_total", Kind::Counter, &["kind"], "Attempts at a step that came to nothing that is known"),
    (
        "sarangbang_sagas_ended_total",
        Kind::Counter,
        &["kind", "how"],
        "Sagas that ended: `completed`, `compensated` or `aborted`",
    ),
    ("sarangbang_sagas_running", Kind::Gauge, &["kind"], "Sagas with a step under way"),
    ("sarangbang_sagas_stuck", Kind::Gauge, &["kind"], "Sagas whose step has been under way for more than a minute"),
    (
        "sarangbang_sagas_unreadable_total",
        Kind::Counter,
        &[],
        "Records for sagas that this version cannot read; they are left out",
    ),
    (
        "sarangbang_search_batch_seconds",
        Kind::Histogram,
        &[],
        "Time to write a batch to the search index and move its checkpoint",
    ),
    ("sarangbang_search_documents_total", Kind::Counter, &[], "Documents written to the search index, or passed over as old"),
    ("sarangbang_search_faults_total", Kind::Counter, &[], "Failures of the log or the search index that were tried again"),
    ("sarangbang_search_lag_records", Kind::Gauge, &["topic", "partition"], "Records that the search index has not seen yet"),
    ("sarangbang_search_retries_total", Kind::Counter, &[], "Bulk requests repeated for what Elasticsearch did not take at once"),
    (
        "sarangbang_security_events_total",
        Kind::Counter,
        &["event"],
        "Security events, as they stand in the audit table: sign-ins, failures, ended sessions, changed roles, and the like",
    ),
    (
        "sarangbang_streams_unreadable_total",
        Kind::Counter,
        &[],
        "Streams refused because this version cannot read an event of theirs",
    ),
];

/// Tells the recorder what each metric means.
pub(super) fn describe() {
    for (name, kind, _, about) in METRICS {
        match kind {
            Kind::Counter => describe_counter!(*name, *about),
            Kind::Gauge => describe_gauge!(*name, *about),
            Kind::Histogram => describe_histogram!(*name, *about),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The documentation of every metric.
    fn markdown() -> String {
        let mut text = "<!-- Made from infra/src/telemetry/catalogue.rs; a test holds it to that. -->\n\
        # Metrics\n\n\
        `GET /metrics` on the internal listener, in the text format of Prometheus. A metric appears when it first has something to \
        say. What to watch is in [runbook.md](runbook.md).\n\n\
        | metric | kind | labels | what it says |\n|---|---|---|---|\n"
        .to_owned();
        for (name, kind, labels, about) in METRICS {
            let kind = format!("{kind:?}").to_lowercase();
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            let _infallible = writeln!(text, "| `{name}` | {kind} | {} | {about} |", labels.join(", "));
        }
        text
    }

    /// `UPDATE_DOCS=1` writes the file instead of comparing it.
    #[test]
    fn the_documentation_of_metrics_is_what_the_code_says() {
        assert!(METRICS.is_sorted_by_key(|(name, ..)| *name), "sorted by name, each once");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, markdown()).unwrap();
        }
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert!(written == markdown(), "docs/metrics.md is out of date: UPDATE_DOCS=1 cargo test -p infra catalogue");
    }
}
