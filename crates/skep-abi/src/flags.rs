//! Flags, by what they are given to.
//!
//! Answers to: include/uapi/linux/bpf.h.

/// Flags of `BPF_MAP_CREATE` (and the access flags of descriptors).
pub mod map {
    #![allow(missing_docs)]
    pub const NO_PREALLOC: u32 = 1 << 0;
    pub const NO_COMMON_LRU: u32 = 1 << 1;
    pub const NUMA_NODE: u32 = 1 << 2;
    /// The descriptor cannot write the map.
    pub const RDONLY: u32 = 1 << 3;
    /// The descriptor cannot read the map.
    pub const WRONLY: u32 = 1 << 4;
    pub const STACK_BUILD_ID: u32 = 1 << 5;
    pub const ZERO_SEED: u32 = 1 << 6;
    /// Programs cannot write the map.
    pub const RDONLY_PROG: u32 = 1 << 7;
    /// Programs cannot read the map.
    pub const WRONLY_PROG: u32 = 1 << 8;
    pub const CLONE: u32 = 1 << 9;
    pub const MMAPABLE: u32 = 1 << 10;
    pub const PRESERVE_ELEMS: u32 = 1 << 11;
    pub const INNER_MAP: u32 = 1 << 12;
    pub const LINK: u32 = 1 << 13;
    pub const PATH_FD: u32 = 1 << 14;
    pub const VTYPE_BTF_OBJ_FD: u32 = 1 << 15;
    pub const TOKEN_FD: u32 = 1 << 16;
    pub const SEGV_ON_FAULT: u32 = 1 << 17;
    pub const NO_USER_CONV: u32 = 1 << 18;
}

/// Flags of an element's lookup or update.
pub mod elem {
    /// Create the element or replace it.
    #[doc(alias = "BPF_ANY")]
    pub const ANY: u64 = 0;
    /// Only create it: EEXIST if it is there.
    #[doc(alias = "BPF_NOEXIST")]
    pub const NOEXIST: u64 = 1;
    /// Only replace it: ENOENT if it is not there.
    #[doc(alias = "BPF_EXIST")]
    pub const EXIST: u64 = 2;
    /// Under the value's spin lock.
    #[doc(alias = "BPF_F_LOCK")]
    pub const LOCK: u64 = 4;
}

/// Flags of `BPF_PROG_LOAD`.
pub mod prog {
    #![allow(missing_docs)]
    pub const STRICT_ALIGNMENT: u32 = 1 << 0;
    pub const ANY_ALIGNMENT: u32 = 1 << 1;
    pub const TEST_RND_HI32: u32 = 1 << 2;
    pub const TEST_STATE_FREQ: u32 = 1 << 3;
    pub const SLEEPABLE: u32 = 1 << 4;
    pub const XDP_HAS_FRAGS: u32 = 1 << 5;
    pub const XDP_DEV_BOUND_ONLY: u32 = 1 << 6;
    pub const TEST_REG_INVARIANTS: u32 = 1 << 7;
    pub const TOKEN_FD: u32 = 1 << 16;
}

/// Flags of `BPF_PROG_TEST_RUN`.
pub mod test_run {
    #![allow(missing_docs)]
    pub const ON_CPU: u32 = 1 << 0;
    pub const XDP_LIVE_FRAMES: u32 = 1 << 1;
    pub const SKB_CHECKSUM_COMPLETE: u32 = 1 << 2;
}

/// Flags of attaching a program (`BPF_PROG_ATTACH`, `BPF_LINK_CREATE`).
pub mod attach {
    #![allow(missing_docs)]
    pub const ALLOW_OVERRIDE: u32 = 1 << 0;
    pub const ALLOW_MULTI: u32 = 1 << 1;
    pub const REPLACE: u32 = 1 << 2;
    pub const BEFORE: u32 = 1 << 3;
    pub const AFTER: u32 = 1 << 4;
    pub const ID: u32 = 1 << 5;
    pub const PREORDER: u32 = 1 << 6;
    pub const LINK: u32 = 1 << 13;
}

/// Flags of `BPF_LINK_UPDATE`.
pub mod link_update {
    /// Only if the link holds the program that is named.
    #[doc(alias = "BPF_F_REPLACE")]
    pub const REPLACE: u32 = 1 << 2;
}

/// Flags of `BPF_PROG_QUERY`.
pub mod query {
    /// The programs that run, those of the parents included.
    #[doc(alias = "BPF_F_QUERY_EFFECTIVE")]
    pub const EFFECTIVE: u32 = 1 << 0;
}
