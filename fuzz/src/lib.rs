//! Fuzzing: bytes that nobody chose, against everything that reads bytes of others.
//!
//! A *target* takes any bytes, must never panic, and panics where a promise is broken: an answer of 5xx, a record that reads back
//! as another one. It says what it saw as a *signature*; an input with a signature that nobody has seen becomes a seed of others.
//! That is coarser than a compiler's coverage, but needs nothing beside stable Rust, and runs in `./test` (docs/adr/0014-fuzzing-on-stable.md).
//!
//! * `cargo xtask fuzz TARGET --seconds N` runs long; the seed is printed, and the same seed gives the same inputs;
//! * `cargo test -p fuzz` runs each target briefly over its corpus and what is made of it.
//!
//! # How to add a target
//!
//! 1. Add a file in `targets/` with `run`, and its line in [`targets::ALL`].
//! 2. Put a few inputs of our own making into `corpus/NAME/`.
//! 3. Whatever a run finds goes there too, once it is fixed: the tests run the whole corpus first.

#![expect(clippy::panic, reason = "a target panics where a promise is broken: that is how it tells")]

pub mod corpus;
pub mod engine;
pub mod mutate;
pub mod targets;
