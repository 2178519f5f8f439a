//! Where the engine is known to answer otherwise than Linux.
//!
//! A case listed here must fail on the engine: when it passes, the list is stale
//! and the test says so.

/// Cases, as `module::case`, and what is different.
pub const KNOWN: &[(&str, &str)] = &[(
    "test_run::a_complete_checksum_is_asked_for",
    "BPF_F_TEST_SKB_CHECKSUM_COMPLETE is not there: the checksum of a packet is not kept",
)];
