//! Shows how far an import is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::room::Counts;
use crate::say;

/// How often the bar moves.
const BAR_INTERVAL: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
const STYLE: &str = "{msg} [{bar:32}] {pos}/{len} messages, {per_sec}, {eta} left";

/// Shows `counts` of `total` until the future is dropped.
pub async fn show(what: &'static str, counts: &Counts, total: u64) {
    if std::io::stderr().is_terminal() { bar(what, counts, total).await } else { lines(what, counts, total).await }
}

async fn bar(what: &'static str, counts: &Counts, total: u64) {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_message(what);
    if let Ok(style) = ProgressStyle::with_template(STYLE) {
        bar.set_style(style.progress_chars("=> "));
    }
    // What was found there already must not count as speed.
    bar.set_position(counts.done.load(Ordering::Relaxed));
    bar.reset_eta();
    let _cleared = Cleared(bar.clone());
    loop {
        bar.set_position(counts.done.load(Ordering::Relaxed));
        tokio::time::sleep(BAR_INTERVAL).await;
    }
}

/// Takes the bar away when it is dropped, so that the summary stands alone.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

async fn lines(what: &'static str, counts: &Counts, total: u64) {
    let begin = (Instant::now(), counts.done.load(Ordering::Relaxed));
    loop {
        tokio::time::sleep(LINE_INTERVAL).await;
        let done = counts.done.load(Ordering::Relaxed);
        let seconds = begin.0.elapsed().as_secs_f64();
        let rate = per_second(done - begin.1, seconds);
        let left = total.saturating_sub(done).checked_div(rate);
        let left = left.map_or_else(|| "no end in sight".to_owned(), |seconds| format!("{seconds} s left"));
        say::progress(&format!("{what}: {done} of {total} messages, {rate} a second, {left}"));
    }
}

/// `count` in `seconds`, a second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rate for people")]
pub fn per_second(count: u64, seconds: f64) -> u64 {
    (count as f64 / seconds.max(0.001)).round() as u64
}
