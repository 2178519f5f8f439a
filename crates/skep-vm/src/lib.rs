//! skep-vm
