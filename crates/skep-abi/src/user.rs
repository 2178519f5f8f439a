//! The caller's memory, as a command refers to it.
//!
//! A command names memory of its caller: a key, a value, a log. In Rust that is
//! a slice; in a raw `bpf_attr` it is an address, read and written through a
//! [`UserMem`]. [`UserIn`] and [`UserOut`] hold either, so that one
//! implementation of a command serves both. Memory that ends too early answers
//! EFAULT, whichever of the two it is.
//!
//! Answers to: copy_from_user and copy_to_user in include/linux/uaccess.h.

use crate::{Errno, Result};
use core::fmt;

/// The memory that addresses in a raw attribute point into.
pub trait UserMem: Send + Sync {
    /// Copies `into.len()` bytes from `addr`; EFAULT if any of them cannot be read.
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()>;

    /// Copies `from` to `addr`; EFAULT if any byte cannot be written.
    fn write(&self, addr: u64, from: &[u8]) -> Result<()>;

    /// Whether `len` bytes from `addr` on are all zero; EFAULT if any of them cannot
    /// be read.
    #[inline]
    fn is_zero(&self, addr: u64, len: usize) -> Result<bool> {
        let mut zero = true;
        let mut at = 0;
        while at < len {
            let mut chunk = [0; 256];
            let chunk = &mut chunk[..(len - at).min(256)];
            self.read(addr.wrapping_add(at as u64), chunk)?;
            zero &= chunk.iter().all(|&byte| byte == 0);
            at += chunk.len();
        }
        Ok(zero)
    }

    /// The promise that a system call of this process may be given the addresses
    /// as they are, from a memory that has it.
    fn own_process(&self) -> Option<OwnProcess> {
        None
    }

    /// This memory as one that is accessed without asking, if it is such a one.
    /// What holds an address then need not go through the trait.
    #[inline]
    fn trusted(&self) -> Option<TrustedMem> {
        None
    }
}

impl<M: UserMem + ?Sized> UserMem for &M {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        (**self).read(addr, into)
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        (**self).write(addr, from)
    }

    fn is_zero(&self, addr: u64, len: usize) -> Result<bool> {
        (**self).is_zero(addr, len)
    }

    fn own_process(&self) -> Option<OwnProcess> {
        (**self).own_process()
    }

    fn trusted(&self) -> Option<TrustedMem> {
        (**self).trusted()
    }
}

/// A promise: the addresses of the memory that gives this out may be handed to
/// the system calls of this process, which read and write there.
///
/// An address that is not mapped does no harm (the answer is EFAULT); one that is
/// belongs to whoever made the promise.
#[derive(Clone, Copy, Debug)]
pub struct OwnProcess(());

impl OwnProcess {
    /// # Safety
    ///
    /// Memory of this process that a command names through a [`UserMem`] which gives
    /// this or a copy of it out, directly or by an address inside what it names, is
    /// the caller's to read and write, and no reference of Rust is upset by that.
    pub const unsafe fn new() -> Self {
        OwnProcess(())
    }
}

/// No memory at all: every access is EFAULT. What a command made from Rust uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMem;

impl UserMem for NoMem {
    fn read(&self, _addr: u64, into: &mut [u8]) -> Result<()> {
        if into.is_empty() {
            Ok(())
        } else {
            Err(Errno::EFAULT)
        }
    }

    fn write(&self, _addr: u64, from: &[u8]) -> Result<()> {
        if from.is_empty() {
            Ok(())
        } else {
            Err(Errno::EFAULT)
        }
    }
}

#[derive(Clone, Copy)]
enum In<'a> {
    Slice(&'a [u8]),
    Trusted(u64, &'a dyn UserMem, TrustedMem),
    Remote(u64, &'a dyn UserMem),
}

/// Memory a command reads.
#[derive(Clone, Copy)]
pub struct UserIn<'a>(In<'a>);

impl<'a> UserIn<'a> {
    /// The null pointer.
    pub const NULL: UserIn<'static> = UserIn(In::Remote(0, &NoMem));

    /// A slice of the caller.
    pub const fn new(bytes: &'a [u8]) -> Self {
        UserIn(In::Slice(bytes))
    }

    /// The address `addr` of `mem`.
    #[inline]
    pub fn remote(addr: u64, mem: &'a dyn UserMem) -> Self {
        match mem.trusted() {
            Some(trusted) => UserIn(In::Trusted(addr, mem, trusted)),
            None => UserIn(In::Remote(addr, mem)),
        }
    }

    /// Whether this is the null pointer.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self.0, In::Remote(0, _) | In::Trusted(0, ..))
    }

    /// The slice, if this is one.
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        match self.0 {
            In::Slice(bytes) => Some(bytes),
            In::Remote(..) | In::Trusted(..) => None,
        }
    }

    /// The address and its memory, if this is not a slice.
    pub fn as_remote(&self) -> Option<(u64, &'a dyn UserMem)> {
        match self.0 {
            In::Slice(_) => None,
            In::Remote(addr, mem) | In::Trusted(addr, mem, _) => Some((addr, mem)),
        }
    }

    /// The address a system call is given.
    pub fn addr(&self) -> u64 {
        match self.0 {
            In::Slice(bytes) => bytes.as_ptr().expose_provenance() as u64,
            In::Remote(addr, _) | In::Trusted(addr, ..) => addr,
        }
    }

    /// Copies the bytes from `offset` on into `into`.
    #[inline]
    pub fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        match self.0 {
            In::Slice(bytes) => {
                let end = offset.checked_add(into.len()).ok_or(Errno::EFAULT)?;
                into.copy_from_slice(bytes.get(offset..end).ok_or(Errno::EFAULT)?);
                Ok(())
            }
            In::Trusted(addr, _, mem) => mem.read(addr.wrapping_add(offset as u64), into),
            In::Remote(addr, mem) => mem.read(addr.wrapping_add(offset as u64), into),
        }
    }

    /// The first `len` bytes: the caller's own if this is a slice, else copied into `scratch`.
    #[inline]
    pub fn bytes<'s>(&self, len: usize, scratch: &'s mut Scratch) -> Result<&'s [u8]>
    where
        'a: 's,
    {
        match self.0 {
            In::Slice(bytes) => bytes.get(..len).ok_or(Errno::EFAULT),
            In::Trusted(addr, _, mem) => {
                let buffer = scratch.buffer(len);
                mem.read_short(addr, buffer)?;
                Ok(buffer)
            }
            In::Remote(addr, mem) => {
                let buffer = scratch.buffer(len);
                mem.read(addr, buffer)?;
                Ok(buffer)
            }
        }
    }

    /// The first `len` bytes, copied. `len` must have been bounded by the caller.
    pub fn to_vec(&self, len: usize) -> Result<Vec<u8>> {
        match self.0 {
            In::Slice(bytes) => Ok(bytes.get(..len).ok_or(Errno::EFAULT)?.to_vec()),
            In::Remote(..) | In::Trusted(..) => {
                let mut bytes = vec![0; len];
                self.read_at(0, &mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// A string up to its NUL (not included); `None` when the first `max` bytes hold no NUL.
    pub fn read_str(&self, max: usize) -> Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        while text.len() < max {
            let mut chunk = [0; CHUNK];
            let len = self.chunk_at(text.len()).min(max - text.len());
            let mut chunk = &mut chunk[..len];
            if self.read_at(text.len(), chunk).is_err() {
                // The string may end before its memory does.
                chunk = &mut chunk[..1];
                self.read_at(text.len(), chunk)?;
            }
            if let Some(end) = chunk.iter().position(|&byte| byte == 0) {
                text.extend_from_slice(&chunk[..end]);
                return Ok(Some(text));
            }
            text.extend_from_slice(chunk);
        }
        Ok(None)
    }

    /// How many bytes of a string may be read at once from `offset` on: trusted
    /// memory is trusted up to the NUL only, and a page ends where a chunk does.
    fn chunk_at(&self, offset: usize) -> usize {
        match self.0 {
            In::Slice(_) => CHUNK,
            In::Trusted(..) => 1,
            In::Remote(addr, _) => CHUNK - (addr as usize).wrapping_add(offset) % CHUNK,
        }
    }
}

/// Bytes of a string that are read at once.
const CHUNK: usize = 64;

impl Default for UserIn<'_> {
    fn default() -> Self {
        UserIn::NULL
    }
}

impl<'a> From<&'a [u8]> for UserIn<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        UserIn::new(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for UserIn<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        UserIn::new(bytes)
    }
}

impl<'a> From<Option<&'a [u8]>> for UserIn<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(UserIn::NULL, UserIn::new)
    }
}

impl fmt::Debug for UserIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            In::Slice(bytes) => write!(f, "{} bytes", bytes.len()),
            In::Remote(addr, _) | In::Trusted(addr, ..) => write!(f, "{addr:#x}"),
        }
    }
}

enum Out<'a> {
    Slice(&'a mut [u8]),
    Trusted(u64, &'a dyn UserMem, TrustedMem),
    Remote(u64, &'a dyn UserMem),
}

/// Memory a command writes.
pub struct UserOut<'a>(Out<'a>);

impl<'a> UserOut<'a> {
    /// The null pointer.
    pub const fn null() -> Self {
        UserOut(Out::Remote(0, &NoMem))
    }

    /// A slice of the caller.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        UserOut(Out::Slice(bytes))
    }

    /// The address `addr` of `mem`.
    #[inline]
    pub fn remote(addr: u64, mem: &'a dyn UserMem) -> Self {
        match mem.trusted() {
            Some(trusted) => UserOut(Out::Trusted(addr, mem, trusted)),
            None => UserOut(Out::Remote(addr, mem)),
        }
    }

    /// Whether this is the null pointer.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self.0, Out::Remote(0, _) | Out::Trusted(0, ..))
    }

    /// The slice, if this is one.
    pub fn as_slice(&mut self) -> Option<&mut [u8]> {
        match &mut self.0 {
            Out::Slice(bytes) => Some(bytes),
            Out::Remote(..) | Out::Trusted(..) => None,
        }
    }

    /// The address and its memory, if this is not a slice.
    pub fn as_remote(&self) -> Option<(u64, &'a dyn UserMem)> {
        match &self.0 {
            Out::Slice(_) => None,
            Out::Remote(addr, mem) | Out::Trusted(addr, mem, _) => Some((*addr, *mem)),
        }
    }

    /// The address a system call is given.
    pub fn addr(&mut self) -> u64 {
        match &mut self.0 {
            Out::Slice(bytes) => bytes.as_mut_ptr().expose_provenance() as u64,
            Out::Remote(addr, _) | Out::Trusted(addr, ..) => *addr,
        }
    }

    /// Copies `from` to `offset`.
    #[inline]
    pub fn write_at(&mut self, offset: usize, from: &[u8]) -> Result<()> {
        match &mut self.0 {
            Out::Slice(bytes) => {
                let end = offset.checked_add(from.len()).ok_or(Errno::EFAULT)?;
                bytes
                    .get_mut(offset..end)
                    .ok_or(Errno::EFAULT)?
                    .copy_from_slice(from);
                Ok(())
            }
            Out::Trusted(addr, _, mem) => mem.write_short(addr.wrapping_add(offset as u64), from),
            Out::Remote(addr, mem) => mem.write(addr.wrapping_add(offset as u64), from),
        }
    }

    /// Copies `from` to the beginning.
    #[inline]
    pub fn write(&mut self, from: &[u8]) -> Result<()> {
        self.write_at(0, from)
    }

    /// Reads back what stands at `offset`: some commands read the memory they write to.
    #[inline]
    pub fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        match &self.0 {
            Out::Slice(bytes) => UserIn::new(bytes).read_at(offset, into),
            Out::Remote(addr, mem) | Out::Trusted(addr, mem, _) => {
                UserIn::remote(*addr, *mem).read_at(offset, into)
            }
        }
    }

    /// Lets `fill` write the first `len` bytes: in place if this is a slice, else
    /// in `scratch`, from where they are copied out when `fill` succeeds.
    #[inline]
    pub fn fill(
        &mut self,
        len: usize,
        scratch: &mut Scratch,
        fill: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<()> {
        match &mut self.0 {
            Out::Slice(bytes) if len <= bytes.len() => fill(&mut bytes[..len]),
            _ => {
                let buffer = scratch.buffer(len);
                fill(buffer)?;
                self.write(buffer)
            }
        }
    }
}

impl Default for UserOut<'_> {
    fn default() -> Self {
        UserOut::null()
    }
}

impl<'a> From<&'a mut [u8]> for UserOut<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        UserOut::new(bytes)
    }
}

impl<'a, const N: usize> From<&'a mut [u8; N]> for UserOut<'a> {
    fn from(bytes: &'a mut [u8; N]) -> Self {
        UserOut::new(bytes)
    }
}

impl fmt::Debug for UserOut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Out::Slice(bytes) => write!(f, "room for {} bytes", bytes.len()),
            Out::Remote(addr, _) | Out::Trusted(addr, ..) => write!(f, "{addr:#x}"),
        }
    }
}

/// Room for a key or a value on its way; small ones do not allocate.
pub struct Scratch {
    small: [u8; 64],
    large: Vec<u8>,
}

impl Scratch {
    /// Empty room.
    pub const fn new() -> Self {
        Scratch {
            small: [0; 64],
            large: Vec::new(),
        }
    }

    /// `len` bytes of room.
    #[inline]
    pub fn buffer(&mut self, len: usize) -> &mut [u8] {
        if len <= self.small.len() {
            &mut self.small[..len]
        } else {
            self.large.resize(len, 0);
            &mut self.large
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch::new()
    }
}

/// The memory of this process, trusted: an address that is not valid is
/// undefined behaviour, so making one is the caller's promise.
#[derive(Clone, Copy, Debug)]
pub struct TrustedMem(());

impl TrustedMem {
    /// # Safety
    ///
    /// For as long as this value or a copy of it is in use, whoever holds one
    /// (whom it is handed to as a [`UserMem`] included) uses it only with addresses
    /// that are null, or valid for the reads and writes made there: those in a raw
    /// attribute, and those in memory that one of them names. Nothing else writes to
    /// those bytes meanwhile, and no reference of Rust is upset by such a write.
    pub const unsafe fn new() -> Self {
        TrustedMem(())
    }

    /// For the tests of this crate, which name only memory of their own.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        TrustedMem(())
    }

    /// [`UserMem::read`], the usual lengths of keys and values without a call of memcpy.
    #[inline]
    fn read_short(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        match into.len() {
            4 => self.read(addr, &mut into[..4]),
            8 => self.read(addr, &mut into[..8]),
            16 => self.read(addr, &mut into[..16]),
            _ => self.read(addr, into),
        }
    }

    /// [`UserMem::write`], the usual lengths of keys and values without a call of memcpy.
    #[inline]
    fn write_short(&self, addr: u64, from: &[u8]) -> Result<()> {
        match from.len() {
            4 => self.write(addr, &from[..4]),
            8 => self.write(addr, &from[..8]),
            16 => self.write(addr, &from[..16]),
            _ => self.write(addr, from),
        }
    }
}

impl UserMem for TrustedMem {
    #[inline]
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        if into.is_empty() {
            return Ok(());
        }
        if addr == 0 {
            return Err(Errno::EFAULT);
        }
        let from = core::ptr::with_exposed_provenance::<u8>(addr as usize);
        // SAFETY: whoever made this `TrustedMem` promised that `addr` is valid for the read.
        unsafe { core::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
        Ok(())
    }

    #[inline]
    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        if from.is_empty() {
            return Ok(());
        }
        if addr == 0 {
            return Err(Errno::EFAULT);
        }
        let to = core::ptr::with_exposed_provenance_mut::<u8>(addr as usize);
        // SAFETY: whoever made this `TrustedMem` promised that `addr` is valid for the write.
        unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        Ok(())
    }

    #[inline]
    fn is_zero(&self, addr: u64, len: usize) -> Result<bool> {
        if len == 0 {
            return Ok(true);
        }
        if addr == 0 {
            return Err(Errno::EFAULT);
        }
        let from = core::ptr::with_exposed_provenance::<u8>(addr as usize);
        let words = len / 8;
        let mut all = 0;
        for index in 0..words {
            // SAFETY: whoever made this `TrustedMem` promised that the `len` bytes at
            // `addr` are valid for the read, and `index` is below `len / 8`.
            all |= unsafe { from.cast::<u64>().add(index).read_unaligned() };
        }
        for index in words * 8..len {
            // SAFETY: as above; `index` is below `len`.
            all |= u64::from(unsafe { from.add(index).read() });
        }
        Ok(all == 0)
    }

    fn own_process(&self) -> Option<OwnProcess> {
        // SAFETY: whoever made this `TrustedMem` promised more: that every address is valid.
        Some(unsafe { OwnProcess::new() })
    }

    #[inline]
    fn trusted(&self) -> Option<TrustedMem> {
        Some(*self)
    }
}

#[cfg(test)]
mod tests;
