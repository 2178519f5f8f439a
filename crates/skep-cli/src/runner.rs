//! One program over many packets, on the engine or on Linux.
//!
//! Both are driven by PROG_TEST_RUN through the waist.
