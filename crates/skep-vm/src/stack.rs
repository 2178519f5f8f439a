//! The stacks of a run: eight frames of 512 bytes.
//!
//! A frame begins zeroed, so that what a program reads before it wrote is the
//! same every time. Accesses of words are aligned. All frames of a call chain
//! together may use 512 bytes, each rounded up to 16, as where Linux compiles
//! programs to native code.
//!
//! Answers to: check_stack_access_within_bounds, check_ptr_alignment and
//! check_max_stack_depth in kernel/bpf/verifier.c.

use crate::address::{Address, STACK_SIZE};
use crate::denied::{Allowed, Denied};
use crate::env::Width;
use crate::violation::ViolationKind;
use core::ops::Range;

/// How many frames there are.
#[doc(alias = "MAX_CALL_FRAMES")]
pub(crate) const MAX_FRAMES: usize = 8;

/// The stacks. `frames` is how many are in use, at least one.
#[derive(Debug)]
pub(crate) struct Stack {
    bytes: Box<[u8; MAX_FRAMES * STACK_SIZE]>,
    /// Bytes used of each frame, from its top; those below hold zeros.
    used: [u16; MAX_FRAMES],
    frames: usize,
}

impl Default for Stack {
    fn default() -> Stack {
        Stack {
            bytes: Box::new([0; MAX_FRAMES * STACK_SIZE]),
            used: [0; MAX_FRAMES],
            frames: 1,
        }
    }
}

impl Stack {
    /// Begins again with one frame.
    pub(crate) fn reset(&mut self) {
        self.frames = 0;
        self.push();
    }

    /// Enters a frame, unless there is none left.
    pub(crate) fn push(&mut self) -> bool {
        let Some(used) = self.used.get_mut(self.frames) else {
            return false;
        };
        let top = (self.frames + 1) * STACK_SIZE;
        self.bytes[top - usize::from(*used)..top].fill(0);
        *used = 0;
        self.frames += 1;
        true
    }

    /// Leaves a frame, unless it is the first.
    pub(crate) fn pop(&mut self) -> bool {
        let inner = self.frames > 1;
        self.frames -= usize::from(inner);
        inner
    }

    /// The frame pointer of the frame entered last.
    pub(crate) fn frame_pointer(&self) -> Address {
        Address::stack(self.frames - 1, STACK_SIZE as i64)
    }

    /// Where `len` bytes at an address lie.
    #[inline]
    fn span(&mut self, address: Address, len: usize) -> Allowed<Range<usize>> {
        let frame = usize::from(address.object_number());
        let offset = address.offset();
        let inside = offset >= 0 && offset as usize <= STACK_SIZE.saturating_sub(len);
        if frame >= self.frames || !inside || len > STACK_SIZE {
            return self.outside(address);
        }
        let offset = offset as usize;
        let used = (STACK_SIZE - offset) as u16;
        if used > self.used[frame] {
            self.used[frame] = used;
            self.check_total(address)?;
        }
        let start = frame * STACK_SIZE + offset;
        Ok(start..start + len)
    }

    /// Checks what all frames use together. One alone has all of it.
    fn check_total(&self, address: Address) -> Allowed<()> {
        if self.frames == 1 {
            return Ok(());
        }
        let used = &self.used[..self.frames];
        let total: usize = used
            .iter()
            .map(|&used| usize::from(used).next_multiple_of(16))
            .sum();
        if total <= STACK_SIZE {
            return Ok(());
        }
        Denied::new(
            ViolationKind::StackSize,
            self.describe(address),
            format!(
                "the stacks of {} nested calls would take {total} bytes together, of {STACK_SIZE}",
                self.frames
            ),
        )
    }

    /// A place in the words of a program: relative to the frame pointer.
    fn describe(&self, address: Address) -> String {
        let frame = usize::from(address.object_number());
        let offset = address.offset() - STACK_SIZE as i64;
        let whose = match (self.frames - 1).checked_sub(frame) {
            Some(0) => "",
            Some(1) => " of the caller",
            Some(_) => " of an outer caller",
            None => " of a frame that was left",
        };
        match offset {
            0 => format!("r10{whose}"),
            _ => format!("r10{offset:+}{whose}"),
        }
    }

    #[cold]
    fn outside<T>(&self, address: Address) -> Allowed<T> {
        let gone = usize::from(address.object_number()) >= self.frames;
        let problem = if gone {
            "its subprogram has returned".to_owned()
        } else {
            format!("the stack reaches from r10-{STACK_SIZE} up to r10")
        };
        Denied::new(ViolationKind::StackBounds, self.describe(address), problem)
    }

    #[inline]
    fn aligned(&self, address: Address, width: Width) -> Allowed<()> {
        if address.0.is_multiple_of(width.bytes() as u64) {
            return Ok(());
        }
        Denied::new(
            ViolationKind::Misaligned,
            self.describe(address),
            format!(
                "on the stack that has to be a multiple of {}",
                width.bytes()
            ),
        )
    }

    #[inline]
    pub(crate) fn load(&mut self, address: Address, width: Width) -> Allowed<u64> {
        self.aligned(address, width)?;
        let span = self.span(address, width.bytes())?;
        Ok(load(&self.bytes[span]))
    }

    #[inline]
    pub(crate) fn store(&mut self, address: Address, width: Width, value: u64) -> Allowed<()> {
        self.aligned(address, width)?;
        let span = self.span(address, width.bytes())?;
        store(&mut self.bytes[span], value);
        Ok(())
    }

    /// Bytes, for a helper.
    pub(crate) fn bytes(&mut self, address: Address, len: usize) -> Allowed<&mut [u8]> {
        let span = self.span(address, len)?;
        Ok(&mut self.bytes[span])
    }
}

/// A little-endian word of 1, 2, 4 or 8 bytes.
#[inline]
pub(crate) fn load(bytes: &[u8]) -> u64 {
    match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => 0,
    }
}

/// Writes the low bytes of `value` over a word of 1, 2, 4 or 8 bytes.
#[inline]
pub(crate) fn store(bytes: &mut [u8], value: u64) {
    let from = value.to_le_bytes();
    match bytes {
        [a] => *a = from[0],
        [_, _] => bytes.copy_from_slice(&from[..2]),
        [_, _, _, _] => bytes.copy_from_slice(&from[..4]),
        [_, _, _, _, _, _, _, _] => bytes.copy_from_slice(&from),
        _ => {}
    }
}
