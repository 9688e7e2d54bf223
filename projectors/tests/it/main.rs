//! The projectors on the real embedded log and the real SQLite timeline: killed, doubled, paused, refused, steered.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "this is a test binary: helpers of tests fail by panicking"
)]

mod counting;
mod faulty;
mod generations;
mod parking;
mod rebuild;
mod recovery;
mod retrying;
mod searching;
mod stage;
mod steering;

/// What the environment variable `name` says of a server for tests; nothing, with a line that says so, when it is not set.
///
/// # Panics
/// When it is not set and `SARANGBANG_TEST_REQUIRE_SERVERS=1` says that it must be.
fn server(name: &str) -> Option<String> {
    let address = std::env::var(name).ok().filter(|address| !address.is_empty());
    if address.is_none() {
        assert!(std::env::var("SARANGBANG_TEST_REQUIRE_SERVERS").as_deref() != Ok("1"), "{name} is not set");
        println!("skipped: {name} is not set");
    }
    address
}
