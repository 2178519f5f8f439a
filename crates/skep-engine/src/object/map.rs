//! A map as an object: its elements, and what the commands know of it besides.
//!
//! **Freezing** forbids user space to write. A write that began before goes on,
//! as on Linux; where that matters, because the verifier takes the values of a
//! frozen map for constants (`BPF_F_RDONLY_PROG`), writes under way are counted,
//! and a map counts as constant only when there are none.
//!
//! Takes no locks.
//!
//! Answers to: struct bpf_map, bpf_map_write_active and map_get_sys_perms in
//! kernel/bpf/syscall.c.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use skep_abi::flags::map as flag;
use skep_abi::{Errno, MapOps, MapShape, Name, Result};

use super::{Access, BtfObject, Held};
use crate::limit::Charge;
use crate::map::{Desc, Map};

/// The types of a map's keys and values.
pub struct MapTypes {
    /// The BTF they are of.
    pub btf: Held<BtfObject>,
    /// The key's type; 0 is none.
    pub key: u32,
    /// The value's type; 0 is none.
    pub value: u32,
}

/// A map.
#[doc(alias = "bpf_map")]
pub struct MapObject {
    map: Arc<dyn Map>,
    name: Name,
    types: Option<MapTypes>,
    /// The digest of the only program that may use it.
    exclusive: Option<[u8; 32]>,
    frozen: AtomicBool,
    /// Writes under way, if they are counted.
    writers: Option<AtomicU64>,
    _charge: Charge,
}

impl MapObject {
    /// An object of `map`, whose bytes are charged by `charge`.
    pub fn new(
        map: Arc<dyn Map>,
        name: Name,
        types: Option<MapTypes>,
        exclusive: Option<[u8; 32]>,
        charge: Charge,
    ) -> MapObject {
        let counted = map.desc().has_flags(flag::RDONLY_PROG);
        MapObject {
            map,
            name,
            types,
            exclusive,
            frozen: AtomicBool::new(false),
            writers: counted.then(AtomicU64::default),
            _charge: charge,
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
        self.map.desc()
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
        self.frozen.load(Ordering::Acquire)
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

    /// EPERM unless `access` lets its owner read.
    #[inline]
    pub fn require_read(&self, access: Access) -> Result<()> {
        if access.read {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
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
/// descriptor's rights without the descriptor. It is a use of the map.
pub struct MapUser(MapFile);

impl From<MapFile> for MapUser {
    fn from(file: MapFile) -> Self {
        MapUser(file)
    }
}

impl Deref for MapUser {
    type Target = MapObject;

    #[inline]
    fn deref(&self) -> &MapObject {
        &self.0.map
    }
}

impl MapUser {
    #[inline]
    fn key<'k>(&self, key: &'k [u8]) -> Result<&'k [u8]> {
        key.get(..self.desc().key_size()).ok_or(Errno::EFAULT)
    }

    #[inline]
    fn room<'v>(&self, value: &'v mut [u8]) -> Option<&'v mut [u8]> {
        value.get_mut(..self.desc().user_value_size())
    }
}

impl MapOps for MapUser {
    fn shape(&self) -> &MapShape {
        self.desc().shape()
    }

    fn lookup(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        Desc::check_read_flags(flags)?;
        self.require_read(self.0.access)?;
        self.desc().check_lock(flags)?;
        let key = self.key(key)?;
        match self.room(value) {
            Some(value) => self.map.lookup(key, value, flags),
            None => self.map.lookup(key, &mut self.scratch(), flags).and(FAULT),
        }
    }

    fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        self.write(self.0.access, || {
            self.desc().check_lock(flags)?;
            let key = self.key(key)?;
            let len = self.desc().user_value_size();
            let value = value.get(..len).ok_or(Errno::EFAULT)?;
            self.map.update(key, value, flags)
        })
    }

    fn delete(&self, key: &[u8]) -> Result<()> {
        self.write(self.0.access, || self.map.delete(self.key(key)?))
    }

    fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<()> {
        self.require_read(self.0.access)?;
        let key = key.map(|key| self.key(key)).transpose()?;
        let len = self.desc().key_size();
        match next.get_mut(..len) {
            Some(next) => self.map.next_key(key, next),
            None => self.map.next_key(key, &mut vec![0; len]).and(FAULT),
        }
    }

    fn lookup_and_delete(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        Desc::check_read_flags(flags)?;
        self.require_read(self.0.access)?;
        self.write(self.0.access, || {
            self.desc().check_lock(flags)?;
            let key = self.key(key)?;
            match self.room(value) {
                Some(value) => self.map.lookup_and_delete(key, value, flags),
                None => {
                    let mut scratch = self.scratch();
                    self.map
                        .lookup_and_delete(key, &mut scratch, flags)
                        .and(FAULT)
                }
            }
        })
    }
}

/// The answer when there is no room for what was found: it must be found first.
const FAULT: Result<()> = Err(Errno::EFAULT);

impl MapUser {
    #[cold]
    fn scratch(&self) -> Vec<u8> {
        vec![0; self.desc().user_value_size()]
    }
}
