//! Where the engine is known to answer otherwise than Linux.
//!
//! A case listed here must fail on the engine: when it passes, the list is stale
//! and the test says so.

/// Cases, as `module::case`, and what is different.
pub const KNOWN: &[(&str, &str)] = &[];
