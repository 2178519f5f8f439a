//! Making maps and freezing them.
//!
//! A creation is judged in the order that [`crate::map::create`] draws; what
//! needs the engine's own objects (rights, descriptors, memory) is here.
//!
//! Answers to: map_create and map_freeze in kernel/bpf/syscall.c.

use std::sync::Arc;

use skep_abi::flags::map as flag;
use skep_abi::{Fd, MapCreate, MapFreeze, MapType, Result};
use skep_btf::TypeId;

use crate::map::create::{self, BtfTypes, Host};
use crate::map::{self, Desc};
use crate::object::{Access, BtfObject, Held, MapFile, MapObject, MapTypes, Object};
use crate::{Capabilities, Credential, Engine};

/// `BPF_MAP_CREATE`
pub(crate) fn create(engine: &Engine, cmd: &mut MapCreate<'_>) -> Result<Fd> {
    let host = Host {
        cpus: engine.cpus(),
        seed: engine.next_secret(),
        credential: *engine.credential(),
    };
    create::check_attr(cmd, &host)?;
    if cmd.map_flags & flag::TOKEN_FD != 0 {
        return Err(engine.files().not_a_token(cmd.map_token_fd));
    }
    check_rights(engine.credential(), cmd.map_type)?;

    let map = map::create(cmd, &host)?;
    let charge = engine.memory().charge(map.memory())?;
    let name = create::name(&cmd.map_name)?;
    let (types, btf) = types(engine, cmd, map.desc())?.unzip();
    let exclusive = create::exclusive(cmd)?;
    let access = Access::from_flags(cmd.map_flags)?;

    let object = MapObject::new(map, name, types, exclusive);
    let map = engine.maps().add_keeping(object, (charge, btf))?;
    engine.files().open(Object::Map(MapFile { map, access }))
}

/// EPERM unless the caller may make a map of this type.
fn check_rights(credential: &Credential, map_type: MapType) -> Result<()> {
    credential.require_common()?;
    match map_type {
        MapType::HASH
        | MapType::ARRAY
        | MapType::PROG_ARRAY
        | MapType::PERF_EVENT_ARRAY
        | MapType::PERCPU_HASH
        | MapType::PERCPU_ARRAY
        | MapType::CGROUP_ARRAY
        | MapType::ARRAY_OF_MAPS
        | MapType::HASH_OF_MAPS
        | MapType::CGROUP_STORAGE
        | MapType::PERCPU_CGROUP_STORAGE
        | MapType::RINGBUF
        | MapType::USER_RINGBUF => Ok(()),
        MapType::DEVMAP
        | MapType::DEVMAP_HASH
        | MapType::SOCKMAP
        | MapType::SOCKHASH
        | MapType::XSKMAP => credential.require(Capabilities::NET_ADMIN),
        _ => credential.require(Capabilities::BPF),
    }
}

/// The types given to key and value. The BTF's descriptor is looked at only if
/// one of the two is given. Comes with a use of the BTF.
fn types(
    engine: &Engine,
    cmd: &MapCreate<'_>,
    desc: &Desc,
) -> Result<Option<(MapTypes, Held<BtfObject>)>> {
    let (key, value) = (cmd.btf_key_type_id, cmd.btf_value_type_id);
    if key == 0 && value == 0 {
        return Ok(None);
    }
    let btf = engine.files().btf(cmd.btf_fd)?;
    let types = BtfTypes {
        btf: &btf.btf,
        key: TypeId(key),
        value: TypeId(value),
    };
    create::check_btf(desc, &types)?;
    let types = MapTypes {
        btf: Arc::clone(btf.object()),
        btf_id: btf.id(),
        key,
        value,
    };
    Ok(Some((types, btf)))
}

/// `BPF_MAP_FREEZE`
pub(crate) fn freeze(engine: &Engine, cmd: &mut MapFreeze) -> Result<()> {
    engine
        .files()
        .with_map(cmd.map, |map, access| map.freeze(access))
}
