//! Each thread's cache of the maps behind a few descriptors.
//!
//! A descriptor is looked up at every element command, and a lock there would
//! cost as much as the element does. So each thread keeps the maps it used last,
//! and they are valid while the table's epoch has not changed; the table makes a
//! new epoch of every close. One load and two comparisons are left of a lookup.
//!
//! Invariants: all entries are of the one table and the one epoch the cache
//! names; an entry refers to the map without a use of it, so that its id goes
//! when it is closed. A thread that never calls again keeps the map's memory
//! (nothing else) until it ends: the price of no lock.
//!
//! Answers to: fdget in fs/file.c.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Access, MapObject};
use skep_abi::Fd;

/// How many descriptors a thread remembers: neighbours do not displace each other.
const ENTRIES: usize = 16;

/// A map as a descriptor gives it.
pub(super) struct CachedMap {
    pub(super) fd: Fd,
    pub(super) access: Access,
    pub(super) map: Arc<MapObject>,
}

struct Cache {
    /// The table's serial number; 0 is no table's.
    table: u64,
    epoch: u64,
    entries: [Option<CachedMap>; ENTRIES],
}

thread_local! {
    static CACHE: RefCell<Cache> = const {
        RefCell::new(Cache { table: 0, epoch: 0, entries: [const { None }; ENTRIES] })
    };
}

/// Where a descriptor's entry is.
#[inline]
fn place(fd: Fd) -> usize {
    fd.0 as usize % ENTRIES
}

/// Runs `op` on the map behind `fd`; `None` if it is not cached.
#[inline]
pub(super) fn with<R>(
    table: u64,
    epoch: u64,
    fd: Fd,
    op: &mut impl FnMut(&MapObject, Access) -> R,
) -> Option<R> {
    let done = CACHE.try_with(|cache| {
        // Shared, because `op` may reach the caller's memory, and whoever implements
        // that may call the engine in turn.
        let cache = cache.try_borrow().ok()?;
        let entry = cache.entries.get(place(fd))?.as_ref()?;
        if cache.table != table || cache.epoch != epoch || entry.fd != fd {
            return None;
        }
        Some(op(&entry.map, entry.access))
    });
    done.ok().flatten()
}

/// Caches a map, in place of everything of another table or epoch.
pub(super) fn remember(table: u64, epoch: u64, entry: CachedMap) {
    change(|cache| {
        if cache.table != table || cache.epoch != epoch {
            *cache = Cache {
                table,
                epoch,
                entries: [const { None }; ENTRIES],
            };
        }
        if let Some(place) = cache.entries.get_mut(place(entry.fd)) {
            *place = Some(entry);
        }
    });
}

/// Drops what this thread has of `table`.
pub(super) fn forget(table: u64) {
    change(|cache| {
        if cache.table == table {
            cache.table = 0;
            cache.entries = [const { None }; ENTRIES];
        }
    });
}

fn change(change: impl FnOnce(&mut Cache)) {
    // A thread that is ending, or inside an operation on a cached map, caches
    // nothing; what it has is refused by its epoch.
    let _ = CACHE.try_with(|cache| cache.try_borrow_mut().map(|mut cache| change(&mut cache)));
}
