//! skep-abi
