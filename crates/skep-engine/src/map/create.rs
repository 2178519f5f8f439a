//! Making a map: the checks that all types share, in Linux's order, and the creation itself.
//!
//! bpf(2) refuses a creation by the first of these that fails; the engine does what needs its own
//! objects between the functions of this file:
//!
//! ```text
//!  1. check_attr    fields that do not go together, the type, the family's flags and sizes
//!  2. (engine)      the token's descriptor, then EPERM by credential
//!  3. create        E2BIG and ENOMEM of the allocation; the engine charges what it takes
//!  4. name          the name's bytes
//!  5. (engine)      the BTF's descriptor, then check_btf
//!  6. exclusive     the hash of the only program that may use the map
//! ```
//!
//! Answers to: map_create and map_check_btf in kernel/bpf/syscall.c.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use skep_abi::flags::map as flag;
use skep_abi::{Errno, MapCreate, Name, Result};
use skep_btf::{Btf, Def, Type, TypeId};

use super::family::Family;
use super::{Desc, Map, family_of};
use crate::credential::{Capabilities, Credential};

/// The largest value of one cpu.
#[doc(alias = "PCPU_MIN_UNIT_SIZE")]
pub(super) const PER_CPU_VALUE_LIMIT: u32 = 32 << 10;

/// No node in particular.
#[doc(alias = "NUMA_NO_NODE")]
const NO_NODE: u32 = u32::MAX;
/// The one node that an engine has.
const NODE: u32 = 0;

/// The loopback device's index, on every Linux.
const LOOPBACK: u32 = 1;

/// `SHA256_DIGEST_SIZE`: bytes of a program's hash.
pub const PROGRAM_HASH_SIZE: usize = 32;

/// Where a map is made, and by whom.
#[derive(Clone, Debug)]
pub struct Host {
    /// How many cpus there are.
    pub cpus: u32,
    /// What a hash is seeded with, unless `BPF_F_ZERO_SEED` is given.
    pub seed: u64,
    /// Who asks.
    pub credential: Credential,
}

/// The types of a map's key and value. A key of `void` is type 0.
#[derive(Clone, Copy, Debug)]
pub struct BtfTypes<'a> {
    /// What both ids are of.
    pub btf: &'a Btf,
    /// The key's type.
    pub key: TypeId,
    /// The value's type.
    pub value: TypeId,
}

/// The first judgement of a creation: everything that the attributes alone decide, the type
/// included. EINVAL, E2BIG, and EPERM for a flag that only an administrator may give.
#[doc(alias = "map_alloc_check")]
pub fn check_attr(cmd: &MapCreate<'_>, host: &Host) -> Result<&'static Family> {
    let both = |flags: u32| cmd.map_flags & flags == flags;
    // No type that is there takes either of the two.
    let strange = cmd.btf_vmlinux_value_type_id != 0 || cmd.map_extra != 0;
    let keyed_only = cmd.btf_key_type_id != 0 && cmd.btf_value_type_id == 0;
    if strange || keyed_only || both(flag::RDONLY | flag::WRONLY) {
        return Err(Errno::EINVAL);
    }
    if !matches!(numa_node(cmd), NO_NODE | NODE) {
        return Err(Errno::EINVAL);
    }
    let family = family_of(cmd.map_type).ok_or(Errno::EINVAL)?;
    (family.check)(cmd, host)?;
    Ok(family)
}

/// The flags that every family refuses in the same way: those it does not know, both accesses of
/// programs taken away, and a node for a per-CPU map.
pub(super) fn check_flags(family: &Family, cmd: &MapCreate<'_>) -> Result<()> {
    let flags = cmd.map_flags & !flag::TOKEN_FD;
    let no_access = flag::RDONLY_PROG | flag::WRONLY_PROG;
    let unknown = flags & !family.map_flags != 0;
    let node = family.per_cpu && numa_node(cmd) != NO_NODE;
    if unknown || flags & no_access == no_access || node {
        Err(Errno::EINVAL)
    } else {
        Ok(())
    }
}

fn numa_node(cmd: &MapCreate<'_>) -> u32 {
    match cmd.map_flags & flag::NUMA_NODE {
        0 => NO_NODE,
        _ => cmd.numa_node,
    }
}

/// Makes the map that `cmd` asks for.
///
/// Memory is taken as it is touched, so a map that a limit then refuses has cost nothing.
pub fn create(cmd: &MapCreate<'_>, host: &Host) -> Result<Arc<dyn Map>> {
    let family = check_attr(cmd, host)?;
    if cmd.map_ifindex != 0 {
        return Err(no_device(family, cmd, host));
    }
    (family.make)(Desc::new(family, cmd, host.cpus), host)
}

/// Why a map cannot be offloaded: an engine's devices have no room for maps.
#[doc(alias = "bpf_map_offload_map_alloc")]
fn no_device(family: &Family, cmd: &MapCreate<'_>, host: &Host) -> Errno {
    if let Err(errno) = host.credential.require(Capabilities::SYS_ADMIN) {
        errno
    } else if family.per_cpu || cmd.map_ifindex != LOOPBACK {
        Errno::EINVAL
    } else {
        Errno::EOPNOTSUPP
    }
}

/// The name, if it is one: letters, digits, `_` and `.` up to a NUL. What follows the NUL is
/// dropped.
#[doc(alias = "bpf_obj_name_cpy")]
pub fn name(given: &Name) -> Result<Name> {
    let mut bytes = *given.as_bytes();
    let end = bytes.iter().position(|&byte| byte == 0);
    if let Some(rest) = end.and_then(|end| bytes.get_mut(end..)) {
        rest.fill(0);
    }
    let name = Name::from_bytes(bytes);
    name.check()?;
    Ok(name)
}

/// The hash of the only program that may use the map, if the creation names one.
pub fn exclusive(cmd: &MapCreate<'_>) -> Result<Option<[u8; PROGRAM_HASH_SIZE]>> {
    let given = &cmd.excl_prog_hash;
    match (given.is_null(), cmd.excl_prog_hash_size as usize) {
        (true, 0) => Ok(None),
        (false, PROGRAM_HASH_SIZE) => {
            let mut hash = [0; PROGRAM_HASH_SIZE];
            given.read_at(0, &mut hash)?;
            Ok(Some(hash))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// Judges the types a creation gives its key and value: their sizes are the map's, the family takes
/// them, and the value holds nothing that only Linux gives meaning to.
#[doc(alias = "map_check_btf")]
pub fn check_btf(desc: &Desc, types: &BtfTypes<'_>) -> Result<()> {
    let size_is = |id: TypeId, size: u32| types.btf.size_of(id).is_ok_and(|found| found == size);
    let shape = desc.shape();
    if types.key.0 != 0 && !size_is(types.key, shape.key_size) {
        return Err(Errno::EINVAL);
    }
    if !size_is(types.value, shape.value_size) {
        return Err(Errno::EINVAL);
    }
    if has_special_field(types.btf, types.value) {
        let one_sided = flag::RDONLY_PROG | flag::WRONLY_PROG;
        return Err(match shape.map_flags & one_sided {
            0 => Errno::EOPNOTSUPP,
            _ => Errno::EACCES,
        });
    }
    (desc.family().check_btf)(desc, types)
}

/// What a family that takes no [`SPECIAL_STRUCTS`] and [`SPECIAL_TAGS`] says of itself.
pub(super) const NO_SPECIAL_FIELDS: &str =
    "values with locks, timers, lists or counted pointers are EOPNOTSUPP";

/// Structures in a value that are not the program's to read and write.
const SPECIAL_STRUCTS: &[&str] = &[
    "bpf_spin_lock",
    "bpf_res_spin_lock",
    "bpf_timer",
    "bpf_wq",
    "bpf_list_head",
    "bpf_rb_root",
    "bpf_refcount",
    "bpf_task_work",
];

/// Tags of pointers in a value that Linux counts references of.
const SPECIAL_TAGS: &[&str] = &["kptr", "kptr_untrusted", "percpu_kptr", "uptr"];

/// Whether a value of this type has a field that is not plain bytes: a lock, a timer, a counted
/// pointer. Looks at each type once, so at no more than there are.
#[doc(alias = "btf_parse_fields")]
fn has_special_field(btf: &Btf, value: TypeId) -> bool {
    let mut seen = BTreeSet::new();
    let mut left = vec![value];
    while let Some(id) = left.pop() {
        let first = seen.insert(id.0);
        let Some(found) = first.then(|| btf.resolve(id).ok()).flatten() else {
            continue;
        };
        if is_special(btf, &found) {
            return true;
        }
        match found.def() {
            Def::Struct(fields) | Def::Union(fields) => {
                left.extend(fields.iter().map(|field| field.ty));
            }
            Def::DataSec(section) => left.extend(section.vars().map(|var| var.ty)),
            Def::Var { ty, .. } => left.push(ty),
            Def::Array(array) => left.push(array.element),
            _ => {}
        }
    }
    false
}

fn is_special(btf: &Btf, found: &Type<'_>) -> bool {
    match found.def() {
        Def::Struct(_) => SPECIAL_STRUCTS.contains(&found.name()),
        Def::Ptr(to) => btf.type_by_id(to).is_some_and(|to| {
            matches!(to.def(), Def::TypeTag(_)) && SPECIAL_TAGS.contains(&to.name())
        }),
        _ => false,
    }
}
