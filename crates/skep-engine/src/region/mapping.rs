//! Zeroed address ranges: anonymous private mappings, or the allocator's under Miri.
//!
//! Invariants: the range is page aligned, its size is a power of two of at least a page, it and the
//! [`WINDOW`] bytes after it are readable and writable for as long as the [`Mapping`] lives, and it
//! starts as zeros.
//! Memory is given by the system when first touched; the part beyond what was asked for never is.

use std::ptr::NonNull;

use skep_abi::Errno;

use super::mem::WINDOW;

/// What a piece starts on, and the least a piece takes of the address space.
pub(super) const PAGE: usize = 4096;

/// From this size on, huge pages are asked for.
const HUGE_PAGE: usize = 2 << 20;

/// An owned address range.
pub(super) struct Mapping {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: a mapping is an address range, valid from any thread; who accesses it synchronises.
unsafe impl Send for Mapping {}
// SAFETY: as above; the mapping itself is not changed after creation.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// A zeroed range of at least `len` bytes: the next power of two.
    pub(super) fn zeroed(len: usize) -> Result<Self, Errno> {
        let size = len
            .max(PAGE)
            .checked_next_power_of_two()
            .ok_or(Errno::ENOMEM)?;
        if size > isize::MAX as usize - HUGE_PAGE {
            return Err(Errno::ENOMEM);
        }
        let base = allocate(length(size))?;
        Ok(Self { base, size })
    }

    /// The first byte.
    #[inline]
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The size of the range: a power of two.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// The length to map for a range: with room for a window at its end, in whole huge pages for a range
/// of them, which the system aligns only then.
fn length(size: usize) -> usize {
    const { assert!(WINDOW <= PAGE) };
    size + if size < HUGE_PAGE { PAGE } else { HUGE_PAGE }
}

#[cfg(not(miri))]
fn allocate(size: usize) -> Result<NonNull<u8>, Errno> {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: no address is asked for, so the system picks a free range that nothing else uses.
    let base = unsafe { mmap_anonymous(std::ptr::null_mut(), size, protection, flags) }
        .map_err(|_| Errno::ENOMEM)?;
    if size >= HUGE_PAGE {
        // Advice only: a system without huge pages refuses, and the map is just slower.
        // SAFETY: the range was mapped just now with this size; the advice changes no content.
        let _ = unsafe { madvise(base, size, Advice::LinuxHugepage) };
    }
    NonNull::new(base.cast()).ok_or(Errno::ENOMEM)
}

#[cfg(miri)]
fn allocate(size: usize) -> Result<NonNull<u8>, Errno> {
    let layout = std::alloc::Layout::from_size_align(size, PAGE).map_err(|_| Errno::ENOMEM)?;
    // SAFETY: the size is not zero: it is at least a page.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }).ok_or(Errno::ENOMEM)
}

impl Drop for Mapping {
    fn drop(&mut self) {
        #[cfg(not(miri))]
        // SAFETY: the range came from `mmap_anonymous` with this length and is unmapped only here;
        // whoever accesses it borrows the mapping.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), length(self.size)) };
        #[cfg(miri)]
        if let Ok(layout) = std::alloc::Layout::from_size_align(length(self.size), PAGE) {
            // SAFETY: the range came from `alloc_zeroed` with this layout and is freed only here.
            unsafe { std::alloc::dealloc(self.base.as_ptr(), layout) };
        }
    }
}
