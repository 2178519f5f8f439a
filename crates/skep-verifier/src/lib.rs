//! skep-verifier
