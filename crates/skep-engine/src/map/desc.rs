//! What a map is, fixed at its creation.
//!
//! Invariants: nothing here changes after creation; every size is one its family
//! took, so sums and products of them stay far from overflow.
//!
//! Answers to: struct bpf_map in include/linux/bpf.h.

use skep_abi::{Errno, MapCreate, MapShape, MapType, Result, flags};

use super::family::Family;

/// Flags of creation that belong to the descriptor or the command, not to the map.
const NOT_OF_THE_MAP: u32 = flags::map::RDONLY | flags::map::WRONLY | flags::map::TOKEN_FD;

/// The measures of a map and the family it belongs to.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_map")]
pub struct Desc {
    shape: MapShape,
    map_extra: u64,
    cpus: u32,
    family: &'static Family,
}

impl Desc {
    /// A map of `family` as `cmd` asks for it, on so many cpus. The command has passed the
    /// family's check.
    pub(super) fn new(family: &'static Family, cmd: &MapCreate<'_>, cpus: u32) -> Desc {
        let user_value_size = match family.per_cpu {
            false => cmd.value_size as usize,
            true => (cmd.value_size as usize)
                .next_multiple_of(8)
                .saturating_mul(cpus as usize),
        };
        Desc {
            shape: MapShape {
                map_type: family.map_type,
                key_size: cmd.key_size,
                value_size: cmd.value_size,
                max_entries: cmd.max_entries,
                map_flags: cmd.map_flags & !NOT_OF_THE_MAP,
                user_value_size,
            },
            map_extra: cmd.map_extra,
            cpus,
            family,
        }
    }

    /// The measures as typed maps and info show them: flags without those of the descriptor.
    #[inline(always)]
    pub fn shape(&self) -> &MapShape {
        &self.shape
    }

    /// What the map is.
    pub fn map_type(&self) -> MapType {
        self.shape.map_type
    }

    /// Bytes of a key.
    #[inline(always)]
    pub fn key_size(&self) -> usize {
        self.shape.key_size as usize
    }

    /// Bytes of a value as a program sees it: one cpu's.
    #[inline(always)]
    pub fn value_size(&self) -> usize {
        self.shape.value_size as usize
    }

    /// Bytes of a value as user space sees it: every cpu's.
    #[inline(always)]
    pub fn user_value_size(&self) -> usize {
        self.shape.user_value_size
    }

    /// Whether every one of `flags` was asked for at creation.
    pub fn has_flags(&self, flags: u32) -> bool {
        self.shape.map_flags & flags == flags
    }

    /// What the map type takes besides.
    pub fn map_extra(&self) -> u64 {
        self.map_extra
    }

    /// The cpus that a per-CPU value is kept for.
    pub fn cpus(&self) -> u32 {
        self.cpus
    }

    /// The table of what its type does.
    pub fn family(&self) -> &'static Family {
        self.family
    }

    /// EINVAL for flags that no lookup and no lookup_and_delete takes. The commands ask before
    /// they look at the descriptor.
    pub fn check_read_flags(flags: u64) -> Result<()> {
        if flags & !flags::elem::LOCK == 0 {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// EINVAL for `BPF_F_LOCK` where values hold no lock, whatever the operation. The commands ask
    /// before they read the key.
    #[inline(always)]
    pub fn check_lock(&self, flags: u64) -> Result<()> {
        if flags & flags::elem::LOCK == 0 {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }
}
