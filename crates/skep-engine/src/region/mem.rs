//! What the algorithms of a map know of memory: loads, stores and atomic operations by offset.
//!
//! A piece of a region is never a `&[u8]`: another thread, a running program or another process
//! may write it at any time. So it is a [`Mem`]: every access is an atomic operation on a word at
//! an offset from the start of the piece, with an explicit ordering.
//!
//! Rules that every user of a `Mem` keeps:
//!
//! * **One width for each control word, always.** A word once used with `load_u32` is never used
//!   with `load_u64`: races between atomics of different sizes are undefined.
//! * **Values are words.** [`Mem::copy_in`] and [`Mem::copy_out`] move a value as relaxed `u64`
//!   words. The area of a value starts on 8 bytes and is padded to 8 bytes; `copy_in` fills the
//!   padding of the last word with zeros.
//! * **An offset is always inside.** Every offset is reduced modulo the (power of two) size of the
//!   piece's address range and to its natural alignment. A right offset is unchanged by that, and a
//!   wrong one, made from bytes that somebody else wrote, hits some other word of the same piece:
//!   never memory of anybody else, and at the cost of one AND instead of a branch.
//!
//! Three implementations: [`RawMem`](super::RawMem) on a mapping, the same on the allocator under
//! Miri, and one on loom's atomics in the tests.

use std::sync::atomic::Ordering;

use skep_abi::Errno;

/// An atomic read-modify-write operation of a BPF program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtomicOp {
    /// Addition, wrapping.
    Add,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Bitwise exclusive or.
    Xor,
    /// Exchange.
    Exchange,
}

impl AtomicOp {
    /// The word that `old` becomes.
    #[inline]
    pub fn apply(self, old: u64, operand: u64) -> u64 {
        match self {
            Self::Add => old.wrapping_add(operand),
            Self::Or => old | operand,
            Self::And => old & operand,
            Self::Xor => old ^ operand,
            Self::Exchange => operand,
        }
    }
}

/// Some bytes of a piece from a fixed place on, for several accesses near each other at the cost of
/// one check. Offsets count from that place; they are below [`WINDOW`] less the access's width, or
/// are reduced to that.
pub trait Window: Copy {
    /// Loads the `u32` at `offset`.
    fn load_u32(self, offset: usize, order: Ordering) -> u32;
    /// Loads the `u64` at `offset`.
    fn load_u64(self, offset: usize, order: Ordering) -> u64;
    /// Stores the `u32` at `offset`.
    fn store_u32(self, offset: usize, value: u32, order: Ordering);
    /// Stores the `u64` at `offset`.
    fn store_u64(self, offset: usize, value: u64, order: Ordering);
}

/// How far a [`Window`] reaches, in bytes.
pub const WINDOW: usize = 256;

/// A window that checks each access anew, for any memory.
pub struct PlainWindow<'a, M> {
    mem: &'a M,
    base: usize,
}

impl<'a, M> PlainWindow<'a, M> {
    /// A window at `base`.
    pub fn new(mem: &'a M, base: usize) -> Self {
        Self { mem, base }
    }
}

impl<M> Clone for PlainWindow<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for PlainWindow<'_, M> {}

impl<M: Mem> Window for PlainWindow<'_, M> {
    fn load_u32(self, offset: usize, order: Ordering) -> u32 {
        self.mem.load_u32(self.base.wrapping_add(offset), order)
    }
    fn load_u64(self, offset: usize, order: Ordering) -> u64 {
        self.mem.load_u64(self.base.wrapping_add(offset), order)
    }
    fn store_u32(self, offset: usize, value: u32, order: Ordering) {
        self.mem
            .store_u32(self.base.wrapping_add(offset), value, order);
    }
    fn store_u64(self, offset: usize, value: u64, order: Ordering) {
        self.mem
            .store_u64(self.base.wrapping_add(offset), value, order);
    }
}

/// One piece of a region: zeroed memory that is reached by offset, shared between threads.
///
/// Offsets count bytes from the start of the piece and are naturally aligned for the width of the
/// access, save for [`load_bytes`](Mem::load_bytes) and [`store_bytes`](Mem::store_bytes).
pub trait Mem: Sized + Send + Sync {
    /// Several accesses near each other; [`PlainWindow`] will do.
    type Window<'a>: Window
    where
        Self: 'a;

    /// A window at `offset`, a multiple of 8.
    fn window(&self, offset: usize) -> Self::Window<'_>;

    /// A new piece of at least `len` bytes, all zero.
    ///
    /// ENOMEM if there is no such memory.
    fn zeroed(len: usize) -> Result<Self, Errno>;

    /// The length asked for at creation, in bytes.
    fn len(&self) -> usize;

    /// Whether the piece has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Loads the `u32` at `offset`.
    fn load_u32(&self, offset: usize, order: Ordering) -> u32;
    /// Stores the `u32` at `offset`.
    fn store_u32(&self, offset: usize, value: u32, order: Ordering);
    /// Loads the `u64` at `offset`.
    fn load_u64(&self, offset: usize, order: Ordering) -> u64;
    /// Stores the `u64` at `offset`.
    fn store_u64(&self, offset: usize, value: u64, order: Ordering);

    /// Replaces the `u32` at `offset` by `new` if it is `current`; answers what was there.
    fn compare_exchange_u32(
        &self,
        offset: usize,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32>;
    /// Replaces the `u64` at `offset` by `new` if it is `current`; answers what was there.
    fn compare_exchange_u64(
        &self,
        offset: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64>;
    /// Adds to the `u32` at `offset`, wrapping; answers what was there.
    fn fetch_add_u32(&self, offset: usize, value: u32, order: Ordering) -> u32;
    /// Adds to the `u64` at `offset`, wrapping; answers what was there.
    fn fetch_add_u64(&self, offset: usize, value: u64, order: Ordering) -> u64;

    /// A fence of the memory model that this memory lives in.
    fn fence(order: Ordering);
    /// Waits a little: the `attempt`th wait for the same thing. Yields the thread in the long run.
    fn wait(attempt: u32);
    /// A number, not 0 and below 2^24, that names the calling thread as the owner of a lock.
    fn owner() -> u32;

    /// Copies `bytes` to `offset` (a multiple of 8), as relaxed words; the rest of the last word
    /// becomes zero.
    #[inline]
    fn copy_in(&self, offset: usize, bytes: &[u8]) {
        let mut at = offset;
        let (words, tail) = bytes.as_chunks::<8>();
        for word in words {
            self.store_u64(at, u64::from_ne_bytes(*word), Ordering::Relaxed);
            at = at.wrapping_add(8);
        }
        if !tail.is_empty() {
            self.store_u64(at, tail_word(tail), Ordering::Relaxed);
        }
    }

    /// Copies from `offset` (a multiple of 8) to `bytes`, as relaxed words.
    #[inline]
    fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        let mut at = offset;
        let (words, tail) = bytes.as_chunks_mut::<8>();
        for word in words {
            *word = self.load_u64(at, Ordering::Relaxed).to_ne_bytes();
            at = at.wrapping_add(8);
        }
        if !tail.is_empty() {
            let word = self.load_u64(at, Ordering::Relaxed).to_ne_bytes();
            for (to, from) in tail.iter_mut().zip(word) {
                *to = from;
            }
        }
    }

    /// Makes `len` bytes (rounded up to 8) at `offset` (a multiple of 8) zero, as relaxed words.
    #[inline]
    fn clear(&self, offset: usize, len: usize) {
        for word in 0..len.div_ceil(8) {
            self.store_u64(offset.wrapping_add(word * 8), 0, Ordering::Relaxed);
        }
    }

    /// A program's load of `size` (1, 2, 4 or 8) bytes at any offset, zero-extended. Relaxed, and
    /// a single access if aligned.
    #[inline]
    fn load_bytes(&self, offset: usize, size: usize) -> u64 {
        let mut value = [0; 8];
        for (index, byte) in value.iter_mut().take(size).enumerate() {
            let at = offset.wrapping_add(index);
            *byte = self.load_u64(at & !7, Ordering::Relaxed).to_ne_bytes()[at & 7];
        }
        widen(value, size)
    }

    /// A program's store of the low `size` (1, 2, 4 or 8) bytes of `value` at any offset. Relaxed,
    /// and a single access if aligned.
    #[inline]
    fn store_bytes(&self, offset: usize, size: usize, value: u64) {
        for (index, byte) in narrow(value, size).into_iter().take(size).enumerate() {
            let at = offset.wrapping_add(index);
            let mut old = self.load_u64(at & !7, Ordering::Relaxed);
            loop {
                let mut bytes = old.to_ne_bytes();
                bytes[at & 7] = byte;
                let new = u64::from_ne_bytes(bytes);
                let (relaxed, word) = (Ordering::Relaxed, at & !7);
                match self.compare_exchange_u64(word, old, new, relaxed, relaxed) {
                    Ok(_) => break,
                    Err(now) => old = now,
                }
            }
        }
    }

    /// A program's atomic operation on the `u32` at `offset`, fully ordered; answers what was
    /// there.
    #[inline]
    fn atomic_u32(&self, offset: usize, op: AtomicOp, operand: u32) -> u32 {
        let mut old = self.load_u32(offset, Ordering::Relaxed);
        loop {
            let new = op.apply(u64::from(old), u64::from(operand)) as u32;
            let (success, failure) = (Ordering::SeqCst, Ordering::Relaxed);
            match self.compare_exchange_u32(offset, old, new, success, failure) {
                Ok(old) => return old,
                Err(now) => old = now,
            }
        }
    }

    /// A program's atomic operation on the `u64` at `offset`, fully ordered; answers what was
    /// there.
    #[inline]
    fn atomic_u64(&self, offset: usize, op: AtomicOp, operand: u64) -> u64 {
        let mut old = self.load_u64(offset, Ordering::Relaxed);
        loop {
            let new = op.apply(old, operand);
            let (success, failure) = (Ordering::SeqCst, Ordering::Relaxed);
            match self.compare_exchange_u64(offset, old, new, success, failure) {
                Ok(old) => return old,
                Err(now) => old = now,
            }
        }
    }
}

/// The last, shorter word of some bytes, zero-padded.
#[inline]
pub(crate) fn tail_word(tail: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(tail) {
        *to = *from;
    }
    u64::from_ne_bytes(word)
}

/// The first `size` bytes in memory order as a zero-extended number.
#[inline]
fn widen(bytes: [u8; 8], size: usize) -> u64 {
    let [a, b, c, d, ..] = bytes;
    match size {
        1 => u64::from(a),
        2 => u64::from(u16::from_ne_bytes([a, b])),
        4 => u64::from(u32::from_ne_bytes([a, b, c, d])),
        _ => u64::from_ne_bytes(bytes),
    }
}

/// The low `size` bytes of a number, in memory order, at the front.
#[inline]
fn narrow(value: u64, size: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    let mut put = |low: &[u8]| {
        for (to, from) in bytes.iter_mut().zip(low) {
            *to = *from;
        }
    };
    match size {
        1 => put(&(value as u8).to_ne_bytes()),
        2 => put(&(value as u16).to_ne_bytes()),
        4 => put(&(value as u32).to_ne_bytes()),
        _ => put(&value.to_ne_bytes()),
    }
    bytes
}
