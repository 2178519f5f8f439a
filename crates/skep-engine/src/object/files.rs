//! The descriptor table.
//!
//! A new descriptor takes the lowest free number from 3 on, as in a process with
//! its three standard streams.
//!
//! **Reading** a map's descriptor, which every element command does, takes no
//! lock when the thread has read it before: each thread caches the maps behind a
//! few descriptors, valid while the table's epoch is the one they were cached
//! in, and every close is a new epoch ([`super::cache`]).
//!
//! Locks: the table's mutex. Under it the epoch is advanced, so that what a
//! thread caches under it is of that epoch. No object is dropped under it.
//!
//! Answers to: fs/file.c; bpf_map_get, bpf_prog_get, btf_get_by_fd.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cache::{self, CachedMap};
use super::{Access, BtfObject, Held, MapFile, MapObject, Object};
use crate::program::Program;
use skep_abi::{Errno, Fd, Result};

/// The lowest number given.
const FIRST: usize = 3;

/// Names each table of the process, so that a thread's cache knows whose it is.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// The descriptors of an engine.
pub struct Files {
    serial: u64,
    epoch: AtomicU64,
    limit: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// By number, less [`FIRST`].
    slots: Vec<Option<Object>>,
    /// The slots that are `None`.
    free: BTreeSet<usize>,
}

impl Table {
    fn get(&self, fd: Fd) -> Result<&Object> {
        let slot = slot_of(fd).ok_or(Errno::EBADF)?;
        let object = self.slots.get(slot).and_then(Option::as_ref);
        object.ok_or(Errno::EBADF)
    }
}

fn slot_of(fd: Fd) -> Option<usize> {
    usize::try_from(fd.0).ok()?.checked_sub(FIRST)
}

impl Files {
    /// An empty table of at most `limit` descriptors.
    pub fn new(limit: usize) -> Files {
        Files {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            epoch: AtomicU64::new(0),
            limit: limit.min(i32::MAX as usize - FIRST),
            table: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing panics between two steps of a change, so the table is whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a descriptor of `object` under the lowest free number. EMFILE if
    /// there are as many as there may be.
    pub fn open(&self, object: Object) -> Result<Fd> {
        let mut table = self.lock();
        let slot = match table.free.pop_first() {
            Some(slot) => slot,
            None if table.slots.len() < self.limit => {
                table.slots.push(None);
                table.slots.len() - 1
            }
            None => return Err(Errno::EMFILE),
        };
        if let Some(place) = table.slots.get_mut(slot) {
            *place = Some(object);
        }
        i32::try_from(slot + FIRST)
            .map(Fd)
            .map_err(|_| Errno::EMFILE)
    }

    /// Closes a descriptor.
    pub fn close(&self, fd: Fd) -> Result<()> {
        let slot = slot_of(fd).ok_or(Errno::EBADF)?;
        let mut table = self.lock();
        let taken = table.slots.get_mut(slot).and_then(Option::take);
        let object = taken.ok_or(Errno::EBADF)?;
        table.free.insert(slot);
        self.epoch.fetch_add(1, Ordering::Release);
        drop(table);
        cache::forget(self.serial);
        drop(object);
        Ok(())
    }

    /// The object behind a descriptor. EBADF if it is not open.
    pub fn get(&self, fd: Fd) -> Result<Object> {
        self.lock().get(fd).cloned()
    }

    /// The map behind a descriptor. EINVAL if it is something else.
    #[doc(alias = "bpf_map_get")]
    pub fn map(&self, fd: Fd) -> Result<MapFile> {
        match self.lock().get(fd)? {
            Object::Map(file) => Ok(file.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The program behind a descriptor. EINVAL if it is something else.
    #[doc(alias = "bpf_prog_get")]
    pub fn prog(&self, fd: Fd) -> Result<Held<Program>> {
        match self.lock().get(fd)? {
            Object::Prog(prog) => Ok(prog.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The BTF behind a descriptor. EINVAL if it is something else.
    #[doc(alias = "btf_get_by_fd")]
    pub fn btf(&self, fd: Fd) -> Result<Held<BtfObject>> {
        match self.lock().get(fd)? {
            Object::Btf(btf) => Ok(btf.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Why a descriptor is not a token: EBADF if it is not open, EINVAL if it is
    /// something else. An engine has no tokens.
    #[doc(alias = "bpf_token_get_from_fd")]
    pub fn not_a_token(&self, fd: Fd) -> Errno {
        match self.lock().get(fd) {
            Ok(_) => Errno::EINVAL,
            Err(errno) => errno,
        }
    }

    /// Lets `op` work on the map behind a descriptor, without a lock when this
    /// thread has done so since the last close.
    #[inline]
    pub fn with_map<R>(
        &self,
        fd: Fd,
        mut op: impl FnMut(&MapObject, Access) -> Result<R>,
    ) -> Result<R> {
        let epoch = self.epoch.load(Ordering::Acquire);
        match cache::with(self.serial, epoch, fd, &mut op) {
            Some(result) => result,
            None => {
                let (map, access) = self.look_up(fd)?;
                op(&map, access)
            }
        }
    }

    /// The map behind a descriptor, from the table, and into this thread's cache.
    #[cold]
    fn look_up(&self, fd: Fd) -> Result<(Arc<MapObject>, Access)> {
        let (file, epoch) = {
            let table = self.lock();
            match table.get(fd)? {
                // Under the lock: an epoch is over only after the close it ends with.
                Object::Map(file) => (file.clone(), self.epoch.load(Ordering::Relaxed)),
                _ => return Err(Errno::EINVAL),
            }
        };
        let map = Arc::clone(file.map.object());
        let access = file.access;
        cache::remember(
            self.serial,
            epoch,
            CachedMap {
                fd,
                access,
                map: Arc::clone(&map),
            },
        );
        Ok((map, access))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        cache::forget(self.serial);
    }
}
