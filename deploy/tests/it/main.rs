//! The files that operators run, given to the programs and types that must take them.

#[cfg(test)]
mod compose;
#[cfg(test)]
mod files;
#[cfg(test)]
mod kubernetes;
#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod systemd;
#[cfg(test)]
mod tools;
