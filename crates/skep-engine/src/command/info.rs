//! What is known of an object.
//!
//! The caller's structure may be shorter than the one here, then only its part
//! is read and written; or longer, then what is too much must be zero.
//!
//! Answers to: bpf_obj_get_info_by_fd in kernel/bpf/syscall.c,
//! btf_get_info_by_fd in kernel/bpf/btf.c.

use skep_abi::{BtfInfo, Errno, MapInfo, NoMem, ObjGetInfoByFd, Result, UserOut};

use crate::map::create::PROGRAM_HASH_SIZE;
use crate::object::{BtfObject, Held, MapObject, Object};
use crate::program::Program;
use crate::sha256::Sha256;
use crate::{Capabilities, Engine};

/// The longest structure that is looked at: a page.
const MAX_LEN: u32 = 4096;

/// `BPF_OBJ_GET_INFO_BY_FD`
pub(crate) fn get(engine: &Engine, cmd: &mut ObjGetInfoByFd<'_>) -> Result<()> {
    match engine.files().get(cmd.bpf_fd) {
        Ok(Object::Map(file)) => map(&file.map, cmd),
        Ok(Object::Prog(prog)) => {
            let all = engine.credential().capable(Capabilities::BPF);
            Program::info(&prog, cmd, all)
        }
        Ok(Object::Btf(object)) => btf(&object, cmd),
        // The one command that says so with another errno.
        Err(Errno::EBADF) => Err(Errno::EBADFD),
        Err(errno) => Err(errno),
    }
}

/// The caller's structure, zero past what was given. Its fields end at `end`:
/// E2BIG if what was given is not zero from there on.
#[doc(alias = "bpf_check_uarg_tail_zero")]
pub(crate) fn read<const SIZE: usize>(cmd: &ObjGetInfoByFd<'_>, end: usize) -> Result<[u8; SIZE]> {
    if cmd.info_len > MAX_LEN {
        return Err(Errno::E2BIG);
    }
    let given = cmd.info_len as usize;
    let mut bytes = [0; SIZE];
    if let Some(tail) = given.checked_sub(end) {
        let mut rest = vec![0; tail];
        cmd.info.read_at(end, &mut rest)?;
        if rest.iter().any(|&byte| byte != 0) {
            return Err(Errno::E2BIG);
        }
    }
    if let Some(head) = bytes.get_mut(..given.min(SIZE)) {
        cmd.info.read_at(0, head)?;
    }
    Ok(bytes)
}

/// Gives the caller as much of the structure as there is room for, and says how much.
pub(crate) fn reply<const SIZE: usize>(
    cmd: &mut ObjGetInfoByFd<'_>,
    bytes: &[u8; SIZE],
) -> Result<()> {
    let len = SIZE.min(cmd.info_len as usize);
    cmd.info.write(bytes.get(..len).unwrap_or(bytes))?;
    cmd.info_len = len as u32;
    Ok(())
}

/// The memory at an address that stands in the caller's structure. A structure
/// that is a slice of Rust's has no such memory: EFAULT.
pub(crate) fn memory_at<'a>(cmd: &ObjGetInfoByFd<'a>, addr: u64) -> UserOut<'a> {
    match cmd.info.as_remote() {
        Some((_, mem)) => UserOut::remote(addr, mem),
        None => UserOut::remote(addr, &NoMem),
    }
}

/// Where the fields of `struct bpf_map_info` end; padding follows.
const MAP_INFO_END: usize = 100;

#[doc(alias = "bpf_map_get_info_by_fd")]
fn map(map: &Held<MapObject>, cmd: &mut ObjGetInfoByFd<'_>) -> Result<()> {
    let asked = MapInfo::from_bytes(&read(cmd, MAP_INFO_END)?);
    let shape = map.desc().shape();
    let types = map.types();
    let info = MapInfo {
        map_type: shape.map_type,
        id: map.id(),
        key_size: shape.key_size,
        value_size: shape.value_size,
        max_entries: shape.max_entries,
        map_flags: shape.map_flags,
        name: *map.name(),
        btf_id: types.map_or(0, |types| types.btf_id),
        btf_key_type_id: types.map_or(0, |types| types.key),
        btf_value_type_id: types.map_or(0, |types| types.value),
        map_extra: map.desc().map_extra(),
        hash: asked.hash,
        hash_size: asked.hash_size,
        ..MapInfo::default()
    };
    if asked.hash != 0 || asked.hash_size != 0 {
        let digest = contents_digest(map, &asked)?;
        memory_at(cmd, asked.hash).write(&digest)?;
    }
    reply(cmd, &info.to_bytes())
}

/// A digest of a frozen array's contents. EINVAL for another type or size, EPERM
/// if it is not frozen.
#[doc(alias = "array_map_get_hash")]
fn contents_digest(map: &MapObject, asked: &MapInfo) -> Result<[u8; PROGRAM_HASH_SIZE]> {
    let size_is_right = asked.hash_size as usize == PROGRAM_HASH_SIZE;
    if asked.hash == 0 || !size_is_right || map.desc().map_type() != skep_abi::MapType::ARRAY {
        return Err(Errno::EINVAL);
    }
    if !map.frozen() {
        return Err(Errno::EPERM);
    }
    let len = map.desc().value_size();
    // Elements lie 8 bytes aligned; what is between them is zero.
    let mut element = vec![0; len.next_multiple_of(8)];
    let mut digest = Sha256::new();
    for index in 0..map.desc().shape().max_entries {
        if let Some(value) = element.get_mut(..len) {
            map.map().lookup(&index.to_ne_bytes(), value, 0)?;
        }
        digest.update(&element);
    }
    Ok(digest.finish())
}

#[doc(alias = "btf_get_info_by_fd")]
fn btf(object: &Held<BtfObject>, cmd: &mut ObjGetInfoByFd<'_>) -> Result<()> {
    let asked = BtfInfo::from_bytes(&read(cmd, BtfInfo::SIZE)?);
    let bytes = &object.bytes;
    let len = bytes.len().min(asked.btf_size as usize);
    memory_at(cmd, asked.btf).write(bytes.get(..len).unwrap_or(bytes))?;
    if (asked.name == 0) != (asked.name_len == 0) {
        return Err(Errno::EINVAL);
    }
    // What is loaded has no name: only the kernel's own BTF and its modules' do.
    if asked.name != 0 {
        memory_at(cmd, asked.name).write(&[0])?;
    }
    let info = BtfInfo {
        btf: asked.btf,
        btf_size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        id: object.id(),
        name: asked.name,
        name_len: 0,
        kernel_btf: 0,
    };
    reply(cmd, &info.to_bytes())
}
