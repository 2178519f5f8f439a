//! bpf(2) as C calls it: bytes at addresses.
//!
//! The memory of a [`Raw`] is one piece that ends where nothing may be touched.
//! Linux sees it at its real address, the engine at a made-up one.

use crate::system::Host;
use skep::abi::*;
use skep::kernel::Arena;
use skep::{Engine, Kernel};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of memory.
pub const LEN: usize = 3 * 4096;

/// An address at which no process has memory.
pub const NOWHERE: u64 = !0xfff;

/// Where attributes are put.
const ATTR_AT: usize = 0;
/// Attributes of a page and what follows end here.
pub const DATA_AT: usize = 2 * 4096;

/// Memory and a system to call with it.
pub enum Raw {
    /// The engine through the call's C shape.
    Engine(Engine, Memory),
    /// The system call.
    Linux(Kernel, Arena),
}

/// Memory of a made-up caller.
pub struct Memory(Mutex<Vec<u8>>);

impl Memory {
    /// The address of the first byte.
    const START: u64 = 0x7000_0000_1000;

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn range(addr: u64, len: usize) -> Result<core::ops::Range<usize>> {
        if len == 0 {
            return Ok(0..0);
        }
        let from = addr.checked_sub(Self::START).ok_or(Errno::EFAULT)?;
        let from = usize::try_from(from).map_err(|_| Errno::EFAULT)?;
        let to = from.checked_add(len).ok_or(Errno::EFAULT)?;
        Ok(from..to)
    }
}

impl UserMem for Memory {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        let bytes = self.bytes();
        let from = bytes.get(Self::range(addr, into.len())?);
        into.copy_from_slice(from.ok_or(Errno::EFAULT)?);
        Ok(())
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        let mut bytes = self.bytes();
        let into = bytes.get_mut(Self::range(addr, from.len())?);
        into.ok_or(Errno::EFAULT)?.copy_from_slice(from);
        Ok(())
    }
}

impl Raw {
    pub fn new(host: &Host) -> Raw {
        match host {
            Host::Engine(engine) => Raw::Engine(engine.clone(), Memory(Mutex::new(vec![0; LEN]))),
            Host::Linux(kernel) => {
                Raw::Linux(kernel.clone(), Arena::new(LEN).expect("memory for calls"))
            }
        }
    }

    /// The address of byte `at`.
    pub fn addr(&self, at: usize) -> u64 {
        let start = match self {
            Raw::Engine(..) => Memory::START,
            Raw::Linux(_, arena) => arena.start(),
        };
        start + at as u64
    }

    /// The address where the memory ends.
    pub fn end(&self) -> u64 {
        self.addr(LEN)
    }

    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        match self {
            Raw::Engine(_, memory) => {
                memory.bytes()[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Raw::Linux(_, arena) => {
                arena.bytes_mut()[at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }

    pub fn get(&self, at: usize, len: usize) -> Vec<u8> {
        match self {
            Raw::Engine(_, memory) => memory.bytes()[at..at + len].to_vec(),
            Raw::Linux(_, arena) => arena.bytes()[at..at + len].to_vec(),
        }
    }

    /// The word at `at`.
    pub fn get_u32(&self, at: usize) -> u32 {
        let bytes = self.get(at, 4);
        u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// Calls with the attribute at `addr`.
    pub fn call_at(&mut self, cmd: Cmd, addr: u64, size: u32) -> Result<i64> {
        let answer = match self {
            Raw::Engine(engine, memory) => call(engine, memory, cmd.0, addr, size),
            Raw::Linux(kernel, arena) => kernel.call_in(arena, cmd.0, addr, size),
        };
        assert_ne!(
            answer,
            Err(Errno::EXDEV),
            "the call reaches outside of its memory"
        );
        answer
    }

    /// Calls with `attr`, `size` bytes of it; what lies past it is zero.
    pub fn call(&mut self, cmd: Cmd, attr: &[u8], size: u32) -> Result<i64> {
        self.put(ATTR_AT, &[0; DATA_AT]);
        self.put(ATTR_AT, attr);
        self.call_at(cmd, self.addr(ATTR_AT), size)
    }

    /// Calls with all of a command's fields.
    pub fn command<'a, C: Attr<'a>>(&mut self, cmd: &mut C) -> Result<i64> {
        self.call(C::CMD, &bytes(cmd), C::END as u32)
    }

    /// The attribute as the last call left it.
    pub fn attr(&self) -> Vec<u8> {
        self.get(ATTR_AT, ATTR_SIZE)
    }

    /// Closes what a call opened.
    pub fn close(&self, fd: i64) {
        let fd = Fd(i32::try_from(fd).expect("a descriptor"));
        match self {
            Raw::Engine(engine, _) => engine.close(fd),
            Raw::Linux(kernel, _) => kernel.close(fd),
        }
        .expect("an open descriptor");
    }
}

/// The bytes of a command.
pub fn bytes<'a, C: Attr<'a>>(cmd: &mut C) -> AttrBytes {
    let mut attr = [0; ATTR_SIZE];
    cmd.encode(&mut attr);
    attr
}

/// A pointer to read at.
pub fn from(addr: u64) -> UserIn<'static> {
    UserIn::remote(addr, &NoMem)
}

/// A pointer to write at.
pub fn to(addr: u64) -> UserOut<'static> {
    UserOut::remote(addr, &NoMem)
}
