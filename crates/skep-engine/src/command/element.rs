//! The commands on one element.
//!
//! Each finds the map by the lock-free way ([`Files::with_map`]), then checks in
//! Linux's order: rights, `BPF_F_LOCK`, key, value, and the rest is the map's.
//! What is found is copied out last, so ENOENT comes before EFAULT.
//!
//! [`Files::with_map`]: crate::object::Files::with_map
//!
//! Answers to: map_lookup_elem, map_update_elem, map_delete_elem,
//! map_get_next_key, map_lookup_and_delete_elem in kernel/bpf/syscall.c.

use skep_abi::{
    MapDeleteElem, MapGetNextKey, MapLookupAndDeleteElem, MapLookupElem, MapUpdateElem, Result,
    Scratch,
};

use crate::Engine;
use crate::map::Desc;

/// `BPF_MAP_LOOKUP_ELEM`
#[inline]
pub(crate) fn lookup(engine: &Engine, cmd: &mut MapLookupElem<'_>) -> Result<()> {
    let flags = cmd.flags;
    Desc::check_read_flags(flags)?;
    engine.files().with_map(cmd.map, |map, access| {
        access.require_read()?;
        let desc = map.desc();
        desc.check_lock(flags)?;
        let (mut key_room, mut value_room) = (Scratch::new(), Scratch::new());
        let key = cmd.key.bytes(desc.key_size(), &mut key_room)?;
        let copy = |value: &mut [u8]| map.map().lookup(key, value, flags);
        cmd.value
            .fill(desc.user_value_size(), &mut value_room, copy)
    })
}

/// `BPF_MAP_UPDATE_ELEM`
#[inline]
pub(crate) fn update(engine: &Engine, cmd: &mut MapUpdateElem<'_>) -> Result<()> {
    let flags = cmd.flags;
    engine.files().with_map(cmd.map, |map, access| {
        map.write(access, || {
            let desc = map.desc();
            desc.check_lock(flags)?;
            let (mut key_room, mut value_room) = (Scratch::new(), Scratch::new());
            let key = cmd.key.bytes(desc.key_size(), &mut key_room)?;
            let value = cmd.value.bytes(desc.user_value_size(), &mut value_room)?;
            map.map().update(key, value, flags)
        })
    })
}

/// `BPF_MAP_DELETE_ELEM`
#[inline]
pub(crate) fn delete(engine: &Engine, cmd: &mut MapDeleteElem<'_>) -> Result<()> {
    engine.files().with_map(cmd.map, |map, access| {
        map.write(access, || {
            let mut room = Scratch::new();
            let key = cmd.key.bytes(map.desc().key_size(), &mut room)?;
            map.map().delete(key)
        })
    })
}

/// `BPF_MAP_GET_NEXT_KEY`
#[inline]
pub(crate) fn next_key(engine: &Engine, cmd: &mut MapGetNextKey<'_>) -> Result<()> {
    engine.files().with_map(cmd.map, |map, access| {
        access.require_read()?;
        let len = map.desc().key_size();
        let (mut key_room, mut next_room) = (Scratch::new(), Scratch::new());
        let key = if cmd.key.is_null() {
            None
        } else {
            Some(cmd.key.bytes(len, &mut key_room)?)
        };
        let copy = |next: &mut [u8]| map.map().next_key(key, next);
        cmd.next_key.fill(len, &mut next_room, copy)
    })
}

/// `BPF_MAP_LOOKUP_AND_DELETE_ELEM`. The element is gone even if its value
/// cannot be copied out.
pub(crate) fn lookup_and_delete(
    engine: &Engine,
    cmd: &mut MapLookupAndDeleteElem<'_>,
) -> Result<()> {
    let flags = cmd.flags;
    Desc::check_read_flags(flags)?;
    engine.files().with_map(cmd.map, |map, access| {
        access.require_read()?;
        map.write(access, || {
            let desc = map.desc();
            desc.check_lock(flags)?;
            let (mut key_room, mut value_room) = (Scratch::new(), Scratch::new());
            let key = cmd.key.bytes(desc.key_size(), &mut key_room)?;
            let copy = |value: &mut [u8]| map.map().lookup_and_delete(key, value, flags);
            cmd.value
                .fill(desc.user_value_size(), &mut value_room, copy)
        })
    })
}
