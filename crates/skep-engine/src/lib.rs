//! Linux's BPF objects in user space: maps, programs, helpers.

pub mod map;
pub mod region;
