//! What is fuzzed.

mod bodies;
mod cursors;
mod frames;
mod lines;
mod records;
mod world;

use std::hash::{DefaultHasher, Hasher as _};

/// Something that reads bytes of others.
pub struct Target {
    /// Its name, which is its corpus's too.
    pub name: &'static str,
    /// What it reads.
    pub about: &'static str,
    /// Takes any input; panics where a promise is broken; tells what it saw, in few different words.
    pub run: fn(&[u8]) -> String,
}

/// All of them.
pub const ALL: &[Target] = &[
    Target { name: "bodies", about: "bodies of every route that takes one, decided and recorded", run: bodies::run },
    Target { name: "frames", about: "frames of clients of the live feed", run: frames::run },
    Target { name: "records", about: "records of the log: judged, decoded, upcast, applied", run: records::run },
    Target { name: "cursors", about: "cursors of pages, read tokens, ids and texts", run: cursors::run },
    Target { name: "lines", about: "lines of an archive to be imported", run: lines::run },
];

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// A short fingerprint, the same in every run.
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// A seed that nobody chose.
#[must_use]
pub fn random_seed() -> u64 {
    infra::random::uuid_v4().as_u64_pair().1
}
