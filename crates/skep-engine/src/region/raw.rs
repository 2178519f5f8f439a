//! [`RawMem`]: real memory behind the [`Mem`] interface, one instruction an access.
//!
//! Invariant: every pointer made here is `base + (offset & mask)` where the mask keeps the access
//! inside the mapping and on its natural alignment. That is the whole safety argument, and the
//! reason why the functions are safe for every offset. The bytes are only reached through atomics
//! (or, by running programs, through the address that [`RawMem::base`] gives).

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{self, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use skep_abi::Errno;

use super::mapping::{Mapping, PAGE};
use super::mem::{AtomicOp, Mem, WINDOW, Window};

/// A piece of a region in this process's memory.
pub struct RawMem {
    base: NonNull<u8>,
    /// Size of the mapping less one.
    mask: usize,
    len: usize,
    _mapping: Mapping,
}

// SAFETY: the memory is owned, lives as long as `self`, and is only accessed by atomics.
unsafe impl Send for RawMem {}
// SAFETY: as above: shared access is by atomics only.
unsafe impl Sync for RawMem {}

impl RawMem {
    /// The address of offset 0, for those who hand values out by address: valid for reads and
    /// writes of [`len`](Mem::len) bytes for as long as this piece lives, page aligned. The bytes
    /// are shared: access them by atomics or volatile copies only.
    #[inline]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The bytes of address space that the piece takes: what [`len`](Mem::len) is rounded up to.
    #[inline]
    pub fn reserved(&self) -> usize {
        self.mask + 1
    }

    #[inline(always)]
    fn inside(&self, offset: usize, width: usize) -> usize {
        debug_assert!(
            offset
                .checked_add(width)
                .is_some_and(|end| end <= self.len.next_multiple_of(8)),
            "offset {offset} is not inside a piece of {} bytes",
            self.len
        );
        debug_assert!(
            offset.is_multiple_of(width),
            "offset {offset} is not aligned to {width}"
        );
        offset & self.mask & !(width - 1)
    }

    #[inline(always)]
    fn u8_at(&self, offset: usize) -> &AtomicU8 {
        let offset = self.inside(offset, 1);
        // SAFETY: the masked offset is inside the mapping, which lives as long as `self`; the
        // mapping's bytes are initialised and accessed atomically only.
        unsafe { AtomicU8::from_ptr(self.base.as_ptr().add(offset)) }
    }

    #[inline(always)]
    fn u16_at(&self, offset: usize) -> &AtomicU16 {
        let offset = self.inside(offset, 2);
        // SAFETY: as in `u8_at`; the mask also makes the offset a multiple of 2, and the size of
        // the mapping and its start are multiples of a page.
        unsafe { AtomicU16::from_ptr(self.base.as_ptr().add(offset).cast()) }
    }

    #[inline(always)]
    fn u32_at(&self, offset: usize) -> &AtomicU32 {
        let offset = self.inside(offset, 4);
        // SAFETY: as in `u16_at`, with 4.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(offset).cast()) }
    }

    #[inline(always)]
    fn u64_at(&self, offset: usize) -> &AtomicU64 {
        let offset = self.inside(offset, 8);
        // SAFETY: as in `u16_at`, with 8.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(offset).cast()) }
    }
}

/// A place in a mapping, with [`WINDOW`] bytes of it from there on.
#[derive(Clone, Copy)]
pub struct RawWindow<'a> {
    at: NonNull<u8>,
    _piece: PhantomData<&'a RawMem>,
}

impl<'a> RawWindow<'a> {
    #[inline(always)]
    fn u32_at(self, offset: usize) -> &'a AtomicU32 {
        debug_assert!(offset + 4 <= WINDOW && offset.is_multiple_of(4));
        let offset = offset & (WINDOW - 4);
        // SAFETY: `at` is a multiple of 8 at most `mask` from the start of the mapping, which is
        // accessible for `WINDOW` bytes beyond that; it lives as long as 'a, by `_piece`.
        unsafe { AtomicU32::from_ptr(self.at.as_ptr().add(offset).cast()) }
    }

    #[inline(always)]
    fn u64_at(self, offset: usize) -> &'a AtomicU64 {
        debug_assert!(offset + 8 <= WINDOW && offset.is_multiple_of(8));
        let offset = offset & (WINDOW - 8);
        // SAFETY: as in `u32_at`.
        unsafe { AtomicU64::from_ptr(self.at.as_ptr().add(offset).cast()) }
    }
}

impl Window for RawWindow<'_> {
    #[inline(always)]
    fn load_u32(self, offset: usize, order: Ordering) -> u32 {
        self.u32_at(offset).load(order)
    }

    #[inline(always)]
    fn load_u64(self, offset: usize, order: Ordering) -> u64 {
        self.u64_at(offset).load(order)
    }

    #[inline(always)]
    fn store_u32(self, offset: usize, value: u32, order: Ordering) {
        self.u32_at(offset).store(value, order);
    }

    #[inline(always)]
    fn store_u64(self, offset: usize, value: u64, order: Ordering) {
        self.u64_at(offset).store(value, order);
    }
}

impl Mem for RawMem {
    type Window<'a> = RawWindow<'a>;

    #[inline(always)]
    fn window(&self, offset: usize) -> RawWindow<'_> {
        let offset = self.inside(offset, 8);
        // SAFETY: the masked offset is inside the mapping.
        let at = unsafe { self.base.add(offset) };
        RawWindow {
            at,
            _piece: PhantomData,
        }
    }

    fn zeroed(len: usize) -> Result<Self, Errno> {
        let mapping = Mapping::zeroed(len)?;
        debug_assert!(mapping.size().is_power_of_two() && mapping.size() >= PAGE);
        Ok(Self {
            base: mapping.base(),
            mask: mapping.size() - 1,
            len,
            _mapping: mapping,
        })
    }

    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn load_u32(&self, offset: usize, order: Ordering) -> u32 {
        self.u32_at(offset).load(order)
    }

    #[inline(always)]
    fn store_u32(&self, offset: usize, value: u32, order: Ordering) {
        self.u32_at(offset).store(value, order);
    }

    #[inline(always)]
    fn load_u64(&self, offset: usize, order: Ordering) -> u64 {
        self.u64_at(offset).load(order)
    }

    #[inline(always)]
    fn store_u64(&self, offset: usize, value: u64, order: Ordering) {
        self.u64_at(offset).store(value, order);
    }

    #[inline(always)]
    fn compare_exchange_u32(
        &self,
        offset: usize,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.u32_at(offset)
            .compare_exchange(current, new, success, failure)
    }

    #[inline(always)]
    fn compare_exchange_u64(
        &self,
        offset: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.u64_at(offset)
            .compare_exchange(current, new, success, failure)
    }

    #[inline(always)]
    fn fetch_add_u32(&self, offset: usize, value: u32, order: Ordering) -> u32 {
        self.u32_at(offset).fetch_add(value, order)
    }

    #[inline(always)]
    fn fetch_add_u64(&self, offset: usize, value: u64, order: Ordering) -> u64 {
        self.u64_at(offset).fetch_add(value, order)
    }

    #[inline(always)]
    fn fence(order: Ordering) {
        atomic::fence(order);
    }

    #[cold]
    fn wait(attempt: u32) {
        if attempt < 6 {
            for _ in 0..1 << attempt {
                std::hint::spin_loop();
            }
        } else {
            std::thread::yield_now();
        }
    }

    #[inline(always)]
    fn owner() -> u32 {
        OWNER.with(|owner| match owner.get() {
            0 => name_thread(owner),
            named => named,
        })
    }

    #[inline]
    fn load_bytes(&self, offset: usize, size: usize) -> u64 {
        let relaxed = Ordering::Relaxed;
        match size {
            1 => u64::from(self.u8_at(offset).load(relaxed)),
            2 if offset.is_multiple_of(2) => u64::from(self.u16_at(offset).load(relaxed)),
            4 if offset.is_multiple_of(4) => u64::from(self.u32_at(offset).load(relaxed)),
            8 if offset.is_multiple_of(8) => self.u64_at(offset).load(relaxed),
            2 | 4 | 8 => {
                let half = size / 2;
                let first = self.load_bytes(offset, half);
                let second = self.load_bytes(offset.wrapping_add(half), half);
                join(first, second, half)
            }
            _ => 0,
        }
    }

    #[inline]
    fn store_bytes(&self, offset: usize, size: usize, value: u64) {
        let relaxed = Ordering::Relaxed;
        match size {
            1 => self.u8_at(offset).store(value as u8, relaxed),
            2 if offset.is_multiple_of(2) => self.u16_at(offset).store(value as u16, relaxed),
            4 if offset.is_multiple_of(4) => self.u32_at(offset).store(value as u32, relaxed),
            8 if offset.is_multiple_of(8) => self.u64_at(offset).store(value, relaxed),
            2 | 4 | 8 => {
                let half = size / 2;
                let (first, second) = split(value, half);
                self.store_bytes(offset, half, first);
                self.store_bytes(offset.wrapping_add(half), half, second);
            }
            _ => {}
        }
    }

    #[inline]
    fn atomic_u32(&self, offset: usize, op: AtomicOp, operand: u32) -> u32 {
        let word = self.u32_at(offset);
        match op {
            AtomicOp::Add => word.fetch_add(operand, Ordering::SeqCst),
            AtomicOp::Or => word.fetch_or(operand, Ordering::SeqCst),
            AtomicOp::And => word.fetch_and(operand, Ordering::SeqCst),
            AtomicOp::Xor => word.fetch_xor(operand, Ordering::SeqCst),
            AtomicOp::Exchange => word.swap(operand, Ordering::SeqCst),
        }
    }

    #[inline]
    fn atomic_u64(&self, offset: usize, op: AtomicOp, operand: u64) -> u64 {
        let word = self.u64_at(offset);
        match op {
            AtomicOp::Add => word.fetch_add(operand, Ordering::SeqCst),
            AtomicOp::Or => word.fetch_or(operand, Ordering::SeqCst),
            AtomicOp::And => word.fetch_and(operand, Ordering::SeqCst),
            AtomicOp::Xor => word.fetch_xor(operand, Ordering::SeqCst),
            AtomicOp::Exchange => word.swap(operand, Ordering::SeqCst),
        }
    }
}

/// Which of a word's bytes, from the low one on, are `byte`: a bit each, in the low eight.
#[inline(always)]
pub(crate) fn equal_bytes(word: u64, byte: u8) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_cvtsi64_si128, _mm_movemask_epi8, _mm_set1_epi8,
        };
        // SAFETY: SSE2, which these need, is part of the architecture.
        let mask = unsafe {
            let equal = _mm_cmpeq_epi8(_mm_cvtsi64_si128(word as i64), _mm_set1_epi8(byte as i8));
            _mm_movemask_epi8(equal)
        };
        mask as u32 & 0xff
    }
    #[cfg(not(target_arch = "x86_64"))]
    equal_bytes_by_arithmetic(word, byte)
}

/// [`equal_bytes`] without vectors.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(super) fn equal_bytes_by_arithmetic(word: u64, byte: u8) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differ = word ^ u64::from(byte).wrapping_mul(0x0101_0101_0101_0101);
    let equal = !(((differ & LOW) + LOW) | differ | LOW);
    // Gathers the high bits of the bytes in the highest byte.
    ((equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

/// One number from two halves of `half` bytes each, in memory order.
#[inline]
fn join(first: u64, second: u64, half: usize) -> u64 {
    let (low, high) = if cfg!(target_endian = "little") {
        (first, second)
    } else {
        (second, first)
    };
    low | high << (half * 8)
}

/// The two halves of a number of twice `half` bytes, in memory order.
#[inline]
fn split(value: u64, half: usize) -> (u64, u64) {
    let (low, high) = (value & ((1 << (half * 8)) - 1), value >> (half * 8));
    if cfg!(target_endian = "little") {
        (low, high)
    } else {
        (high, low)
    }
}

thread_local! {
    /// The thread's name as an owner of locks; 0 until first asked for.
    static OWNER: Cell<u32> = const { Cell::new(0) };
}

#[cold]
fn name_thread(owner: &Cell<u32>) -> u32 {
    #[cfg(not(miri))]
    let name = rustix::thread::gettid().as_raw_nonzero().get() as u32;
    #[cfg(miri)]
    let name = {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
    // The system's thread numbers end below 2^22.
    let name = (name & 0x00ff_ffff).max(1);
    owner.set(name);
    name
}
