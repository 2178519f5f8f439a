//! Where the values of a map lie, and every way to reach them.
//!
//! A program's pointer to a value is a place, not an address: an element's slot, a cpu, and an
//! offset that the program computed. [`Values`] turns a place into an offset in the map's memory,
//! and every access is checked against the value's own bounds first: the value of a neighbour is
//! as far away as another map's.
//!
//! ```text
//!  base ─► slot 0         slot 1                    cpu 1's area
//!          ├─ value ─┬pad─┼─ value ─┬pad─┼─ ... ────┼─ value ─┬pad─┼─ ...
//!          ╰── stride ────╯                         │
//!          ╰──────────────── cpu_stride ────────────╯
//! ```
//!
//! Invariants: base and strides are multiples of 8; a stride is at least the value size. A value is
//! copied as relaxed words and, for its last bytes, relaxed pieces of 4, 2 and 1 bytes, each
//! naturally aligned, so that a word a program accesses aligned is read and written whole; bytes
//! that are not the value's (its padding) are not touched.
//!
//! Takes no locks. Answers to: copy_map_value and bpf_long_memcpy in include/linux/bpf.h.

#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use skep_vm::{AtomicOp, Width};
use thiserror::Error;

use crate::region::{self, Mem, RawMem};

/// An element's value on a cpu: its place, not its address. In maps whose cpus share one value, the
/// cpu is 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ValueRef {
    /// The element's slot.
    pub slot: u32,
    /// The cpu.
    pub cpu: u32,
}

/// Why an access to a value is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ValueFault {
    /// It leaves the value.
    #[error("{len} bytes at offset {offset} are not inside a value of {value_size} bytes")]
    OutOfBounds {
        /// Where the access begins, from the value's first byte.
        offset: i64,
        /// How many bytes it takes.
        len: usize,
        /// How many the value has.
        value_size: usize,
    },
    /// There is no such element.
    #[error("there is no slot {slot} for cpu {cpu}: there are {slots} slots for {cpus} cpus")]
    NoElement {
        /// The slot.
        slot: u32,
        /// The cpu.
        cpu: u32,
        /// How many slots there are.
        slots: u32,
        /// How many cpus there are.
        cpus: u32,
    },
    /// An atomic operation on something that is not one aligned word of 4 or 8 bytes.
    #[error("an atomic operation needs an aligned word of 4 or 8 bytes, not {len} at {offset}")]
    NotAtomic {
        /// Where the access begins.
        offset: i64,
        /// How many bytes it takes.
        len: usize,
    },
}

/// Where values lie: the value of a slot on a cpu starts `base + slot * stride + cpu * cpu_stride`
/// bytes into the map's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueLayout {
    /// The value of slot 0 on cpu 0.
    pub base: usize,
    /// From a slot's value to the next slot's.
    pub stride: usize,
    /// From a cpu's area to the next; 0 if all share one value.
    pub cpu_stride: usize,
    /// Bytes of a value.
    pub value_size: usize,
    /// How many slots there are.
    pub slots: u32,
    /// How many cpus have a value of their own; 1 if all share one.
    pub cpus: u32,
}

/// The values of a map.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    mem: &'a RawMem,
    layout: ValueLayout,
}

impl<'a> Values<'a> {
    /// Values in `mem`.
    #[inline(always)]
    pub fn new(mem: &'a RawMem, layout: ValueLayout) -> Values<'a> {
        Values { mem, layout }
    }

    /// Where they lie.
    #[inline(always)]
    pub fn layout(&self) -> &ValueLayout {
        &self.layout
    }

    /// The memory they lie in.
    #[inline(always)]
    pub fn mem(&self) -> &'a RawMem {
        self.mem
    }

    /// Where `len` bytes at `offset` in a value are, if they are inside it.
    #[inline(always)]
    fn at(&self, value: ValueRef, offset: i64, len: usize) -> Result<usize, ValueFault> {
        let layout = &self.layout;
        if value.slot >= layout.slots || value.cpu >= layout.cpus {
            return Err(self.no_element(value));
        }
        // A negative offset is, unsigned, larger than every size.
        match layout.value_size.checked_sub(len) {
            Some(last) if offset as u64 <= last as u64 => Ok(layout
                .base
                .wrapping_add((value.slot as usize).wrapping_mul(layout.stride))
                .wrapping_add((value.cpu as usize).wrapping_mul(layout.cpu_stride))
                .wrapping_add(offset as usize)),
            _ => Err(ValueFault::OutOfBounds {
                offset,
                len,
                value_size: layout.value_size,
            }),
        }
    }

    #[cold]
    fn no_element(&self, value: ValueRef) -> ValueFault {
        ValueFault::NoElement {
            slot: value.slot,
            cpu: value.cpu,
            slots: self.layout.slots,
            cpus: self.layout.cpus,
        }
    }

    /// Checks that `len` bytes at `offset` are inside the value.
    pub fn check(&self, value: ValueRef, offset: i64, len: usize) -> Result<(), ValueFault> {
        self.at(value, offset, len).map(|_| ())
    }

    /// Loads a word, zero-extended: relaxed, and in one access if aligned.
    #[inline]
    pub fn load(&self, value: ValueRef, offset: i64, width: Width) -> Result<u64, ValueFault> {
        let at = self.at(value, offset, width.bytes())?;
        Ok(match width {
            // The common accesses are worth being inlined.
            Width::Eight if at.is_multiple_of(8) => self.mem.load_u64(at, Relaxed),
            Width::Four if at.is_multiple_of(4) => u64::from(self.mem.load_u32(at, Relaxed)),
            _ => self.mem.load_bytes(at, width.bytes()),
        })
    }

    /// Stores the low bytes of `word`: relaxed, and in one access if aligned.
    #[inline]
    pub fn store(
        &self,
        value: ValueRef,
        offset: i64,
        width: Width,
        word: u64,
    ) -> Result<(), ValueFault> {
        let at = self.at(value, offset, width.bytes())?;
        match width {
            Width::Eight if at.is_multiple_of(8) => self.mem.store_u64(at, word, Relaxed),
            Width::Four if at.is_multiple_of(4) => self.mem.store_u32(at, word as u32, Relaxed),
            _ => self.mem.store_bytes(at, width.bytes(), word),
        }
        Ok(())
    }

    /// Does an atomic instruction and gives what was there before, zero-extended. Operations that
    /// read and write take aligned words of 4 and 8 bytes, and are fully ordered; the acquiring
    /// load and the releasing store take all widths.
    pub fn atomic(
        &self,
        value: ValueRef,
        offset: i64,
        width: Width,
        op: AtomicOp,
        operand: u64,
    ) -> Result<u64, ValueFault> {
        let len = width.bytes();
        let at = self.at(value, offset, len)?;
        if !at.is_multiple_of(len) {
            return Err(ValueFault::NotAtomic { offset, len });
        }
        let change = match op {
            AtomicOp::LoadAcquire => {
                let word = self.mem.load_bytes(at, len);
                RawMem::fence(Acquire);
                return Ok(word);
            }
            AtomicOp::StoreRelease => {
                RawMem::fence(Release);
                let before = self.mem.load_bytes(at, len);
                self.mem.store_bytes(at, len, operand);
                return Ok(before);
            }
            AtomicOp::CompareExchange { expected } => Change::IfEqual(expected),
            AtomicOp::Add => Change::By(region::AtomicOp::Add),
            AtomicOp::Or => Change::By(region::AtomicOp::Or),
            AtomicOp::And => Change::By(region::AtomicOp::And),
            AtomicOp::Xor => Change::By(region::AtomicOp::Xor),
            AtomicOp::Exchange => Change::By(region::AtomicOp::Exchange),
        };
        match width {
            Width::Four => Ok(self.change_u32(at, change, operand)),
            Width::Eight => Ok(self.change_u64(at, change, operand)),
            Width::One | Width::Two => Err(ValueFault::NotAtomic { offset, len }),
        }
    }

    fn change_u32(&self, at: usize, change: Change, operand: u64) -> u64 {
        let before = match change {
            Change::By(op) => self.mem.atomic_u32(at, op, operand as u32),
            Change::IfEqual(expected) => self
                .mem
                .compare_exchange_u32(at, expected as u32, operand as u32, SeqCst, SeqCst)
                .unwrap_or_else(|found| found),
        };
        u64::from(before)
    }

    fn change_u64(&self, at: usize, change: Change, operand: u64) -> u64 {
        match change {
            Change::By(op) => self.mem.atomic_u64(at, op, operand),
            Change::IfEqual(expected) => self
                .mem
                .compare_exchange_u64(at, expected, operand, SeqCst, SeqCst)
                .unwrap_or_else(|found| found),
        }
    }

    /// Copies bytes of a value out.
    pub fn read(&self, value: ValueRef, offset: i64, to: &mut [u8]) -> Result<(), ValueFault> {
        let at = self.at(value, offset, to.len())?;
        let (head, body) = to.split_at_mut(lead(at, to.len()));
        for (index, byte) in head.iter_mut().enumerate() {
            *byte = self.mem.load_bytes(at + index, 1) as u8;
        }
        copy_out(self.mem, at + head.len(), body);
        Ok(())
    }

    /// Copies bytes into a value.
    pub fn write(&self, value: ValueRef, offset: i64, from: &[u8]) -> Result<(), ValueFault> {
        let at = self.at(value, offset, from.len())?;
        let (head, body) = from.split_at(lead(at, from.len()));
        for (index, byte) in head.iter().enumerate() {
            self.mem.store_bytes(at + index, 1, u64::from(*byte));
        }
        copy_in(self.mem, at + head.len(), body);
        Ok(())
    }
}

/// What an operation that reads and writes does.
#[derive(Clone, Copy)]
enum Change {
    By(region::AtomicOp),
    IfEqual(u64),
}

/// How many of `len` bytes at `at` come before the next word.
fn lead(at: usize, len: usize) -> usize {
    (at.wrapping_neg() % 8).min(len)
}

/// Copies from `at`, a multiple of 8.
#[inline(always)]
pub(super) fn copy_out<M: Mem>(mem: &M, at: usize, to: &mut [u8]) {
    // What most values are, without the loops.
    if let Ok(word) = <&mut [u8; 8]>::try_from(&mut *to) {
        *word = mem.load_u64(at, Relaxed).to_ne_bytes();
        return;
    }
    let mut at = at;
    let (words, tail) = to.as_chunks_mut::<8>();
    for word in words {
        *word = mem.load_u64(at, Relaxed).to_ne_bytes();
        at += 8;
    }
    // Each at most once: a tail is shorter than a word.
    let (halves, tail) = tail.as_chunks_mut::<4>();
    for half in halves {
        *half = mem.load_u32(at, Relaxed).to_ne_bytes();
        at += 4;
    }
    let (pairs, tail) = tail.as_chunks_mut::<2>();
    for pair in pairs {
        *pair = (mem.load_bytes(at, 2) as u16).to_ne_bytes();
        at += 2;
    }
    for byte in tail {
        *byte = mem.load_bytes(at, 1) as u8;
    }
}

/// Copies to `at`, a multiple of 8, and nowhere else.
#[inline(always)]
pub(super) fn copy_in<M: Mem>(mem: &M, at: usize, from: &[u8]) {
    if let Ok(word) = <[u8; 8]>::try_from(from) {
        mem.store_u64(at, u64::from_ne_bytes(word), Relaxed);
        return;
    }
    let mut at = at;
    let (words, tail) = from.as_chunks::<8>();
    for word in words {
        mem.store_u64(at, u64::from_ne_bytes(*word), Relaxed);
        at += 8;
    }
    let (halves, tail) = tail.as_chunks::<4>();
    for half in halves {
        mem.store_u32(at, u32::from_ne_bytes(*half), Relaxed);
        at += 4;
    }
    let (pairs, tail) = tail.as_chunks::<2>();
    for pair in pairs {
        mem.store_bytes(at, 2, u64::from(u16::from_ne_bytes(*pair)));
        at += 2;
    }
    for byte in tail {
        mem.store_bytes(at, 1, u64::from(*byte));
    }
}

/// What user space may map of a map, from its first byte on: whole pages.
///
/// Accesses are checked and atomic like those of [`Values`]; there is no slice of it, because
/// programs and other threads write it at any time.
#[derive(Clone, Copy)]
pub struct Pages<'a>(Values<'a>);

/// The one "element" that a map's pages are.
const WHOLE: ValueRef = ValueRef { slot: 0, cpu: 0 };

impl<'a> Pages<'a> {
    /// The first `len` bytes of `mem`.
    pub(super) fn new(mem: &'a RawMem, len: usize) -> Pages<'a> {
        let layout = ValueLayout {
            base: 0,
            stride: 0,
            cpu_stride: 0,
            value_size: len,
            slots: 1,
            cpus: 1,
        };
        Pages(Values::new(mem, layout))
    }

    /// How many bytes: a multiple of the page's size.
    pub fn len(&self) -> usize {
        self.0.layout.value_size
    }

    /// Whether there are none: never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// [`Values::load`]
    pub fn load(&self, offset: i64, width: Width) -> Result<u64, ValueFault> {
        self.0.load(WHOLE, offset, width)
    }

    /// [`Values::store`]
    pub fn store(&self, offset: i64, width: Width, word: u64) -> Result<(), ValueFault> {
        self.0.store(WHOLE, offset, width, word)
    }

    /// [`Values::atomic`]
    pub fn atomic(
        &self,
        offset: i64,
        width: Width,
        op: AtomicOp,
        operand: u64,
    ) -> Result<u64, ValueFault> {
        self.0.atomic(WHOLE, offset, width, op, operand)
    }

    /// [`Values::read`]
    pub fn read(&self, offset: i64, to: &mut [u8]) -> Result<(), ValueFault> {
        self.0.read(WHOLE, offset, to)
    }

    /// [`Values::write`]
    pub fn write(&self, offset: i64, from: &[u8]) -> Result<(), ValueFault> {
        self.0.write(WHOLE, offset, from)
    }
}
