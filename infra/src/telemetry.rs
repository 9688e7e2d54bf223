//! What a process tells about itself: log lines on standard error, and metrics for Prometheus.
//!
//! Log lines carry neither tokens nor what people write: the types that hold these hide them in `Debug`, and nobody logs a body.

mod catalogue;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Upper bounds of the buckets of every `…_seconds` histogram: from half a millisecond, which the embedded log takes, to the
/// longest time that a request may take.
const SECONDS_BUCKETS: [f64; 15] = [0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Of every `…_bytes` histogram: up to the largest record.
const BYTES_BUCKETS: [f64; 8] = [256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0];
/// Of every `…_count` histogram: sizes of batches.
const COUNT_BUCKETS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 500.0, 1_000.0];

/// How a process tells.
#[derive(Debug, Clone)]
pub struct Options {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// Colours in text lines.
    pub colour: bool,
    /// Which lines, in the language of `tracing` filters.
    pub filter: String,
    /// The node's name: a label of `sarangbang_build_info`.
    pub node: String,
    /// The program's version: a label of `sarangbang_build_info`.
    pub version: &'static str,
}

/// Why a process cannot tell.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is none.
    #[error("telemetry.filter: {0} (an example: info,command_api=debug)")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// It was started twice in one process.
    #[error("logs or metrics were started before in this process")]
    Twice,
    /// The buckets above are wrong.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Starts log lines and metrics for the whole process; the handle renders what `/metrics` answers, and wants
/// [`PrometheusHandle::run_upkeep`] every few seconds.
///
/// # Errors
/// [`Error`]; in particular when called twice.
pub fn start(options: &Options) -> Result<PrometheusHandle, Error> {
    let filter = EnvFilter::builder().parse(&options.filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(options.colour && !options.json);
    let started = if options.json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        lines.try_init()
    };
    started.map_err(|_| Error::Twice)?;
    metrics(&options.node, options.version)
}

fn metrics(node: &str, version: &'static str) -> Result<PrometheusHandle, Error> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_count".to_owned()), &COUNT_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    ::metrics::set_global_recorder(recorder).map_err(|_| Error::Twice)?;
    catalogue::describe();
    ::metrics::gauge!("sarangbang_build_info", "version" => version, "node" => node.to_owned()).set(1.0);
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_buckets_and_a_bad_filter_is_named() {
        let options = Options { json: false, colour: false, filter: "info,=".to_owned(), node: "n".to_owned(), version: "0" };
        assert!(start(&options).unwrap_err().to_string().starts_with("telemetry.filter"));
        let handle = metrics("n", "0").unwrap();
        ::metrics::histogram!("sarangbang_http_request_seconds").record(0.004);
        let text = handle.render();
        assert!(text.contains("sarangbang_http_request_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("sarangbang_build_info{version=\"0\",node=\"n\"} 1"), "{text}");
    }
}
