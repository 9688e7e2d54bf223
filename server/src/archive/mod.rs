//! Archives of chats: [`lines`] reads the files, [`names`] maps nicknames, [`plan`] says what is to be done. All of it pure, so that
//! a repeated import makes the same commands under the same ids, and so that it can be fuzzed.

pub mod lines;
pub mod names;
pub mod plan;
