//! The queries over HTTP.
