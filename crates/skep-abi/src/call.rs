//! bpf(2) itself, as C calls it: a command's number, an address, a length.
//!
//! [`call`] reads the attribute from the caller's memory by Linux's rules, makes
//! the typed command of it, has it carried out, and writes the outputs back. The
//! order of the checks is Linux's: a length over a page (E2BIG), what a longer
//! attribute holds past the one known here (E2BIG), the copy (EFAULT), the number
//! (EINVAL), bytes past the command's last field (EINVAL), and then the command.
//!
//! An output is written back when the command changed it, whether it succeeded or
//! not, and after a success in any case if the caller's attribute holds it; when
//! that fails, the answer is EFAULT and a new descriptor is closed again. The
//! attribute is read once: nobody can change it between a check and its use.
//!
//! Invariant: a byte of the caller is read only if it lies within the length given.
//!
//! Answers to: __sys_bpf, CHECK_ATTR and bpf_check_uarg_tail_zero in
//! kernel/bpf/syscall.c.

use crate::command::*;
use crate::{Bpf, Cmd, Errno, Fd, Result, UserMem};

/// The longest attribute Linux looks at: a page.
const MAX_SIZE: u32 = 4096;

/// What a command returns, as the system call returns it.
trait Answer {
    fn to_return(self) -> i64;
    /// The descriptor that must not leak when the answer cannot be given.
    fn descriptor(&self) -> Option<Fd> {
        None
    }
}

impl Answer for () {
    #[inline]
    fn to_return(self) -> i64 {
        0
    }
}

impl Answer for u32 {
    fn to_return(self) -> i64 {
        i64::from(self)
    }
}

impl Answer for Fd {
    fn to_return(self) -> i64 {
        i64::from(self.0)
    }
    fn descriptor(&self) -> Option<Fd> {
        Some(*self)
    }
}

/// Calls bpf(2) on `bpf` with the attribute of `size` bytes at `addr` of `mem`.
///
/// Returns what the system call returns, a descriptor or a number that is not
/// negative.
#[inline]
pub fn call<B, M>(bpf: &B, mem: &M, cmd: u32, addr: u64, size: u32) -> Result<i64>
where
    B: Bpf + ?Sized,
    M: UserMem,
{
    let caller = Caller {
        bpf,
        mem,
        addr,
        size,
    };
    match Cmd(cmd) {
        Cmd::MAP_LOOKUP_ELEM => caller.carry_out(|b, c: &mut MapLookupElem| b.map_lookup_elem(c)),
        Cmd::MAP_UPDATE_ELEM => caller.carry_out(|b, c: &mut MapUpdateElem| b.map_update_elem(c)),
        Cmd::MAP_DELETE_ELEM => caller.carry_out(|b, c: &mut MapDeleteElem| b.map_delete_elem(c)),
        Cmd::MAP_GET_NEXT_KEY => caller.carry_out(|b, c: &mut MapGetNextKey| b.map_get_next_key(c)),
        other => caller.dispatch(other),
    }
}

/// A call under way.
struct Caller<'a, B: ?Sized, M> {
    bpf: &'a B,
    mem: &'a M,
    addr: u64,
    size: u32,
}

impl<'a, B: Bpf + ?Sized, M: UserMem> Caller<'a, B, M> {
    /// Every command but the few that `call` handles on the caller's own path.
    #[inline(never)]
    fn dispatch(&self, cmd: Cmd) -> Result<i64> {
        macro_rules! table {
            ($($cmd:ident => $method:ident($type:ident),)*) => {
                match cmd {
                    $(Cmd::$cmd => self.carry_out(|bpf, cmd: &mut $type| bpf.$method(cmd)),)*
                    _ => self.unknown(),
                }
            };
        }
        table! {
            MAP_CREATE => map_create(MapCreate),
            PROG_LOAD => prog_load(ProgLoad),
            OBJ_PIN => obj_pin(ObjPin),
            OBJ_GET => obj_get(ObjGet),
            PROG_ATTACH => prog_attach(ProgAttach),
            PROG_DETACH => prog_detach(ProgDetach),
            PROG_TEST_RUN => prog_test_run(ProgTestRun),
            PROG_GET_NEXT_ID => prog_get_next_id(ProgGetNextId),
            MAP_GET_NEXT_ID => map_get_next_id(MapGetNextId),
            PROG_GET_FD_BY_ID => prog_get_fd_by_id(ProgGetFdById),
            MAP_GET_FD_BY_ID => map_get_fd_by_id(MapGetFdById),
            OBJ_GET_INFO_BY_FD => obj_get_info_by_fd(ObjGetInfoByFd),
            PROG_QUERY => prog_query(ProgQuery),
            RAW_TRACEPOINT_OPEN => raw_tracepoint_open(RawTracepointOpen),
            BTF_LOAD => btf_load(BtfLoad),
            BTF_GET_FD_BY_ID => btf_get_fd_by_id(BtfGetFdById),
            TASK_FD_QUERY => task_fd_query(TaskFdQuery),
            MAP_LOOKUP_AND_DELETE_ELEM => map_lookup_and_delete_elem(MapLookupAndDeleteElem),
            MAP_FREEZE => map_freeze(MapFreeze),
            BTF_GET_NEXT_ID => btf_get_next_id(BtfGetNextId),
            MAP_LOOKUP_BATCH => map_lookup_batch(MapLookupBatch),
            MAP_LOOKUP_AND_DELETE_BATCH => map_lookup_and_delete_batch(MapLookupAndDeleteBatch),
            MAP_UPDATE_BATCH => map_update_batch(MapUpdateBatch),
            MAP_DELETE_BATCH => map_delete_batch(MapDeleteBatch),
            LINK_CREATE => link_create(LinkCreate),
            LINK_UPDATE => link_update(LinkUpdate),
            LINK_GET_FD_BY_ID => link_get_fd_by_id(LinkGetFdById),
            LINK_GET_NEXT_ID => link_get_next_id(LinkGetNextId),
            ENABLE_STATS => enable_stats(EnableStats),
            ITER_CREATE => iter_create(IterCreate),
            LINK_DETACH => link_detach(LinkDetach),
            PROG_BIND_MAP => prog_bind_map(ProgBindMap),
            TOKEN_CREATE => token_create(TokenCreate),
            PROG_STREAM_READ_BY_FD => prog_stream_read_by_fd(ProgStreamRead),
        }
    }

    /// A number Linux does not know is told so only after its attribute was read.
    #[cold]
    fn unknown(&self) -> Result<i64> {
        self.read_whole()?;
        Err(Errno::EINVAL)
    }

    #[inline]
    fn carry_out<C: Attr<'a>, T: Answer>(
        &self,
        method: impl FnOnce(&B, &mut C) -> Result<T>,
    ) -> Result<i64> {
        if !C::OUTPUTS.is_empty() {
            return self.carry_out_and_tell(method);
        }
        // The usual attribute is read no further than its command goes, and each way
        // has an attribute of its own, so that the unused part of this one vanishes.
        let mut cmd = if self.is_usual::<C>() {
            let mut attr = [0; ATTR_SIZE];
            self.mem.read(self.addr, &mut attr[..C::END])?;
            self.check_unused(C::END)?;
            C::decode(&attr, self.mem)
        } else {
            C::decode(&self.read_unusual::<C>()?, self.mem)
        };
        method(self.bpf, &mut cmd).map(Answer::to_return)
    }

    /// [`Self::carry_out`] for a command that writes to its attribute.
    fn carry_out_and_tell<C: Attr<'a>, T: Answer>(
        &self,
        method: impl FnOnce(&B, &mut C) -> Result<T>,
    ) -> Result<i64> {
        let before = match self.read_unusual::<C>() {
            Ok(attr) => attr,
            // The one command that asks who calls before it looks at the attribute.
            Err(Errno::EINVAL) if C::CMD == Cmd::PROG_QUERY => return Err(self.refuse_query()),
            Err(errno) => return Err(errno),
        };
        let mut cmd = C::decode(&before, self.mem);
        let result = method(self.bpf, &mut cmd);
        let mut after = before;
        cmd.encode(&mut after);
        match self.write_back::<C>(&before, &after, result.is_ok()) {
            Ok(()) => result.map(Answer::to_return),
            Err(errno) => {
                if let Ok(Some(fd)) = result.as_ref().map(Answer::descriptor) {
                    // Nobody has been told of it, so nobody misses it.
                    let _ = self.bpf.close(fd);
                }
                Err(errno)
            }
        }
    }

    /// What PROG_QUERY answers to an attribute that is EINVAL: EPERM to those who
    /// may not ask at all. A query of nothing tells the two apart.
    #[cold]
    fn refuse_query(&self) -> Errno {
        match self.bpf.prog_query(&mut ProgQuery::default()) {
            Err(Errno::EPERM) => Errno::EPERM,
            _ => Errno::EINVAL,
        }
    }

    /// Whether the attribute holds all of the command and is no longer than known here.
    #[inline]
    fn is_usual<C: Attr<'a>>(&self) -> bool {
        (C::END..=ATTR_SIZE).contains(&(self.size as usize))
    }

    /// The attribute, whatever its length, checked past the command's end.
    fn read_unusual<C: Attr<'a>>(&self) -> Result<AttrBytes> {
        let attr = self.read_whole()?;
        if is_zero(&attr[C::END..]) {
            Ok(attr)
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// EINVAL unless the attribute is zero from `end` on.
    #[inline]
    fn check_unused(&self, end: usize) -> Result<()> {
        let addr = self.addr.wrapping_add(end as u64);
        let zero = match self.size as usize {
            // The usual length, apart because it is known when this is compiled.
            ATTR_SIZE => self.mem.is_zero(addr, ATTR_SIZE - end)?,
            size => self.mem.is_zero(addr, size - end)?,
        };
        if zero { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// The attribute of any length, zero past what was given.
    fn read_whole(&self) -> Result<AttrBytes> {
        if self.size > MAX_SIZE {
            return Err(Errno::E2BIG);
        }
        let size = self.size as usize;
        let mut attr = [0; ATTR_SIZE];
        if size > ATTR_SIZE {
            self.check_tail(size)?;
        }
        self.mem.read(self.addr, &mut attr[..size.min(ATTR_SIZE)])?;
        Ok(attr)
    }

    /// E2BIG unless what lies past the attribute known here is zero. As on Linux
    /// the first word that is not zero, or not there, decides.
    fn check_tail(&self, size: usize) -> Result<()> {
        let mut tail = [0; MAX_SIZE as usize - ATTR_SIZE];
        let tail = &mut tail[..size - ATTR_SIZE];
        let addr = self.addr.wrapping_add(ATTR_SIZE as u64);
        if self.mem.read(addr, tail).is_ok() {
            return if is_zero(tail) {
                Ok(())
            } else {
                Err(Errno::E2BIG)
            };
        }
        let mut at = 0;
        while at < tail.len() {
            let here = addr.wrapping_add(at as u64);
            // Words as the machine aligns them: a page never ends within one.
            let len = (8 - (here % 8) as usize).min(tail.len() - at);
            let word = &mut tail[at..at + len];
            self.mem.read(here, word)?;
            if !is_zero(word) {
                return Err(Errno::E2BIG);
            }
            at += len;
        }
        Ok(())
    }

    /// Writes to the caller's attribute what the command wrote to its fields.
    fn write_back<C: Attr<'a>>(
        &self,
        before: &AttrBytes,
        after: &AttrBytes,
        success: bool,
    ) -> Result<()> {
        for output in C::OUTPUTS {
            let end = output.offset + output.len;
            let given = end <= self.size as usize;
            let new = &after[output.offset..end];
            let changed = new != &before[output.offset..end];
            let write = match output.when {
                Written::Always => changed || success && given,
                Written::IfGiven => (changed || success) && given,
                Written::IfSet => changed,
            };
            if write {
                let addr = self.addr.wrapping_add(output.offset as u64);
                self.mem.write(addr, new)?;
            }
        }
        Ok(())
    }
}

/// Whether all bytes are zero, without a branch a byte.
#[inline]
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, &byte| all | byte) == 0
}

#[cfg(test)]
mod tests;
