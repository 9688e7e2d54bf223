//! The local store of folded state: a cache, tied to the log it was folded from.
