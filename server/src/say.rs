//! What the tools say: results on standard output, progress on standard error. (What happens inside goes to the log lines.)

use std::io::Write as _;

/// A line of the result. Nobody is there to hear of it when writing fails, as with `| head`.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line about what is going on.
pub fn progress(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
