//! Tests of HASH and PERCPU_HASH as maps.
