//! The service as people meet it: real database, real log, and a small stand-in for the chat and its orchestrator.

mod administration;
mod chat;
mod crashes;
mod registration;
mod sessions;
mod sign_in;
mod world;
