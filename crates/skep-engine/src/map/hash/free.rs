//! Free slots and free overflow groups: lock-free stacks, filled as elements go.
//!
//! A head is one u64, `pops << 32 | index + 1`: the count keeps a thread that read a head, and then
//! slept, from taking it for the same head later. The links lie in what is free: a slot's first
//! word, a group's `spare` word. Both are only ever accessed as u32 links by these stacks while the
//! thing is free, and a link read late from a thing in use again is thrown away by the head's count.
//!
//! What was never used is not in a stack but above a counter, so that creating a map touches none
//! of it.
//!
//! **Exactly `max_entries` slots are handed out.** Slots lie in several stacks, so that cpus do not
//! share one, and whoever finds his own empty looks through the others. Empty heads seen one after
//! the other prove nothing, for a slot may be put into a stack already passed; so a refusal needs
//! two looks at all heads between which none has moved: then all were empty at once.
//!
//! Order of locks: called under a group's lock; takes none.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::group::SPARE;
use super::layout::{LINE, Layout, POOL_BUMP, POOL_HEAD, SHARD_BASE, SLOT_BUMP, WORD};
use crate::region::Mem;

/// A stack whose members are found by `link_at(index)`.
struct Stack<'a, M: Mem> {
    mem: &'a M,
    head: usize,
    link_base: usize,
    link_stride: usize,
}

impl<M: Mem> Stack<'_, M> {
    #[inline(always)]
    fn link_at(&self, index: u32) -> usize {
        self.link_base
            .wrapping_add((index as usize).wrapping_mul(self.link_stride))
    }

    #[inline(always)]
    fn push(&self, index: u32) {
        let mut head = self.mem.load_u64(self.head, Relaxed);
        loop {
            self.mem
                .store_u32(self.link_at(index), head as u32, Relaxed);
            let new = head & !0xffff_ffff | u64::from(index.wrapping_add(1));
            match self
                .mem
                .compare_exchange_u64(self.head, head, new, AcqRel, Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    #[inline(always)]
    fn pop(&self) -> Option<u32> {
        let mut head = self.mem.load_u64(self.head, Acquire);
        loop {
            let index = (head as u32).checked_sub(1)?;
            let next = self.mem.load_u32(self.link_at(index), Relaxed);
            let pops = (head >> 32).wrapping_add(1) << 32;
            let new = pops | u64::from(next);
            match self
                .mem
                .compare_exchange_u64(self.head, head, new, AcqRel, Acquire)
            {
                Ok(_) => return Some(index),
                Err(now) => head = now,
            }
        }
    }
}

/// Takes the next number of a counter that ends at `limit`.
#[inline(always)]
fn bump<M: Mem>(mem: &M, counter: usize, limit: u32) -> Option<u32> {
    // The counter passes its limit by no more than the number of threads.
    if mem.load_u64(counter, Relaxed) >= u64::from(limit) {
        return None;
    }
    let next = mem.fetch_add_u64(counter, 1, Relaxed);
    if next < u64::from(limit) {
        Some(next as u32)
    } else {
        None
    }
}

#[inline(always)]
fn shard<'a, M: Mem>(mem: &'a M, layout: &Layout, number: u32) -> Stack<'a, M> {
    Stack {
        mem,
        head: SHARD_BASE + (number & (layout.shards - 1)) as usize * LINE,
        link_base: layout.slot_base,
        link_stride: WORD,
    }
}

/// Takes a free slot; `None` if `max_entries` are in use.
#[inline(always)]
pub(super) fn pop_slot<M: Mem>(mem: &M, layout: &Layout) -> Option<u32> {
    if let Some(index) = shard(mem, layout, M::owner()).pop() {
        return Some(index);
    }
    match bump(mem, SLOT_BUMP, layout.slots) {
        Some(index) => Some(index.wrapping_mul(layout.slot_words)),
        None => steal_slot(mem, layout),
    }
}

#[cold]
#[inline(never)]
fn steal_slot<M: Mem>(mem: &M, layout: &Layout) -> Option<u32> {
    let heads =
        || (0..layout.shards).map(|number| mem.load_u64(shard(mem, layout, number).head, Acquire));
    // Every head's count of pops, in one number: heads that are empty twice and have popped
    // nothing in between have not moved, for what is pushed must be popped to be empty again.
    let all_empty = || {
        heads().try_fold(0_u64, |pops, head| {
            (head as u32 == 0).then_some(pops.wrapping_add(head >> 32))
        })
    };
    loop {
        let before = all_empty();
        if before.is_some() && all_empty() == before {
            return None;
        }
        let owner = M::owner();
        let found =
            (0..layout.shards).find_map(|step| shard(mem, layout, owner.wrapping_add(step)).pop());
        if found.is_some() {
            return found;
        }
    }
}

/// Gives a slot back.
#[inline(always)]
pub(super) fn push_slot<M: Mem>(mem: &M, layout: &Layout, index: u32) {
    shard(mem, layout, M::owner()).push(index);
}

fn pool<'a, M: Mem>(mem: &'a M, layout: &Layout) -> Stack<'a, M> {
    Stack {
        mem,
        head: POOL_HEAD,
        link_base: layout.pool_base + SPARE,
        link_stride: LINE,
    }
}

/// Takes a free overflow group. There is always one for who holds a slot: every group in a chain
/// has an element, and there are as many groups as elements.
#[inline(never)]
pub(super) fn pop_group<M: Mem>(mem: &M, layout: &Layout) -> Option<u32> {
    let pool = pool(mem, layout);
    let fresh = || bump(mem, POOL_BUMP, layout.pool_groups);
    // The second look: the last unused one may go to another thread just when one is given back.
    pool.pop().or_else(fresh).or_else(|| pool.pop())
}

/// Gives an overflow group back.
#[inline(never)]
pub(super) fn push_group<M: Mem>(mem: &M, layout: &Layout, number: u32) {
    pool(mem, layout).push(number);
}
