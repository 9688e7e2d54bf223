//! What the program knows beside its processes, as a library: so that tests and fuzz targets of other crates reach it.

pub mod archive;
