//! Where the engine is known to answer otherwise than Linux.
//!
//! A case listed here must fail on the engine: when it passes, the list is stale
//! and the test says so.

/// Cases, as `module::case`, and what is different.
pub const KNOWN: &[(&[&str], &str)] = &[
    (
        &["test_run::a_complete_checksum_is_asked_for"],
        "BPF_F_TEST_SKB_CHECKSUM_COMPLETE is not there: the checksum of a packet is not kept",
    ),
    (
        &[
            "locks::types_that_hold_a_lock",
            "locks::the_lock_s_bytes_read_as_zero",
            "locks::updates_under_the_lock",
            "locks::lookups_under_the_lock",
            "locks::unknown_flags_beside_the_lock",
            "locks::taking_under_the_lock",
        ],
        "values with a struct bpf_spin_lock are not there: such a map is EOPNOTSUPP",
    ),
];

/// Why the engine is known to fail a case, if it is.
pub fn known(case: &str) -> Option<&'static str> {
    let listed = KNOWN.iter().find(|(cases, _)| cases.contains(&case));
    listed.map(|(_, reason)| *reason)
}
