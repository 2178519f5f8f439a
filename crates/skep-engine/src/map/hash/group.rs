//! A group: one cache line of eight cells, its lock, and the arithmetic on tags.
//!
//! ```text
//!   0         8         16                             48     52      56
//!   +---------+---------+------------------------------+------+-------+-------+
//!   | lock u64| tags u64| cells: eight slot indices u32| link | spare | unused|
//!   +---------+---------+------------------------------+------+-------+-------+
//! ```
//!
//! * **lock**: `sequence << 24 | owner`. An odd sequence is a locked group, and then the owner says
//!   who has it; 40 bits of sequence do not come round while a reader looks. In use in home groups
//!   only: a chain is locked by its home.
//! * **tags**: a byte for each cell, 0 for an empty one; always accessed as one word.
//! * **link**: the next group of the chain, as its number in the pool plus one; 0 at the end.
//! * **spare**: of a home group, the slot that the next update in the chain writes, as index plus
//!   one; 0 as long as it is the one the group was born with. Of a free pool group, the next free
//!   one as number plus one.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::region::{Mem, equal_bytes};

pub(super) const LOCK: usize = 0;
pub(super) const TAGS: usize = 8;
pub(super) const CELLS: usize = 16;
pub(super) const LINK: usize = 48;
pub(super) const SPARE: usize = 52;

/// Cells of a group.
pub(super) const WIDTH: usize = 8;

/// The lowest bit of the sequence.
const LOCKED: u64 = 1 << 24;
/// The bits of the owner.
const OWNER: u64 = LOCKED - 1;

/// The tag of a hash: never 0.
#[inline(always)]
pub(super) fn tag(hash: u64) -> u64 {
    (hash & 0xff).max(1)
}

/// Some cells of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cells(u32);

impl Cells {
    /// Whether there is no cell left.
    #[inline(always)]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The first cell, if there is one; some cell if not.
    #[inline(always)]
    pub(super) fn first(self) -> usize {
        self.0.trailing_zeros() as usize & (WIDTH - 1)
    }

    /// The cells after the first.
    #[inline(always)]
    pub(super) fn rest(self) -> Self {
        Self(self.0 & self.0.wrapping_sub(1))
    }

    /// How many.
    #[inline(always)]
    pub(super) fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// The cells with this tag. Exact: a cell that only neighbours a match is not reported, for an
/// empty cell's index may lead to a slot that still has its old key.
#[inline(always)]
pub(super) fn matches(tags: u64, tag: u64) -> Cells {
    Cells(equal_bytes(tags, tag as u8))
}

/// The empty cells.
#[inline(always)]
pub(super) fn empties(tags: u64) -> Cells {
    matches(tags, 0)
}

/// The tag of a cell.
#[inline(always)]
pub(super) fn tag_of(tags: u64, cell: usize) -> u64 {
    tags >> (cell * 8) & 0xff
}

/// The tags with that of an empty cell set.
#[inline(always)]
pub(super) fn with_tag(tags: u64, cell: usize, tag: u64) -> u64 {
    tags | tag << (cell * 8)
}

/// The tags with that of a cell cleared.
#[inline(always)]
pub(super) fn without_tag(tags: u64, cell: usize) -> u64 {
    tags & !(0xff << (cell * 8))
}

/// Where a cell's slot index is.
#[inline(always)]
pub(super) fn cell_at(group: usize, cell: usize) -> usize {
    group + CELLS + cell * 4
}

/// Whether nobody had a group locked, nor has meanwhile, by its lock word then and now.
#[inline(always)]
pub(super) fn is_undisturbed(then: u64, now: u64) -> bool {
    // A word without the lock's bit has no owner, so a locked one never becomes equal by losing it.
    now == then & !LOCKED
}

/// Whether a lock word is that of a locked group.
#[inline(always)]
pub(super) fn is_locked(word: u64) -> bool {
    word & LOCKED != 0
}

/// A home group, locked until dropped.
pub(super) struct Guard<'a, M: Mem> {
    mem: &'a M,
    home: usize,
    word: u64,
}

impl<'a, M: Mem> Guard<'a, M> {
    /// Locks the home group at an offset.
    #[inline(always)]
    pub(super) fn lock(mem: &'a M, home: usize) -> Self {
        let word = mem.load_u64(home + LOCK, Relaxed);
        if is_locked(word) || !Self::try_lock(mem, home, word) {
            return Self::lock_contended(mem, home);
        }
        Self { mem, home, word }
    }

    #[cold]
    #[inline(never)]
    fn lock_contended(mem: &'a M, home: usize) -> Self {
        let mut attempt = 0;
        loop {
            let word = mem.load_u64(home + LOCK, Relaxed);
            if !is_locked(word) && Self::try_lock(mem, home, word) {
                return Self { mem, home, word };
            }
            M::wait(attempt);
            attempt = attempt.saturating_add(1);
        }
    }

    #[inline(always)]
    fn try_lock(mem: &M, home: usize, word: u64) -> bool {
        let locked = (word & !OWNER).wrapping_add(LOCKED) | u64::from(M::owner()) & OWNER;
        let taken = mem
            .compare_exchange_u64(home + LOCK, word, locked, Acquire, Relaxed)
            .is_ok();
        // Whoever sees a store made under the lock, and then looks at the lock, sees it taken.
        M::fence(Release);
        taken
    }
}

impl<M: Mem> Drop for Guard<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        let free = (self.word & !OWNER).wrapping_add(2 * LOCKED);
        self.mem.store_u64(self.home + LOCK, free, Release);
    }
}
