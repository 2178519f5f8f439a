//! A map as an object: its elements, and what the commands know of it besides.
//!
//! **Freezing** forbids user space to write. A write that began before goes on,
//! as on Linux; where that matters, because the verifier takes the values of a
//! frozen map for constants (`BPF_F_RDONLY_PROG`), writes under way are counted,
//! and a map counts as constant only when there are none. A write is counted before
//! it looks whether the map is frozen, and a map is frozen before its writes are
//! looked at, all in one order (`SeqCst`): so one of the two sees the other.
//!
//! Takes no locks.
//!
//! Answers to: struct bpf_map, bpf_map_write_active and map_get_sys_perms in
//! kernel/bpf/syscall.c.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use skep_abi::flags::map as flag;
use skep_abi::{Errno, MapOps, MapShape, Name, Result};

use super::{Access, BtfObject, Held};
use crate::map::{Desc, Map};

/// The types of a map's keys and values.
pub struct MapTypes {
    /// The BTF they are of. The map's use of it ends with the map's own last use.
    pub btf: Arc<BtfObject>,
    /// That BTF's id.
    pub btf_id: u32,
    /// The key's type; 0 is none.
    pub key: u32,
    /// The value's type; 0 is none.
    pub value: u32,
}

/// A map.
#[doc(alias = "bpf_map")]
pub struct MapObject {
    map: Arc<dyn Map>,
    /// The map's own, here so that a command need not ask for it.
    desc: Desc,
    name: Name,
    types: Option<MapTypes>,
    /// The digest of the only program that may use it.
    exclusive: Option<[u8; 32]>,
    frozen: AtomicBool,
    /// Writes under way, if they are counted.
    writers: Option<AtomicU64>,
}

impl MapObject {
    /// An object of `map`.
    pub fn new(
        map: Arc<dyn Map>,
        name: Name,
        types: Option<MapTypes>,
        exclusive: Option<[u8; 32]>,
    ) -> MapObject {
        let desc = map.desc().clone();
        let counted = desc.has_flags(flag::RDONLY_PROG);
        MapObject {
            map,
            desc,
            name,
            types,
            exclusive,
            frozen: AtomicBool::new(false),
            writers: counted.then(AtomicU64::default),
        }
    }

    /// The elements.
    #[inline]
    pub fn map(&self) -> &Arc<dyn Map> {
        &self.map
    }

    /// What the map is.
    #[inline]
    pub fn desc(&self) -> &Desc {
        &self.desc
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The types of its keys and values, if it was given any.
    pub fn types(&self) -> Option<&MapTypes> {
        self.types.as_ref()
    }

    /// The digest of the only program that may use it, if there is one.
    #[doc(alias = "excl_prog_sha")]
    pub fn exclusive(&self) -> Option<&[u8; 32]> {
        self.exclusive.as_ref()
    }

    /// Whether user space may write it no more.
    #[inline]
    pub fn frozen(&self) -> bool {
        self.frozen.load(Ordering::SeqCst)
    }

    /// Whether nobody can change its values: frozen, written by no program, and
    /// no write under way.
    #[doc(alias = "bpf_map_is_rdonly")]
    pub fn is_constant(&self) -> bool {
        let idle = |writers: &AtomicU64| writers.load(Ordering::SeqCst) == 0;
        self.frozen() && self.writers.as_ref().is_some_and(idle)
    }

    /// Forbids user space to write from now on. EPERM if it may not now, EBUSY
    /// while it does.
    pub fn freeze(&self, access: Access) -> Result<()> {
        self.require_write(access)?;
        if let Some(writers) = &self.writers
            && writers.load(Ordering::SeqCst) != 0
        {
            return Err(Errno::EBUSY);
        }
        // Of two that freeze at once, the second comes too late.
        if self.frozen.swap(true, Ordering::SeqCst) {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// EPERM unless `access` lets its owner write and the map is not frozen.
    #[doc(alias = "map_get_sys_perms")]
    #[inline]
    pub fn require_write(&self, access: Access) -> Result<()> {
        if access.write && !self.frozen() {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }

    /// Runs `op`, which writes for user space. EPERM if it may not.
    #[inline]
    pub fn write<R>(&self, access: Access, op: impl FnOnce() -> Result<R>) -> Result<R> {
        let _under_way = self.writers.as_ref().map(UnderWay::begin);
        self.require_write(access)?;
        op()
    }
}

/// A counted write.
struct UnderWay<'a>(&'a AtomicU64);

impl<'a> UnderWay<'a> {
    #[doc(alias = "bpf_map_write_active_inc")]
    fn begin(writers: &'a AtomicU64) -> UnderWay<'a> {
        writers.fetch_add(1, Ordering::SeqCst);
        UnderWay(writers)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A map as a descriptor gives it.
#[derive(Clone)]
pub struct MapFile {
    /// The map.
    pub map: Held<MapObject>,
    /// What may be done to it.
    pub access: Access,
}

/// A map as a typed user holds it, from [`resolve`](skep_abi::Bpf::resolve): the
/// descriptor's rights without the descriptor.
///
/// What every operation needs lies in it, so that one is a virtual call away.
pub struct MapUser {
    map: Arc<dyn Map>,
    key_size: usize,
    value_size: usize,
    access: Access,
    object: Arc<MapObject>,
    /// It is a use of the map.
    _held: Held<MapObject>,
}

impl From<MapFile> for MapUser {
    fn from(file: MapFile) -> Self {
        let object = Arc::clone(file.map.object());
        MapUser {
            map: Arc::clone(object.map()),
            key_size: object.desc().key_size(),
            value_size: object.desc().user_value_size(),
            access: file.access,
            object,
            _held: file.map,
        }
    }
}

impl MapUser {
    #[inline]
    fn key<'k>(&self, key: &'k [u8]) -> Result<&'k [u8]> {
        key.get(..self.key_size).ok_or(Errno::EFAULT)
    }

    /// Has `find` write a value to `room`; EFAULT if there is too little room for
    /// what was found.
    #[inline]
    fn value(&self, room: &mut [u8], find: impl Fn(&mut [u8]) -> Result<()>) -> Result<()> {
        fill(room, self.value_size, find)
    }
}

#[inline]
fn fill(room: &mut [u8], len: usize, find: impl Fn(&mut [u8]) -> Result<()>) -> Result<()> {
    match room.get_mut(..len) {
        Some(room) => find(room),
        None => fill_nothing(len, find),
    }
}

#[cold]
fn fill_nothing(len: usize, find: impl Fn(&mut [u8]) -> Result<()>) -> Result<()> {
    find(&mut vec![0; len])?;
    Err(Errno::EFAULT)
}

impl MapOps for MapUser {
    fn shape(&self) -> &MapShape {
        self.object.desc().shape()
    }

    fn lookup(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        Desc::check_read_flags(flags)?;
        self.access.require_read()?;
        self.object.desc().check_lock(flags)?;
        let key = self.key(key)?;
        self.value(value, |value| self.map.lookup(key, value, flags))
    }

    fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        self.object.write(self.access, || {
            self.object.desc().check_lock(flags)?;
            let key = self.key(key)?;
            let value = value.get(..self.value_size).ok_or(Errno::EFAULT)?;
            self.map.update(key, value, flags)
        })
    }

    fn delete(&self, key: &[u8]) -> Result<()> {
        self.object
            .write(self.access, || self.map.delete(self.key(key)?))
    }

    fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<()> {
        self.access.require_read()?;
        let key = key.map(|key| self.key(key)).transpose()?;
        fill(next, self.key_size, |next| self.map.next_key(key, next))
    }

    fn lookup_and_delete(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        Desc::check_read_flags(flags)?;
        self.access.require_read()?;
        self.object.write(self.access, || {
            self.object.desc().check_lock(flags)?;
            let key = self.key(key)?;
            self.value(value, |value| self.map.lookup_and_delete(key, value, flags))
        })
    }
}
