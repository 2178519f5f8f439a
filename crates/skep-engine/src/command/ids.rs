//! The commands that go by ids: from one id to the next, from an id to a descriptor.
//!
//! Both are for CAP_SYS_ADMIN: an id is a way to what others made.
//!
//! Answers to: bpf_obj_get_next_id, bpf_map_get_fd_by_id and their like in
//! kernel/bpf/syscall.c.

use skep_abi::flags::map as flag;
use skep_abi::{
    BtfGetFdById, BtfGetNextId, Errno, Fd, LinkGetFdById, LinkGetNextId, MapGetFdById,
    MapGetNextId, ProgGetFdById, ProgGetNextId, Result,
};

use crate::object::{Access, Ids, MapFile, Object};
use crate::{Capabilities, Engine};

/// The least id above `start`.
fn next<T>(engine: &Engine, ids: &Ids<T>, start: u32) -> Result<u32> {
    if start >= i32::MAX as u32 {
        return Err(Errno::EINVAL);
    }
    engine.credential().require(Capabilities::SYS_ADMIN)?;
    ids.after(start)
}

macro_rules! next_id {
    ($( $(#[$doc:meta])* $name:ident($type:ty) = $ids:ident; )*) => {$(
        $(#[$doc])*
        pub(crate) fn $name(engine: &Engine, cmd: &mut $type) -> Result<()> {
            cmd.next_id = next(engine, engine.$ids(), cmd.start_id)?;
            Ok(())
        }
    )*};
}

next_id! {
    /// `BPF_PROG_GET_NEXT_ID`
    prog_next(ProgGetNextId) = progs;
    /// `BPF_MAP_GET_NEXT_ID`
    map_next(MapGetNextId) = maps;
    /// `BPF_BTF_GET_NEXT_ID`
    btf_next(BtfGetNextId) = btfs;
    /// `BPF_LINK_GET_NEXT_ID`
    link_next(LinkGetNextId) = links;
}

/// `BPF_PROG_GET_FD_BY_ID`
pub(crate) fn prog_fd(engine: &Engine, cmd: &mut ProgGetFdById) -> Result<Fd> {
    engine.credential().require(Capabilities::SYS_ADMIN)?;
    let prog = engine.progs().get(cmd.id)?;
    engine.files().open(Object::Prog(prog))
}

/// `BPF_MAP_GET_FD_BY_ID`
pub(crate) fn map_fd(engine: &Engine, cmd: &mut MapGetFdById) -> Result<Fd> {
    if cmd.open_flags & !(flag::RDONLY | flag::WRONLY) != 0 {
        return Err(Errno::EINVAL);
    }
    let access = Access::from_flags(cmd.open_flags)?;
    engine.credential().require(Capabilities::SYS_ADMIN)?;
    let map = engine.maps().get(cmd.id)?;
    engine.files().open(Object::Map(MapFile { map, access }))
}

/// `BPF_BTF_GET_FD_BY_ID`
pub(crate) fn btf_fd(engine: &Engine, cmd: &mut BtfGetFdById) -> Result<Fd> {
    if cmd.open_flags & !flag::TOKEN_FD != 0 {
        return Err(Errno::EINVAL);
    }
    if cmd.open_flags & flag::TOKEN_FD != 0 {
        return Err(engine.files().not_a_token(cmd.token_fd));
    }
    engine.credential().require(Capabilities::SYS_ADMIN)?;
    let btf = engine.btfs().get(cmd.id)?;
    engine.files().open(Object::Btf(btf))
}

/// `BPF_LINK_GET_FD_BY_ID`
pub(crate) fn link_fd(engine: &Engine, cmd: &mut LinkGetFdById) -> Result<Fd> {
    engine.credential().require(Capabilities::SYS_ADMIN)?;
    match *engine.links().get(cmd.id)? {}
}
