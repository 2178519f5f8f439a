//! Regions: the contiguous, position-independent memory that a map lives in.
//!
//! All a map is lies in its region, by offset and without a pointer. A region has two pieces:
//!
//! ```text
//!  data      +--------------------------------------------------------------+
//!            | what user space may map and see: array values, by offset 0   |
//!            +--------------------------------------------------------------+
//!  control   +--------+-----------------------------------------------------+
//!            | header | locks, index, free lists, elements never handed out |
//!            +--------+-----------------------------------------------------+
//!            0        HEADER_SIZE
//! ```
//!
//! Both start on a page, so they share none: what is handed out can never hold or reach control
//! words. Memory is taken lazily, as it is touched. The header says what the region is, so that it
//! can be recognised when it is a file one day; it is written at creation and never changed.
//!
//! The bytes are shared with programs, other threads and perhaps other processes; [`Mem`] is the
//! one way to them, and has the rules.
//!
//! `unsafe` lives in `raw` (accesses) and `mapping` (address ranges) and nowhere else.

mod mapping;
mod mem;
mod raw;
#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering::Relaxed;

use skep_abi::Errno;

pub(crate) use mem::tail_word;
pub use mem::{AtomicOp, Mem, PlainWindow, WINDOW, Window};
pub(crate) use raw::equal_bytes;
pub use raw::{RawMem, RawWindow};

/// Where the control piece's own content starts.
pub const HEADER_SIZE: usize = 128;

/// "skepmap" and the byte order, as a number.
const MAGIC: u64 = 0x736b_6570_6d61_7001;
/// The version of every layout in a region; a change of any of them is a new version.
const VERSION: u32 = 1;

/// Offsets of the header's fields.
mod field {
    pub(super) const MAGIC: usize = 0;
    pub(super) const VERSION: usize = 8;
    pub(super) const MAP_TYPE: usize = 12;
    pub(super) const KEY_SIZE: usize = 16;
    pub(super) const VALUE_SIZE: usize = 20;
    pub(super) const MAX_ENTRIES: usize = 24;
    pub(super) const MAP_FLAGS: usize = 28;
    pub(super) const CPUS: usize = 32;
    pub(super) const SECRET: usize = 40;
    pub(super) const DATA_LEN: usize = 48;
    pub(super) const CONTROL_LEN: usize = 56;
}

/// What a region is made from and says about itself in its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionAttr {
    /// The map type's number.
    pub map_type: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Elements at most.
    pub max_entries: u32,
    /// Creation flags.
    pub map_flags: u32,
    /// CPUs of the engine at creation.
    pub cpus: u32,
    /// The secret that a hash is seeded with.
    pub secret: u64,
}

/// The memory of one map.
pub struct Region<M: Mem = RawMem> {
    attr: RegionAttr,
    data: M,
    control: M,
}

impl<M: Mem> Region<M> {
    /// A region with `data_len` bytes that may be handed out and `control_len` bytes that never
    /// are ([`HEADER_SIZE`] for the header not counted), all zero.
    ///
    /// ENOMEM if there is no such memory.
    pub fn create(attr: &RegionAttr, data_len: u64, control_len: u64) -> Result<Self, Errno> {
        let data_len = usize::try_from(data_len).map_err(|_| Errno::ENOMEM)?;
        let control_len = usize::try_from(control_len)
            .ok()
            .and_then(|len| len.checked_add(HEADER_SIZE))
            .ok_or(Errno::ENOMEM)?;
        let data = M::zeroed(data_len)?;
        let control = M::zeroed(control_len)?;
        let region = Self {
            attr: *attr,
            data,
            control,
        };
        region.write_header();
        Ok(region)
    }

    fn write_header(&self) {
        let (control, attr) = (&self.control, &self.attr);
        control.store_u32(field::VERSION, VERSION, Relaxed);
        control.store_u32(field::MAP_TYPE, attr.map_type, Relaxed);
        control.store_u32(field::KEY_SIZE, attr.key_size, Relaxed);
        control.store_u32(field::VALUE_SIZE, attr.value_size, Relaxed);
        control.store_u32(field::MAX_ENTRIES, attr.max_entries, Relaxed);
        control.store_u32(field::MAP_FLAGS, attr.map_flags, Relaxed);
        control.store_u32(field::CPUS, attr.cpus, Relaxed);
        control.store_u64(field::SECRET, attr.secret, Relaxed);
        control.store_u64(field::DATA_LEN, self.data.len() as u64, Relaxed);
        control.store_u64(field::CONTROL_LEN, control.len() as u64, Relaxed);
        control.store_u64(field::MAGIC, MAGIC, Relaxed);
    }

    /// What the region was made from.
    pub fn attr(&self) -> &RegionAttr {
        &self.attr
    }

    /// The piece that may be handed out.
    #[inline(always)]
    pub fn data(&self) -> &M {
        &self.data
    }

    /// The piece that never is; its first [`HEADER_SIZE`] bytes are the header.
    #[inline(always)]
    pub fn control(&self) -> &M {
        &self.control
    }

    /// Bytes of both pieces as asked for: what the map is charged with.
    pub fn len(&self) -> u64 {
        self.data.len() as u64 + self.control.len() as u64
    }

    /// Whether the region has no bytes: never, it has a header.
    pub fn is_empty(&self) -> bool {
        false
    }
}
