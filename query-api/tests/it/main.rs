//! The queries and the live feed against the real embedded log and the real SQLite read model, over real sockets.

mod fixture;
mod live;
mod queries;
