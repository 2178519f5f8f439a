//! Values: one of an element for all CPUs, in its slot, or one for each, in the CPUs' areas.
//!
//! A per-CPU value is seen from user space as one value (rounded up to 8 bytes) for each CPU, in
//! the order of the CPUs; from a program as that of its own CPU.

use skep_abi::Errno;

use super::Hash;
use crate::region::Mem;

/// Who writes a value, and what.
#[derive(Clone, Copy)]
pub(super) enum Writer<'a> {
    /// User space: the values of all CPUs.
    User(&'a [u8]),
    /// A program on a CPU: its value.
    Program(u32, &'a [u8]),
}

/// Where the values lie, for those who compute addresses: the value of a slot on a CPU is at
/// `base + slot * stride + cpu * cpu_stride` in the control piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueLayout {
    /// The value of slot 0 on CPU 0.
    pub base: usize,
    /// From the value of a slot to that of the next number; slots have not every number.
    pub stride: usize,
    /// From a CPU's area to the next; 0 if all CPUs share one value.
    pub cpu_stride: usize,
    /// Bytes of a value.
    pub value_size: u32,
    /// The number after the last slot's.
    pub slots: u32,
}

impl ValueLayout {
    /// Where the value of a slot on a CPU is.
    #[inline(always)]
    pub fn value_at(&self, slot: u32, cpu: u32) -> usize {
        self.base
            .wrapping_add((slot as usize).wrapping_mul(self.stride))
            .wrapping_add((cpu as usize).wrapping_mul(self.cpu_stride))
    }
}

impl<M: Mem> Hash<M> {
    /// Bytes of an element's value as user space sees it.
    #[inline]
    pub fn user_value_size(&self) -> usize {
        let size = self.attr.value_size as usize;
        if self.attr.per_cpu {
            size.next_multiple_of(8)
                .saturating_mul(self.attr.cpus as usize)
        } else {
            size
        }
    }

    #[inline(always)]
    pub(super) fn value_at(&self, slot: u32, cpu: u32) -> usize {
        let layout = &self.layout;
        layout
            .value_base
            .wrapping_add((slot as usize).wrapping_mul(layout.value_stride))
            .wrapping_add((cpu as usize).wrapping_mul(layout.cpu_stride))
    }

    /// EINVAL for a value of a wrong length or a CPU that is not there.
    #[inline(always)]
    pub(super) fn check_writer(&self, writer: Writer<'_>) -> Result<(), Errno> {
        let right = match writer {
            Writer::User(value) => value.len() == self.user_value_size(),
            Writer::Program(cpu, value) => {
                value.len() == self.attr.value_size as usize && cpu < self.attr.cpus
            }
        };
        if right { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Copies the values of a slot to `out`, which is [`user_value_size`](Self::user_value_size)
    /// long.
    #[inline(always)]
    pub(super) fn read_value(&self, slot: u32, out: &mut [u8]) {
        let mem = self.region.control();
        if !self.attr.per_cpu {
            return mem.copy_out(self.value_at(slot, 0), out);
        }
        let each = (self.attr.value_size as usize).next_multiple_of(8);
        for (cpu, out) in (0..self.attr.cpus).zip(out.chunks_exact_mut(each)) {
            mem.copy_out(self.value_at(slot, cpu), out);
        }
    }

    /// Writes the values of a slot. A program that makes a `fresh` element makes the other CPUs'
    /// values zero.
    #[inline(always)]
    pub(super) fn write_value(&self, slot: u32, writer: Writer<'_>, fresh: bool) {
        if self.attr.per_cpu {
            return self.write_per_cpu(slot, writer, fresh);
        }
        let (Writer::User(value) | Writer::Program(_, value)) = writer;
        self.region.control().copy_in(self.value_at(slot, 0), value);
    }

    #[inline(never)]
    fn write_per_cpu(&self, slot: u32, writer: Writer<'_>, fresh: bool) {
        let mem = self.region.control();
        let each = (self.attr.value_size as usize).next_multiple_of(8);
        match writer {
            Writer::User(values) => {
                for (cpu, value) in (0..self.attr.cpus).zip(values.chunks_exact(each)) {
                    mem.copy_in(self.value_at(slot, cpu), value);
                }
            }
            Writer::Program(own, value) => {
                for cpu in (0..self.attr.cpus).filter(|cpu| fresh && *cpu != own) {
                    mem.clear(self.value_at(slot, cpu), each);
                }
                mem.copy_in(self.value_at(slot, own), value);
            }
        }
    }
}
