//! The tests of the ports against their adapters: one binary, so that a crate links once.
//!
//! A test that needs a server reads its address from the environment (`cargo xtask services up` prints it), and is skipped, with
//! a line that says so, where there is none; with `SARANGBANG_TEST_REQUIRE_SERVERS=1` it fails instead.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "this is a test binary: helpers of tests fail by panicking, and say what they skip"
)]

mod credentials_adapters;
mod credentials_contract;
mod log_contract;
mod log_embedded;
mod log_fencing;
mod log_kafka;
mod log_process;
mod read_model_adapters;
mod read_model_contract;
mod read_model_generations;
mod saga_state_adapters;
mod saga_state_contract;
mod schema;
mod search_adapters;
mod search_bulk;
mod search_contract;
mod search_judged;

/// What the environment variable `name` says of a server for tests; nothing, with a line that says so, when it is not set.
///
/// # Panics
/// When it is not set and `SARANGBANG_TEST_REQUIRE_SERVERS=1` says that it must be.
pub fn server(name: &str) -> Option<String> {
    let address = std::env::var(name).ok().filter(|address| !address.is_empty());
    if address.is_none() {
        assert!(std::env::var("SARANGBANG_TEST_REQUIRE_SERVERS").as_deref() != Ok("1"), "{name} is not set");
        println!("skipped: {name} is not set");
    }
    address
}
