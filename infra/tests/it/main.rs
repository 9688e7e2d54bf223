//! The tests of the ports against their adapters: one binary, so that a crate links once.
//!
//! A test that needs a server reads its address from the environment (`cargo xtask services up` prints it), and is skipped, with
//! a line that says so, where there is none; with `SARANGBANG_TEST_REQUIRE_SERVERS=1` it fails instead.

mod log_contract;
mod log_embedded;
