//! Ids: one ascending number space a kind of object, and the use counts behind it.
//!
//! A [`Held`] is a use of an object: a descriptor has one, and so has a program
//! that names a map. When the last use goes, the id goes in the same moment, and
//! so does what the object kept ([`Ids::add_keeping`]): its uses of others, its
//! charge. Its memory goes with it unless a call on another thread is still in it.
//! [`Held::object`] gives the object without a use of it, for such calls and for
//! the per-thread descriptor caches.
//!
//! Numbers are given as Linux's idr gives them cyclically: ascending from 1, not
//! used again before the space is exhausted.
//!
//! Locks: the table's own mutex, innermost; no object is dropped under it.
//!
//! Answers to: bpf_map_alloc_id, bpf_map_put, bpf_map_inc_not_zero and their
//! like in kernel/bpf/syscall.c, btf.c; idr_alloc_cyclic in lib/idr.c.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::{Bound, Deref};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use skep_abi::{Errno, Result};

/// One past the highest id.
const END: u32 = i32::MAX as u32;

/// The ids of one kind of object.
pub struct Ids<T> {
    table: Mutex<Table<T>>,
}

struct Table<T> {
    /// The id to try first.
    next: u32,
    used: BTreeMap<u32, Weak<Use<T>>>,
}

struct Use<T> {
    id: u32,
    ids: Arc<Ids<T>>,
    object: Arc<T>,
    /// Dropped with the last use.
    _keeps: Box<Keeps>,
}

/// Anything that is kept to be dropped.
type Keeps = dyn Any + Send + Sync;

impl<T> Drop for Use<T> {
    fn drop(&mut self) {
        self.ids.lock().used.remove(&self.id);
    }
}

/// A use of an object: it keeps the object alive and its id in the table.
pub struct Held<T>(Arc<Use<T>>);

impl<T> Held<T> {
    /// The object's id.
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// The object, without a use of it.
    pub fn object(&self) -> &Arc<T> {
        &self.0.object
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Held(Arc::clone(&self.0))
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.object
    }
}

impl<T> Ids<T> {
    /// No ids yet.
    pub fn new() -> Arc<Ids<T>> {
        let used = BTreeMap::new();
        Arc::new(Ids {
            table: Mutex::new(Table { next: 1, used }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        // Nothing panics between two steps of a change, so the table is whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `object` the next id and its first use.
    #[doc(alias = "idr_alloc_cyclic")]
    pub fn add(self: &Arc<Self>, object: T) -> Result<Held<T>> {
        self.add_keeping(object, ())
    }

    /// The same; `keeps` is dropped with the last use, even if the object's memory
    /// is still in use then.
    pub fn add_keeping(
        self: &Arc<Self>,
        object: T,
        keeps: impl Send + Sync + 'static,
    ) -> Result<Held<T>> {
        let mut table = self.lock();
        let id = table.free_id().ok_or(Errno::ENOSPC)?;
        let held = Held(Arc::new(Use {
            id,
            ids: Arc::clone(self),
            object: Arc::new(object),
            _keeps: Box::new(keeps),
        }));
        table.used.insert(id, Arc::downgrade(&held.0));
        table.next = id + 1;
        Ok(held)
    }

    /// A new use of the object with this id. ENOENT if there is none (any more).
    pub fn get(&self, id: u32) -> Result<Held<T>> {
        let found = self.lock().used.get(&id).and_then(Weak::upgrade);
        found.map(Held).ok_or(Errno::ENOENT)
    }

    /// The least id above `id`. ENOENT if there is none.
    #[doc(alias = "bpf_obj_get_next_id")]
    pub fn after(&self, id: u32) -> Result<u32> {
        let above = (Bound::Excluded(id), Bound::Unbounded);
        let table = self.lock();
        let next = table.used.range(above).next().map(|(&next, _)| next);
        next.ok_or(Errno::ENOENT)
    }
}

impl<T> Table<T> {
    /// The first free id from `next` on, else the first from 1 on.
    fn free_id(&self) -> Option<u32> {
        first_gap(&self.used, self.next).or_else(|| first_gap(&self.used, 1))
    }
}

/// The first number from `start` on that is not a key.
fn first_gap<V>(used: &BTreeMap<u32, V>, start: u32) -> Option<u32> {
    let mut free = start;
    for &id in used.range(start..).map(|(id, _)| id) {
        if id != free {
            break;
        }
        free += 1;
    }
    (free < END).then_some(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_are_not_used_again_at_once() {
        let ids = Ids::new();
        let first = ids.add('a').unwrap();
        let second = ids.add('b').unwrap();
        assert_eq!((first.id(), second.id()), (1, 2));
        drop(second);
        assert_eq!(ids.add('c').unwrap().id(), 3);
    }

    #[test]
    fn after_the_highest_id_the_gaps_are_used() {
        let ids = Ids::new();
        let first = ids.add(()).unwrap();
        ids.lock().next = END - 1;
        let last = ids.add(()).unwrap();
        assert_eq!(last.id(), END - 1);
        assert_eq!(ids.add(()).unwrap().id(), 2);
        assert_eq!(first.id(), 1);
    }

    #[test]
    fn what_is_kept_goes_with_the_last_use() {
        let ids = Ids::new();
        let kept = Arc::new(());
        let held = ids.add_keeping('a', Arc::clone(&kept)).unwrap();
        let object = Arc::clone(held.object());
        assert_eq!(Arc::strong_count(&kept), 2);
        drop(held);
        assert_eq!((Arc::strong_count(&kept), *object), (1, 'a'));
    }

    #[test]
    fn an_id_goes_with_the_last_use() {
        let ids = Ids::new();
        let held = ids.add(7).unwrap();
        let again = ids.get(held.id()).unwrap();
        let object = Arc::clone(held.object());
        drop(held);
        assert_eq!(ids.after(0), Ok(1));
        drop(again);
        assert_eq!(ids.after(0), Err(Errno::ENOENT));
        assert_eq!(ids.get(1).err(), Some(Errno::ENOENT));
        assert_eq!(*object, 7);
    }
}
