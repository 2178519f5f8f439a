//! A map as a program uses it: guest addresses of its values.
//!
//! A value's address holds the map's handle and an offset of 48 bits. The offset
//! is cut into windows of equal size, a power of two, one for each slot and cpu;
//! the value begins in the middle of its window, so that a pointer moved a little
//! before or past its value is still known to be that value's.
//!
//! ```text
//!   | handle 12 | window: slot * cpus + cpu |  middle + offset in the value  |
//!                `------------------- 48 bits ------------------------------'
//! ```
//!
//! A program can compute any address; one in another window means another value
//! of the same map, and every access is checked by [`Values`](crate::map::Values).
//!
//! Answers to: struct bpf_map as programs see it; check_map_access in
//! kernel/bpf/verifier.c.

use skep_abi::flags::map as flag;
use skep_verifier::MapDesc;
use skep_vm::address::OFFSET_BITS;
use skep_vm::{Fault, FaultKind, Place};

use crate::map::{Map, ValueFault, ValueRef};
use crate::object::{Held, MapObject};

/// A map that a program names.
pub struct UsedMap {
    held: Held<MapObject>,
    desc: MapDesc,
    /// Bits of a window.
    window: u32,
    /// Windows of a slot.
    cpus: u32,
    /// Whether programs may read it, and write it.
    pub(super) readable: bool,
    pub(super) writable: bool,
}

impl UsedMap {
    /// A use of `held`.
    pub(crate) fn new(held: Held<MapObject>) -> UsedMap {
        let shape = held.desc().shape();
        let layout = *held.map().values().layout();
        let windows = u64::from(layout.slots.max(1)) * u64::from(layout.cpus.max(1));
        let desc = MapDesc {
            map_type: shape.map_type,
            key_size: shape.key_size,
            value_size: shape.value_size,
            max_entries: shape.max_entries,
            map_flags: shape.map_flags,
        };
        UsedMap {
            desc,
            // Slots and cpus take up to 44 bits: the window has at least 16 bytes,
            // and its middle is a multiple of 8.
            window: OFFSET_BITS - windows.next_power_of_two().trailing_zeros().min(44),
            cpus: layout.cpus.max(1),
            readable: shape.map_flags & flag::WRONLY_PROG == 0,
            writable: shape.map_flags & flag::RDONLY_PROG == 0,
            held,
        }
    }

    /// The map's id.
    pub(crate) fn id(&self) -> u32 {
        self.held.id()
    }

    /// Its elements.
    #[inline]
    pub(crate) fn map(&self) -> &dyn Map {
        &**self.held.map()
    }

    /// What it looks like to a program.
    pub(crate) fn desc(&self) -> MapDesc {
        self.desc
    }

    /// What it is, for a sentence.
    pub(crate) fn what(&self) -> String {
        match self.held.name() {
            name if name.is_empty() => format!("a map of type {}", self.desc.map_type),
            name => format!("map \"{name}\""),
        }
    }

    /// The place of a byte of a value.
    #[inline]
    pub(crate) fn place(&self, handle: u32, value: ValueRef, offset: i64) -> Place {
        let window = u64::from(value.slot) * u64::from(self.cpus) + u64::from(value.cpu);
        let start = (window << self.window).wrapping_add(self.middle() as u64);
        Place {
            handle: handle as u16,
            offset: start.wrapping_add(offset as u64) & ((1 << OFFSET_BITS) - 1),
        }
    }

    fn middle(&self) -> i64 {
        1 << (self.window - 1)
    }

    /// The value that an offset means, and where in it.
    #[inline]
    pub(super) fn locate(&self, offset: u64) -> (ValueRef, i64) {
        let window = offset >> self.window;
        let cpus = u64::from(self.cpus);
        let value = ValueRef {
            slot: u32::try_from(window / cpus).unwrap_or(u32::MAX),
            cpu: (window % cpus) as u32,
        };
        let inside = offset & ((1 << self.window) - 1);
        (value, inside as i64 - self.middle())
    }

    /// The answer to an access that this map refuses.
    #[cold]
    pub(super) fn fault(&self, kind: FaultKind, offset: i64) -> Fault {
        Fault {
            kind,
            what: format!("the value of {}", self.what()),
            offset,
            allowed: 0..i64::from(self.desc.value_size),
        }
    }

    /// The same, to one that its values refuse.
    #[cold]
    pub(super) fn value_fault(&self, fault: ValueFault, offset: i64) -> Fault {
        let kind = match fault {
            ValueFault::OutOfBounds { .. } => FaultKind::OutOfBounds,
            ValueFault::NoElement { .. } => FaultKind::NoObject,
            // The machine lets only aligned words of 4 and 8 bytes through.
            ValueFault::NotAtomic { .. } => FaultKind::OutOfBounds,
        };
        self.fault(kind, offset)
    }
}
