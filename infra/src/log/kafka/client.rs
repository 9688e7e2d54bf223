//! What librdkafka tells of itself: its log lines go to tracing, its statistics to the metrics.

use std::collections::HashMap;
use std::sync::Mutex;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use crate::log::Fault;

/// The context of a client. Its role labels its metrics; clients of one role are added up.
pub struct Context {
    role: String,
    /// What the counters stood at when they were last told, by name.
    told: Mutex<HashMap<&'static str, u64>>,
}

impl Context {
    pub fn new(role: impl Into<String>) -> Self {
        Self { role: role.into(), told: Mutex::default() }
    }

    /// Adds what `total` grew by. Librdkafka counts from a client's start; the metric goes on across clients.
    fn count(&self, name: &'static str, total: i64) {
        let total = u64::try_from(total).unwrap_or_default();
        let Ok(mut told) = self.told.lock() else { return };
        let before = told.insert(name, total).unwrap_or_default();
        metrics::counter!(name, "client" => self.role.clone()).increment(total.saturating_sub(before));
    }

    fn gauge(&self, name: &'static str, value: f64) {
        metrics::gauge!(name, "client" => self.role.clone()).set(value);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let client = self.role.as_str();
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", client, facility, "{message}");
            }
            // Librdkafka calls every lost connection an error. It makes a new one by itself: nobody has to act.
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", client, facility, "{message}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", client, facility, "{message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let client = self.role.as_str();
        // The same was logged a moment ago, but for this one, which is the sum of several.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            tracing::warn!(target: "librdkafka", client, "no broker can be reached: {reason}");
        } else {
            tracing::debug!(target: "librdkafka", client, %error, "{reason}");
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.count("sarangbang_kafka_records_sent_total", statistics.txmsgs);
        self.count("sarangbang_kafka_records_received_total", statistics.rxmsgs);
        self.count("sarangbang_kafka_sent_bytes_total", statistics.tx_bytes);
        self.count("sarangbang_kafka_received_bytes_total", statistics.rx_bytes);
        self.gauge("sarangbang_kafka_queue_records", as_f64(statistics.msg_cnt));
        self.gauge("sarangbang_kafka_queue_bytes", as_f64(statistics.msg_size));
        let timeouts: u64 = statistics.brokers.values().map(|broker| broker.req_timeouts).sum();
        self.count("sarangbang_kafka_request_timeouts_total", i64::try_from(timeouts).unwrap_or(i64::MAX));
        for broker in statistics.brokers.values().filter(|broker| broker.nodeid >= 0) {
            let labels = [("client", self.role.clone()), ("broker", broker.nodeid.to_string())];
            metrics::gauge!("sarangbang_kafka_broker_up", &labels).set(if broker.state == "UP" { 1.0 } else { 0.0 });
            if let Some(rtt) = broker.rtt.as_ref().filter(|window| window.cnt > 0) {
                // Librdkafka counts microseconds.
                metrics::gauge!("sarangbang_kafka_broker_rtt_p99_seconds", &labels).set(micros(rtt.p99));
                metrics::gauge!("sarangbang_kafka_broker_rtt_mean_seconds", &labels).set(micros(rtt.avg));
            }
        }
        for topic in statistics.topics.values() {
            // A partition that no tail reads has no position.
            for partition in topic.partitions.values().filter(|known| known.app_offset >= 0 && known.hi_offset >= 0) {
                let lag = u64::try_from(partition.hi_offset - partition.app_offset).unwrap_or_default();
                let number = partition.partition.to_string();
                let labels = [("client", self.role.clone()), ("topic", topic.topic.clone()), ("partition", number)];
                metrics::gauge!("sarangbang_kafka_tail_lag_records", &labels).set(as_f64(lag));
            }
        }
    }
}

impl ConsumerContext for Context {}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; nobody reads more than 15 digits of it")]
const fn as_f64(value: u64) -> f64 {
    value as f64
}

fn micros(value: i64) -> f64 {
    as_f64(u64::try_from(value).unwrap_or_default()) / 1e6
}

/// Ends a client. Librdkafka waits for its threads then, and a broker that does not answer makes that long, so a thread of ours
/// waits for it.
pub fn end_elsewhere<T: Send + 'static>(client: T) {
    let ending = std::thread::Builder::new().name("kafka-client-end".to_owned()).spawn(move || drop(client));
    if let Err(error) = ending {
        tracing::warn!(%error, "no thread could be started to end a client; it was ended here");
    }
}

/// A failure of the way to Kafka, as a fault.
pub fn unavailable(what: &str, error: &KafkaError) -> Fault {
    match error {
        // Librdkafka says at once what it cannot be configured to, for instance TLS in a build without it.
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => Fault::Misconfigured(format!("{what}: {error}")),
        _ => Fault::Unavailable(format!("{what}: {error}")),
    }
}
