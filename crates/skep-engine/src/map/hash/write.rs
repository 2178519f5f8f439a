//! Writing: everything under the lock of the home group, every change published by one store.
//!
//! Answers to: kernel/bpf/hashtab.c.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use skep_abi::Errno;
use skep_abi::flags::elem;

use super::group::{self, Guard, LINK, SPARE, TAGS, cell_at};
use super::key::Key;
use super::read::Place;
use super::value::Writer;
use super::{Hash, free, with_key};
use crate::region::Mem;

impl<M: Mem> Hash<M> {
    /// User space's update: `value` holds all CPUs' values.
    ///
    /// EINVAL for unknown flags or wrong lengths; then EEXIST or ENOENT as the flags ask; then
    /// E2BIG if the map is full and the key new.
    #[inline]
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.update_by(key, Writer::User(value), flags)
    }

    /// A program's update on a CPU: `value` is that of the CPU. A new element's values on other
    /// CPUs are zero. Errors as for [`update`](Self::update).
    #[inline]
    pub fn update_from_program(
        &self,
        cpu: u32,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        self.update_by(key, Writer::Program(cpu, value), flags)
    }

    /// Deletes an element: ENOENT if it is not there, EINVAL for a wrong length of `key`.
    #[inline]
    pub fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        with_key!(
            self,
            key,
            |key| self.remove(key, |_| ()),
            Err(Errno::EINVAL)
        )
    }

    /// Copies the value (all CPUs' values) of an element to `out` and deletes it, as one step.
    ///
    /// ENOENT if it is not there, EINVAL for a wrong length of `key` or `out`.
    pub fn lookup_and_delete(&self, key: &[u8], out: &mut [u8]) -> Result<(), Errno> {
        if out.len() != self.user_value_size() {
            return Err(Errno::EINVAL);
        }
        let copy = |slot| self.read_value(slot, out);
        with_key!(self, key, |key| self.remove(key, copy), Err(Errno::EINVAL))
    }

    #[inline(always)]
    fn update_by(&self, key: &[u8], writer: Writer<'_>, flags: u64) -> Result<(), Errno> {
        if flags > elem::EXIST {
            return Err(Errno::EINVAL);
        }
        self.check_writer(writer)?;
        with_key!(
            self,
            key,
            |key| self.put(key, writer, flags),
            Err(Errno::EINVAL)
        )
    }

    #[inline(always)]
    fn put<K: Key>(&self, key: K, writer: Writer<'_>, flags: u64) -> Result<(), Errno> {
        let hash = key.hash(&self.secrets);
        let (number, tag) = (self.home_number(hash), group::tag(hash));
        let home = self.home(number);
        let _guard = Guard::lock(self.region.control(), home);
        match self.scan(home, tag, key) {
            Some(_) if flags == elem::NOEXIST => Err(Errno::EEXIST),
            None if flags == elem::EXIST => Err(Errno::ENOENT),
            Some(place) if self.attr.per_cpu => {
                self.write_value(place.slot, writer, false);
                Ok(())
            }
            Some(place) => {
                self.replace(number, place, key, writer);
                Ok(())
            }
            None => self.insert(home, tag, key, writer),
        }
    }

    /// Writes the element anew to the chain's spare slot; the old slot becomes the spare, and keeps
    /// the old element for those who hold its address until the next update in the chain.
    #[inline(always)]
    fn replace<K: Key>(&self, number: u32, place: Place, key: K, writer: Writer<'_>) {
        let mem = self.region.control();
        let spare_at = self.home(number) + SPARE;
        let spare = match mem.load_u32(spare_at, Relaxed).checked_sub(1) {
            Some(spare) => spare,
            None => (self.layout.slots + number).wrapping_mul(self.layout.slot_words),
        };
        key.write(mem, self.slot_at(spare));
        self.write_value(spare, writer, true);
        mem.store_u32(cell_at(place.group, place.cell), spare, Release);
        mem.store_u32(spare_at, place.slot.wrapping_add(1), Relaxed);
    }

    #[inline(always)]
    fn insert<K: Key>(
        &self,
        home: usize,
        tag: u64,
        key: K,
        writer: Writer<'_>,
    ) -> Result<(), Errno> {
        let mem = self.region.control();
        let slot = free::pop_slot(mem, &self.layout).ok_or(Errno::E2BIG)?;
        // A reader that sees what is written to the slot now sees that it was taken from where it
        // was before.
        M::fence(Release);
        key.write(mem, self.slot_at(slot));
        self.write_value(slot, writer, true);
        let mut last = home;
        for group in self.chain(home) {
            let tags = mem.load_u64(group + TAGS, Relaxed);
            let empty = group::empties(tags);
            if !empty.is_empty() {
                self.publish(group, tags, empty.first(), tag, slot);
                return Ok(());
            }
            last = group;
        }
        self.extend(last, tag, slot)
    }

    /// Makes an element of a slot, in an empty cell.
    #[inline(always)]
    fn publish(&self, group: usize, tags: u64, cell: usize, tag: u64, slot: u32) {
        let mem = self.region.control();
        mem.store_u32(cell_at(group, cell), slot, Release);
        mem.store_u64(group + TAGS, group::with_tag(tags, cell, tag), Release);
    }

    /// Makes an element of a slot, in a new group at the end of a chain that has no empty cell.
    #[cold]
    #[inline(never)]
    fn extend(&self, last: usize, tag: u64, slot: u32) -> Result<(), Errno> {
        let mem = self.region.control();
        let Some(number) = free::pop_group(mem, &self.layout) else {
            free::push_slot(mem, &self.layout, slot);
            return Err(Errno::ENOMEM);
        };
        let link = number.wrapping_add(1);
        let Some(group) = self.linked(link) else {
            return Err(Errno::ENOMEM);
        };
        M::fence(Release);
        mem.store_u32(group + LINK, 0, Relaxed);
        self.publish(group, 0, 0, tag, slot);
        mem.store_u32(last + LINK, link, Release);
        Ok(())
    }

    #[inline(always)]
    fn remove<K: Key>(&self, key: K, before: impl FnOnce(u32)) -> Result<(), Errno> {
        let mem = self.region.control();
        let hash = key.hash(&self.secrets);
        let (home, tag) = (self.home_of(hash), group::tag(hash));
        let guard = Guard::lock(mem, home);
        let place = self.scan(home, tag, key).ok_or(Errno::ENOENT)?;
        before(place.slot);
        let tags = mem.load_u64(place.group + TAGS, Relaxed);
        let left = group::without_tag(tags, place.cell);
        mem.store_u64(place.group + TAGS, left, Release);
        if left == 0 && place.group != home {
            self.unlink(home, place.group);
        }
        drop(guard);
        free::push_slot(mem, &self.layout, place.slot);
        Ok(())
    }

    /// Takes an empty overflow group out of its chain. Its own link stays until it is used again,
    /// for a reader that stands there.
    #[cold]
    #[inline(never)]
    fn unlink(&self, home: usize, empty: usize) {
        let mem = self.region.control();
        let follows =
            |group: usize| self.linked(mem.load_u32(group + LINK, Acquire)) == Some(empty);
        let Some(before) = self.chain(home).find(|group| follows(*group)) else {
            return;
        };
        let link = mem.load_u32(before + LINK, Relaxed);
        mem.store_u32(before + LINK, mem.load_u32(empty + LINK, Relaxed), Release);
        if let Some(number) = link.checked_sub(1) {
            free::push_group(mem, &self.layout, number);
        }
    }
}
