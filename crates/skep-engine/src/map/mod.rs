//! Maps: one family a module.

pub mod hash;
