//! Calls with an attribute as C makes it, wrong ones too, without danger.
//!
//! An [`Arena`] is memory at a fixed address that ends where a page begins that
//! nobody may touch. A call whose attribute and addresses all lie in it can do no
//! harm, however wrong its lengths are: the kernel finds the end as it would find
//! the end of any memory.
//!
//! Invariant: bpf(2) is issued only if every address that the command takes is
//! null, in the arena, at its guard page, or one at which no process has memory.
//!
//! Answers to: bpf(2).

use super::{Kernel, sys};
use skep_abi::*;

/// The first address at which no process has memory.
const NO_PROCESS: u64 = 1 << 63;

/// Bytes of the longest structure of information (`struct bpf_prog_info`).
const LONGEST_INFO: usize = ProgInfo::SIZE;

/// Memory that raw calls are made in.
pub struct Arena {
    pen: sys::Pen,
    bytes: Vec<u8>,
    start: u64,
}

impl Arena {
    /// An arena of `len` bytes, all zero.
    pub fn new(len: usize) -> Result<Arena> {
        let mut pen = sys::Pen::new(len)?;
        let bytes = vec![0; len];
        let start = pen.put(&bytes);
        Ok(Arena { pen, bytes, start })
    }

    /// The address of its first byte.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The address where it ends and nothing may be touched.
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Its bytes, as the last call left them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its bytes, to be changed before the next call.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn is_harmless(&self, addr: u64) -> bool {
        addr == 0 || (self.start..=self.end()).contains(&addr) || addr >= NO_PROCESS
    }

    /// The attribute at `addr`: as much of it as is there, zero past that.
    fn attr(&self, addr: u64, size: u32) -> AttrBytes {
        let mut attr = [0; ATTR_SIZE];
        let from = addr.checked_sub(self.start).map(|at| at as usize);
        if let Some(there) = from.and_then(|at| self.bytes.get(at..)) {
            let len = there.len().min(size as usize).min(ATTR_SIZE);
            attr[..len].copy_from_slice(&there[..len]);
        }
        attr
    }

    /// Whether a call with this attribute reaches memory outside.
    fn is_contained(&self, cmd: u32, attr: &AttrBytes) -> bool {
        let mut contained = true;
        let mut look = |pointer: Pointer<'_, '_>| {
            let addr = match pointer {
                Pointer::In(input) => input.addr(),
                Pointer::Out(output) => output.addr(),
            };
            contained &= self.is_harmless(addr);
        };
        macro_rules! pointers {
            ($($cmd:ident: $type:ident,)*) => {
                match Cmd(cmd) {
                    $(Cmd::$cmd => {
                        $type::decode(attr, &NoMem).pointers(&mut |_, pointer| look(pointer));
                    })*
                    _ => {}
                }
            };
        }
        pointers! {
            MAP_CREATE: MapCreate,
            MAP_LOOKUP_ELEM: MapLookupElem,
            MAP_UPDATE_ELEM: MapUpdateElem,
            MAP_DELETE_ELEM: MapDeleteElem,
            MAP_GET_NEXT_KEY: MapGetNextKey,
            MAP_LOOKUP_AND_DELETE_ELEM: MapLookupAndDeleteElem,
            MAP_LOOKUP_BATCH: MapLookupBatch,
            MAP_LOOKUP_AND_DELETE_BATCH: MapLookupAndDeleteBatch,
            MAP_UPDATE_BATCH: MapUpdateBatch,
            MAP_DELETE_BATCH: MapDeleteBatch,
            PROG_LOAD: ProgLoad,
            OBJ_PIN: ObjPin,
            OBJ_GET: ObjGet,
            PROG_TEST_RUN: ProgTestRun,
            OBJ_GET_INFO_BY_FD: ObjGetInfoByFd,
            PROG_QUERY: ProgQuery,
            RAW_TRACEPOINT_OPEN: RawTracepointOpen,
            BTF_LOAD: BtfLoad,
            TASK_FD_QUERY: TaskFdQuery,
            PROG_STREAM_READ_BY_FD: ProgStreamRead,
        }
        contained && self.names_nothing_more(cmd, attr)
    }

    /// Whether nothing stands where a command finds further addresses: in the room
    /// for information, and in what a kind of link takes besides.
    fn names_nothing_more(&self, cmd: u32, attr: &AttrBytes) -> bool {
        let is_zero = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
        match Cmd(cmd) {
            Cmd::OBJ_GET_INFO_BY_FD => {
                let info = ObjGetInfoByFd::decode(attr, &NoMem).info.addr();
                let room = info
                    .checked_sub(self.start)
                    .and_then(|at| self.bytes.get(at as usize..));
                room.is_none_or(|room| is_zero(&room[..room.len().min(LONGEST_INFO)]))
            }
            Cmd::LINK_CREATE => is_zero(&attr[16..LinkCreate::END]),
            _ => true,
        }
    }
}

impl Kernel {
    /// Issues bpf(2) with the attribute of `size` bytes at `addr`, exactly as it
    /// stands in `arena`. EXDEV, which bpf(2) never answers, if that could touch
    /// memory outside.
    pub fn call_in(&self, arena: &mut Arena, cmd: u32, addr: u64, size: u32) -> Result<i64> {
        let attr = arena.attr(addr, size);
        if !arena.is_harmless(addr) || !arena.is_contained(cmd, &attr) {
            return Err(Errno::EXDEV);
        }
        arena.pen.put(&arena.bytes);
        let answer = sys::issue_in(&mut arena.pen, cmd, addr, size);
        arena.pen.take(&mut arena.bytes);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel() -> Kernel {
        Kernel { cpus: 1 }
    }

    #[test]
    fn an_address_outside_is_refused() {
        let mut arena = Arena::new(256).unwrap();
        let outside = Box::new([0u8; 64]);
        let addr = outside.as_ptr().expose_provenance() as u64;
        let start = arena.start();
        assert_eq!(kernel().call_in(&mut arena, 1, addr, 64), Err(Errno::EXDEV));
        arena.bytes_mut()[8..16].copy_from_slice(&addr.to_ne_bytes());
        assert_eq!(
            kernel().call_in(&mut arena, 1, start, 64),
            Err(Errno::EXDEV)
        );
        // Past the length the kernel does not see it.
        let answer = kernel().call_in(&mut arena, 1, start, 8);
        assert!(!matches!(answer, Ok(_) | Err(Errno::EXDEV)), "{answer:?}");
    }

    #[test]
    fn an_address_within_information_is_refused() {
        let mut arena = Arena::new(1024).unwrap();
        let start = arena.start();
        let info = (start + 64).to_ne_bytes();
        arena.bytes_mut()[8..16].copy_from_slice(&info);
        arena.bytes_mut()[64 + 88] = 1;
        assert_eq!(
            kernel().call_in(&mut arena, 15, start, 16),
            Err(Errno::EXDEV)
        );
    }
}
