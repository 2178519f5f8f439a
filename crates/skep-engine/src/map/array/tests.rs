//! Tests of ARRAY and PERCPU_ARRAY.
