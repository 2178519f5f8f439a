//! skep-btf
