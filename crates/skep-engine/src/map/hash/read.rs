//! Reading: a program's lookup without a lock or a wait, user space's validated copies, the walk.
//!
//! Why a lookup is right is argued in the module above. Answers to: kernel/bpf/hashtab.c.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use skep_abi::Errno;

use super::group::{self, Guard, LINK, LOCK, TAGS, cell_at};
use super::key::{self, Key};
use super::{Hash, with_key};
use crate::region::{Mem, Window};

/// Attempts at a consistent copy before the lock is taken.
const ATTEMPTS: u32 = 16;

/// Where an element was found.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Its group, by offset.
    pub(super) group: usize,
    /// Its cell there.
    pub(super) cell: usize,
    /// Its slot.
    pub(super) slot: u32,
}

impl<M: Mem> Hash<M> {
    /// A program's lookup: the slot of the element with this key. Takes no lock, never waits.
    ///
    /// The slot's value is at [`value_layout`](Self::value_layout)`.value_at(slot, cpu)`.
    #[inline]
    pub fn lookup_slot(&self, key: &[u8]) -> Option<u32> {
        with_key!(self, key, |key| self.find_slot(key, |slot| slot), None)
    }

    /// A program's lookup of its CPU's value: where it is in the control piece. Takes no lock,
    /// never waits.
    #[inline]
    pub fn lookup_value(&self, key: &[u8], cpu: u32) -> Option<usize> {
        with_key!(
            self,
            key,
            |key| if self.attr.per_cpu {
                self.find_slot(key, |slot| self.value_at(slot, cpu))
            } else {
                self.find_slot(key, |slot| {
                    self.slot_at(slot).wrapping_add(self.layout.value_offset)
                })
            },
            None
        )
    }

    /// User space's lookup: copies the value (all CPUs' values) to `out`.
    ///
    /// ENOENT if there is no such element; EINVAL for a wrong length of `key` or `out`.
    #[inline]
    pub fn lookup(&self, key: &[u8], out: &mut [u8]) -> Result<(), Errno> {
        if out.len() != self.user_value_size() {
            return Err(Errno::EINVAL);
        }
        with_key!(
            self,
            key,
            |key| self.copy_value(key, out),
            Err(Errno::EINVAL)
        )
    }

    /// The key after `key` in the order of the walk, or the first one if `key` is `None` or not
    /// there.
    ///
    /// ENOENT after the last; EINVAL for a wrong length of `key` or `next`.
    pub fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<(), Errno> {
        if next.len() != self.attr.key_size as usize {
            return Err(Errno::EINVAL);
        }
        let mut group = 0;
        if let Some(key) = key {
            let after = with_key!(
                self,
                key,
                |key| self.after(key, next),
                return Err(Errno::EINVAL)
            );
            match after {
                After::Found => return Ok(()),
                After::Last(home) => group = home + 1,
                After::Absent => {}
            }
        }
        (group..self.layout.groups)
            .find(|group| self.first_of(*group, next))
            .ok_or(Errno::ENOENT)?;
        Ok(())
    }

    /// How many elements there are: exact while nobody writes.
    pub fn count(&self) -> u64 {
        let mem = self.region.control();
        let in_group = |group: usize| {
            let tags = mem.load_u64(group + TAGS, Relaxed);
            8 - u64::from(group::empties(tags).count())
        };
        (0..self.layout.groups)
            .map(|number| self.chain(self.home(number)).map(in_group).sum::<u64>())
            .sum()
    }

    /// The home group and its overflow groups, by offset. Ends even if the links change meanwhile.
    #[inline(always)]
    pub(super) fn chain(&self, home: usize) -> impl Iterator<Item = usize> + '_ {
        let mem = self.region.control();
        let mut left = self.layout.pool_groups;
        std::iter::successors(Some(home), move |group| {
            left = left.checked_sub(1)?;
            self.linked(mem.load_u32(group + LINK, Acquire))
        })
    }

    /// The group that a link leads to.
    #[inline(always)]
    pub(super) fn linked(&self, link: u32) -> Option<usize> {
        let number = link.checked_sub(1)?;
        Some(
            self.layout
                .pool_base
                .wrapping_add(number as usize * super::layout::LINE),
        )
    }

    /// What `found` makes of the slot of a key, in the common cases: its home group and no one else's
    /// writing from the first look to after `found`. `other` is asked in all others. Both may write
    /// to `out`.
    #[inline(always)]
    fn find<K: Key, R>(
        &self,
        key: K,
        out: &mut [u8],
        found: impl Fn(u32, &mut [u8]) -> R,
        other: impl Fn(u64, &mut [u8]) -> Option<R>,
    ) -> Option<R> {
        let mem = self.region.control();
        let hash = key.hash(&self.secrets);
        let (home, tag) = (self.home_of(hash), group::tag(hash));
        let group = mem.window(home);
        let word = group.load_u64(LOCK, Acquire);
        let all = group::matches(group.load_u64(TAGS, Acquire), tag);
        let mut cells = all;
        while !cells.is_empty() {
            let slot = group.load_u32(cell_at(0, cells.first()), Acquire);
            if key.is_at(mem, self.slot_at(slot)) {
                let found = found(slot, out);
                M::fence(Acquire);
                if group::is_undisturbed(word, group.load_u64(LOCK, Relaxed)) {
                    return Some(found);
                }
                return other(hash, out);
            }
            cells = cells.rest();
        }
        if all.is_empty() && group.load_u32(LINK, Acquire) == 0 {
            return None;
        }
        other(hash, out)
    }

    /// What `found` makes of the slot of a key, without a lock and without a wait.
    #[inline(always)]
    fn find_slot<K: Key, R>(&self, key: K, found: impl Fn(u32) -> R) -> Option<R> {
        let other = |hash, _: &mut [u8]| self.find_anywhere(key, hash).map(&found);
        self.find(key, &mut [], |slot, _| found(slot), other)
    }

    /// The slot of a key, in chains and under writers. See "Why a lookup is right".
    #[inline(never)]
    fn find_anywhere<K: Key>(&self, key: K, hash: u64) -> Option<u32> {
        let mem = self.region.control();
        let (home, tag) = (self.home_of(hash), group::tag(hash));
        let mut missed_under = None;
        loop {
            let word = mem.load_u64(home + LOCK, Acquire);
            let place = self.scan(home, tag, key);
            M::fence(Acquire);
            let unchanged = mem.load_u64(home + LOCK, Relaxed) == word;
            match place {
                Some(place) if unchanged && !group::is_locked(word) => return Some(place.slot),
                Some(place) if (unchanged || K::ONE_WORD) && self.is_still(place, tag) => {
                    return Some(place.slot);
                }
                None if unchanged => {
                    if !group::is_locked(word) || missed_under == Some(word) {
                        return None;
                    }
                    missed_under = Some(word);
                }
                _ => {}
            }
        }
    }

    /// Whether a cell still leads to the slot it led to.
    fn is_still(&self, place: Place, tag: u64) -> bool {
        let mem = self.region.control();
        let tags = mem.load_u64(place.group + TAGS, Acquire);
        group::tag_of(tags, place.cell) == tag
            && mem.load_u32(cell_at(place.group, place.cell), Acquire) == place.slot
    }

    /// Looks through a chain: the truth under its lock, a guess to be validated otherwise.
    #[inline(always)]
    pub(super) fn scan<K: Key>(&self, home: usize, tag: u64, key: K) -> Option<Place> {
        let place = self.scan_group(home, tag, key);
        if place.is_some() || self.region.control().load_u32(home + LINK, Acquire) == 0 {
            return place;
        }
        self.scan_overflow(home, tag, key)
    }

    #[inline(never)]
    fn scan_overflow<K: Key>(&self, home: usize, tag: u64, key: K) -> Option<Place> {
        self.chain(home)
            .skip(1)
            .find_map(|group| self.scan_group(group, tag, key))
    }

    #[inline(always)]
    fn scan_group<K: Key>(&self, group: usize, tag: u64, key: K) -> Option<Place> {
        let mem = self.region.control();
        let window = mem.window(group);
        let mut cells = group::matches(window.load_u64(TAGS, Acquire), tag);
        while !cells.is_empty() {
            let cell = cells.first();
            let slot = window.load_u32(cell_at(0, cell), Acquire);
            if key.is_at(mem, self.slot_at(slot)) {
                return Some(Place { group, cell, slot });
            }
            cells = cells.rest();
        }
        None
    }

    /// Answers what `look` sees of a chain while nobody changes it: between two equal looks at the
    /// lock, or, where writers do not let that happen, under the lock.
    #[inline(always)]
    fn undisturbed<R>(&self, home: usize, mut look: impl FnMut() -> R) -> R {
        let mem = self.region.control();
        for attempt in 0..ATTEMPTS {
            let word = mem.load_u64(home + LOCK, Acquire);
            if !group::is_locked(word) {
                let seen = look();
                M::fence(Acquire);
                if mem.load_u64(home + LOCK, Relaxed) == word {
                    return seen;
                }
            }
            M::wait(attempt);
        }
        let _guard = Guard::lock(mem, home);
        look()
    }

    #[inline(always)]
    fn copy_value<K: Key>(&self, key: K, out: &mut [u8]) -> Result<(), Errno> {
        let copy = |slot, out: &mut [u8]| self.read_value(slot, out);
        let other = |hash, out: &mut [u8]| self.copy_disturbed(key, hash, out);
        self.find(key, out, copy, other).ok_or(Errno::ENOENT)
    }

    #[inline(never)]
    fn copy_disturbed<K: Key>(&self, key: K, hash: u64, out: &mut [u8]) -> Option<()> {
        let (home, tag) = (self.home_of(hash), group::tag(hash));
        self.undisturbed(home, || {
            let place = self.scan(home, tag, key)?;
            self.read_value(place.slot, out);
            Some(())
        })
    }

    /// Copies out the key after `key` in its chain.
    fn after<K: Key>(&self, key: K, next: &mut [u8]) -> After {
        let hash = key.hash(&self.secrets);
        let (number, tag) = (self.home_number(hash), group::tag(hash));
        let home = self.home(number);
        self.undisturbed(home, || {
            let Some(place) = self.scan(home, tag, key) else {
                return After::Absent;
            };
            let here = self.chain(home).skip_while(|group| *group != place.group);
            let from = std::iter::once(place.cell + 1).chain(std::iter::repeat(0));
            if here
                .zip(from)
                .any(|(group, cell)| self.key_from(group, cell, next))
            {
                After::Found
            } else {
                After::Last(number)
            }
        })
    }

    /// Copies out the first key of a home group's chain, if there is one.
    fn first_of(&self, number: u32, next: &mut [u8]) -> bool {
        let (mem, home) = (self.region.control(), self.home(number));
        if mem.load_u64(home + TAGS, Acquire) == 0 && mem.load_u32(home + LINK, Acquire) == 0 {
            return false;
        }
        self.undisturbed(home, || {
            self.chain(home).any(|group| self.key_from(group, 0, next))
        })
    }

    /// Copies out the key of the first cell of a group that is in use, from `cell` on.
    fn key_from(&self, group: usize, cell: usize, next: &mut [u8]) -> bool {
        let mem = self.region.control();
        let tags = mem.load_u64(group + TAGS, Acquire);
        let used = (cell..group::WIDTH).find(|cell| group::tag_of(tags, *cell) != 0);
        let Some(cell) = used else { return false };
        let slot = mem.load_u32(cell_at(group, cell), Acquire);
        key::read(mem, self.slot_at(slot), next);
        true
    }
}

/// What there is after a key in its chain.
enum After {
    /// Another one, copied out.
    Found,
    /// Nothing: it is the last one of the home group with this number.
    Last(u32),
    /// The key itself is not there.
    Absent,
}
