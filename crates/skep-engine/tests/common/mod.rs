//! What the tests of the engine's commands make their objects with.

#![allow(dead_code, reason = "each test file uses its own part")]

use skep_abi::*;
use skep_engine::Engine;

/// A creation that every type takes: u32 keys, u64 values, 4 entries.
pub fn spec(map_type: MapType) -> MapCreate<'static> {
    MapCreate {
        map_type,
        key_size: 4,
        value_size: 8,
        max_entries: 4,
        ..MapCreate::default()
    }
}

/// The descriptor of a new map.
pub fn new_map(engine: &Engine, map_type: MapType) -> Fd {
    engine.map_create(&mut spec(map_type)).unwrap()
}

/// The descriptor of a new map with these flags.
pub fn with_flags(engine: &Engine, map_type: MapType, map_flags: u32) -> Fd {
    let mut cmd = MapCreate {
        map_flags,
        ..spec(map_type)
    };
    engine.map_create(&mut cmd).unwrap()
}

pub fn update(engine: &Engine, map: Fd, key: u32, value: u64) -> Result<()> {
    engine.map_update_elem(&mut MapUpdateElem {
        map,
        key: UserIn::new(&key.to_ne_bytes()),
        value: UserIn::new(&value.to_ne_bytes()),
        flags: 0,
    })
}

pub fn lookup(engine: &Engine, map: Fd, key: u32) -> Result<u64> {
    let mut value = [0; 8];
    engine.map_lookup_elem(&mut MapLookupElem {
        map,
        key: UserIn::new(&key.to_ne_bytes()),
        value: UserOut::new(&mut value),
        flags: 0,
    })?;
    Ok(u64::from_ne_bytes(value))
}

pub fn delete(engine: &Engine, map: Fd, key: u32) -> Result<()> {
    engine.map_delete_elem(&mut MapDeleteElem {
        map,
        key: UserIn::new(&key.to_ne_bytes()),
    })
}

pub fn take(engine: &Engine, map: Fd, key: u32) -> Result<u64> {
    let mut value = [0; 8];
    engine.map_lookup_and_delete_elem(&mut MapLookupAndDeleteElem {
        map,
        key: UserIn::new(&key.to_ne_bytes()),
        value: UserOut::new(&mut value),
        flags: 0,
    })?;
    Ok(u64::from_ne_bytes(value))
}

pub fn next_key(engine: &Engine, map: Fd, key: Option<u32>) -> Result<u32> {
    let key = key.map(u32::to_ne_bytes);
    let mut next = [0; 4];
    engine.map_get_next_key(&mut MapGetNextKey {
        map,
        key: UserIn::from(key.as_ref().map(|key| key.as_slice())),
        next_key: UserOut::new(&mut next),
    })?;
    Ok(u32::from_ne_bytes(next))
}

pub fn freeze(engine: &Engine, map: Fd) -> Result<()> {
    engine.map_freeze(&mut MapFreeze { map })
}

/// BTF with one type, `int` of 4 bytes, as type 1.
pub fn int_btf() -> Vec<u8> {
    let strings = b"\0int\0";
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    for word in [24u32, 0, 16, 16, strings.len() as u32] {
        bytes.extend(word.to_le_bytes());
    }
    for word in [1u32, 1 << 24, 4, (1 << 24) | 32] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(strings);
    bytes
}

pub fn load_btf(engine: &Engine, bytes: &[u8]) -> Result<Fd> {
    engine.btf_load(&mut BtfLoad {
        btf: UserIn::new(bytes),
        btf_size: bytes.len() as u32,
        ..BtfLoad::default()
    })
}

pub fn map_id(engine: &Engine, fd: Fd) -> u32 {
    MapInfo::get(engine, fd).unwrap().id
}

pub fn next_map_id(engine: &Engine, start_id: u32) -> Result<u32> {
    let mut cmd = MapGetNextId {
        start_id,
        ..MapGetNextId::default()
    };
    engine.map_get_next_id(&mut cmd).map(|()| cmd.next_id)
}

pub fn map_by_id(engine: &Engine, id: u32, open_flags: u32) -> Result<Fd> {
    engine.map_get_fd_by_id(&mut MapGetFdById { id, open_flags })
}
