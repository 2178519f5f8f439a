//! What the tests of maps make maps with.

use std::sync::Arc;

use skep_abi::{Errno, MapCreate, MapType};

use super::{Host, Map, create};
use crate::credential::Credential;

/// Two cpus, asked by root.
pub(super) fn host() -> Host {
    Host {
        cpus: 2,
        seed: 7,
        credential: Credential::ROOT,
    }
}

/// A creation every type takes, changed by `edit`: u32 keys, u64 values, 4 entries.
pub(super) fn cmd(map_type: MapType, edit: impl FnOnce(&mut MapCreate<'_>)) -> MapCreate<'static> {
    let mut cmd = MapCreate {
        map_type,
        key_size: 4,
        value_size: 8,
        max_entries: 4,
        ..MapCreate::default()
    };
    edit(&mut cmd);
    cmd
}

/// What `host` answers to that creation.
pub(super) fn made(
    map_type: MapType,
    edit: impl FnOnce(&mut MapCreate<'_>),
) -> Result<Arc<dyn Map>, Errno> {
    create(&cmd(map_type, edit), &host())
}

/// The errno of that creation, if it fails.
pub(super) fn errno(map_type: MapType, edit: impl FnOnce(&mut MapCreate<'_>)) -> Option<Errno> {
    made(map_type, edit).err()
}

/// A value read by user space, from room of exactly its size.
pub(super) fn get(map: &dyn Map, key: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut value = vec![0xee; map.desc().user_value_size()];
    map.lookup(key, &mut value, 0).map(|()| value)
}
