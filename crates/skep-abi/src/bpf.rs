//! The waist: bpf(2) as a trait.
//!
//! One method a command, each taking that command's structure by `&mut` because
//! the command may write fields of it back, as bpf(2) writes to its attribute. A
//! command an implementation lacks answers EINVAL, which is what Linux answers
//! for a number it does not know. `close` is close(2); [`Bpf::resolve`] is the
//! one addition: the map behind a descriptor, looked up once.
//!
//! Descriptors are numbers here, because programs and maps of maps carry
//! numbers; [`OwnedFd`] is the guard above.
//!
//! Answers to: __sys_bpf in kernel/bpf/syscall.c; bpf(2).

use crate::command::*;
use crate::{Errno, MapType, Result};
use core::fmt;
use std::sync::Arc;

/// A descriptor's number. Zero, the default, is "none" in an attribute that may have none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Fd(pub i32);

impl fmt::Debug for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fd {}", self.0)
    }
}

impl fmt::Display for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

macro_rules! waist {
    ($( $(#[$doc:meta])* fn $method:ident($type:ty) -> $out:ty; )*) => {
        /// Linux's BPF system call, or something that answers like it.
        #[doc(alias = "bpf")]
        pub trait Bpf: Send + Sync {
            /// Closes a descriptor. EBADF if it is not open.
            fn close(&self, fd: Fd) -> Result<()>;

            /// The map behind a descriptor, so that each operation need not look
            /// it up again. It lives on when the descriptor is closed. EBADF if it
            /// is not open, EINVAL if it is no map.
            fn resolve(&self, map: Fd) -> Result<MapRef>;

            /// How many cpus a per-CPU value has an entry for.
            fn possible_cpus(&self) -> Result<u32>;

            $(
                $(#[$doc])*
                fn $method(&self, cmd: &mut $type) -> Result<$out> {
                    let _ = cmd;
                    Err(Errno::EINVAL)
                }
            )*
        }
    };
}

waist! {
    /// `BPF_MAP_CREATE`
    fn map_create(MapCreate<'_>) -> Fd;
    /// `BPF_MAP_LOOKUP_ELEM`
    fn map_lookup_elem(MapLookupElem<'_>) -> ();
    /// `BPF_MAP_UPDATE_ELEM`
    fn map_update_elem(MapUpdateElem<'_>) -> ();
    /// `BPF_MAP_DELETE_ELEM`
    fn map_delete_elem(MapDeleteElem<'_>) -> ();
    /// `BPF_MAP_GET_NEXT_KEY`
    fn map_get_next_key(MapGetNextKey<'_>) -> ();
    /// `BPF_MAP_LOOKUP_AND_DELETE_ELEM`
    fn map_lookup_and_delete_elem(MapLookupAndDeleteElem<'_>) -> ();
    /// `BPF_MAP_FREEZE`
    fn map_freeze(MapFreeze) -> ();
    /// `BPF_MAP_LOOKUP_BATCH`
    fn map_lookup_batch(MapLookupBatch<'_>) -> ();
    /// `BPF_MAP_LOOKUP_AND_DELETE_BATCH`
    fn map_lookup_and_delete_batch(MapLookupAndDeleteBatch<'_>) -> ();
    /// `BPF_MAP_UPDATE_BATCH`
    fn map_update_batch(MapUpdateBatch<'_>) -> ();
    /// `BPF_MAP_DELETE_BATCH`
    fn map_delete_batch(MapDeleteBatch<'_>) -> ();
    /// `BPF_PROG_LOAD`
    fn prog_load(ProgLoad<'_>) -> Fd;
    /// `BPF_OBJ_PIN`
    fn obj_pin(ObjPin<'_>) -> ();
    /// `BPF_OBJ_GET`
    fn obj_get(ObjGet<'_>) -> Fd;
    /// `BPF_PROG_ATTACH`
    fn prog_attach(ProgAttach) -> ();
    /// `BPF_PROG_DETACH`
    fn prog_detach(ProgDetach) -> ();
    /// `BPF_PROG_TEST_RUN`
    fn prog_test_run(ProgTestRun<'_>) -> ();
    /// `BPF_PROG_GET_NEXT_ID`
    fn prog_get_next_id(ProgGetNextId) -> ();
    /// `BPF_MAP_GET_NEXT_ID`
    fn map_get_next_id(MapGetNextId) -> ();
    /// `BPF_BTF_GET_NEXT_ID`
    fn btf_get_next_id(BtfGetNextId) -> ();
    /// `BPF_LINK_GET_NEXT_ID`
    fn link_get_next_id(LinkGetNextId) -> ();
    /// `BPF_PROG_GET_FD_BY_ID`
    fn prog_get_fd_by_id(ProgGetFdById) -> Fd;
    /// `BPF_MAP_GET_FD_BY_ID`
    fn map_get_fd_by_id(MapGetFdById) -> Fd;
    /// `BPF_BTF_GET_FD_BY_ID`
    fn btf_get_fd_by_id(BtfGetFdById) -> Fd;
    /// `BPF_LINK_GET_FD_BY_ID`
    fn link_get_fd_by_id(LinkGetFdById) -> Fd;
    /// `BPF_OBJ_GET_INFO_BY_FD`
    fn obj_get_info_by_fd(ObjGetInfoByFd<'_>) -> ();
    /// `BPF_PROG_QUERY`
    fn prog_query(ProgQuery<'_>) -> ();
    /// `BPF_RAW_TRACEPOINT_OPEN`
    fn raw_tracepoint_open(RawTracepointOpen<'_>) -> Fd;
    /// `BPF_BTF_LOAD`
    fn btf_load(BtfLoad<'_>) -> Fd;
    /// `BPF_TASK_FD_QUERY`
    fn task_fd_query(TaskFdQuery<'_>) -> ();
    /// `BPF_LINK_CREATE`
    fn link_create(LinkCreate) -> Fd;
    /// `BPF_LINK_UPDATE`
    fn link_update(LinkUpdate) -> ();
    /// `BPF_LINK_DETACH`
    fn link_detach(LinkDetach) -> ();
    /// `BPF_ENABLE_STATS`
    fn enable_stats(EnableStats) -> Fd;
    /// `BPF_ITER_CREATE`
    fn iter_create(IterCreate) -> Fd;
    /// `BPF_PROG_BIND_MAP`
    fn prog_bind_map(ProgBindMap) -> ();
    /// `BPF_TOKEN_CREATE`
    fn token_create(TokenCreate) -> Fd;
    /// `BPF_PROG_STREAM_READ_BY_FD`
    fn prog_stream_read_by_fd(ProgStreamRead<'_>) -> u32;
}

/// The measures of a map, fixed at its creation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapShape {
    /// What the map is.
    pub map_type: MapType,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many elements it holds at the most.
    pub max_entries: u32,
    /// Its creation flags.
    pub map_flags: u32,
    /// Bytes of a value as user space sees it: for a per-CPU map
    /// `value_size` rounded up to 8, times the cpus.
    pub user_value_size: usize,
}

/// A map's elements as user space reaches them: what typed maps hold.
///
/// A key is `key_size` bytes and a value `user_value_size` bytes of
/// [`MapOps::shape`]; a shorter slice is EFAULT, a longer one's tail is not
/// touched. Otherwise every operation answers as its command does.
pub trait MapOps: Send + Sync {
    /// The map's measures.
    fn shape(&self) -> &MapShape;
    /// [`Bpf::map_lookup_elem`]
    fn lookup(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()>;
    /// [`Bpf::map_update_elem`]
    fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()>;
    /// [`Bpf::map_delete_elem`]
    fn delete(&self, key: &[u8]) -> Result<()>;
    /// [`Bpf::map_get_next_key`]
    fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<()>;
    /// [`Bpf::map_lookup_and_delete_elem`]
    fn lookup_and_delete(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()>;
}

/// A map resolved from its descriptor.
pub type MapRef = Arc<dyn MapOps>;

/// A descriptor that is closed when it is dropped.
pub struct OwnedFd {
    bpf: Arc<dyn Bpf>,
    fd: Fd,
}

impl OwnedFd {
    /// Takes charge of `fd`, which `bpf` returned to the caller.
    pub fn new(bpf: Arc<dyn Bpf>, fd: Fd) -> OwnedFd {
        OwnedFd { bpf, fd }
    }

    /// The number.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// What it is a descriptor of.
    pub fn bpf(&self) -> &Arc<dyn Bpf> {
        &self.bpf
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        // The number was ours alone, so there is nobody to tell of a failure.
        let _ = self.bpf.close(self.fd);
    }
}

impl fmt::Debug for OwnedFd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fd.fmt(f)
    }
}
