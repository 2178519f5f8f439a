//! The one place that issues bpf(2), and the memory it is given.
//!
//! The kernel reads and writes as much as a map's key or value takes, and the
//! caller's slices may be shorter. So a slice is copied into a *pen*: memory that
//! ends, to the byte, where a page begins that nobody may touch. The kernel itself
//! then answers EFAULT when a slice is too short, after the checks that come
//! before. The few large buffers whose length travels in the attribute and bounds
//! what the kernel touches ([`direct_len`]) are passed as they are.
//!
//! [`Elements`] does without pens: it asks the kernel for the map's measures once,
//! and checks each slice against them. What is too short goes the way of the pens.
//!
//! Invariants: an address in an attribute is null, inside a pen or at its guard
//! page, inside a slice at least as long as the kernel touches, or covered by the
//! promise of [`OwnProcess`]. A pen belongs to one call at a time. Two numbers the
//! kernel takes for addresses without being shown as such: what a link's details
//! name, and the entry of `fd_array` that an instruction asks for, which may lie
//! past the guard page. Both it only reads.
//!
//! Answers to: bpf(2), process_vm_readv(2).

use super::map::user_value_size;
use super::own::{self, Own};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use skep_abi::*;
use std::cell::RefCell;
use std::ffi::c_void;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};

/// Issues bpf(2).
///
/// # Safety
///
/// What the kernel reads and writes at the addresses in `attr`, by the rules of
/// `cmd`, is memory for it to read and write. `size` is at most the attribute's.
#[inline]
unsafe fn bpf(cmd: Cmd, attr: *mut c_void, size: usize) -> Result<i64> {
    // SAFETY: the caller's promise is what the system call asks for.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, cmd.0, attr, size) };
    if answer < 0 {
        Err(Errno::last_os_error())
    } else {
        Ok(answer)
    }
}

/// Closes a descriptor. EBADF if it is not open, or is one of [`own`].
pub(super) fn close(fd: Fd) -> Result<()> {
    own::close_with(fd, || {
        // SAFETY: close(2) touches no memory, and what relies on a number of this module's
        // keeps it from here. Of all others, whoever holds the number decides.
        if unsafe { libc::close(fd.0) } == 0 {
            return Ok(());
        }
        match Errno::last_os_error() {
            // Linux has closed it all the same.
            Errno::EINTR => Ok(()),
            errno => Err(errno),
        }
    })
}

fn page_size() -> usize {
    rustix::param::page_size()
}

/// Memory that ends at a page nobody may touch.
pub(super) struct Pen {
    start: NonNull<c_void>,
    /// Bytes before the guard page.
    room: usize,
}

/// A pen up to this size is kept for the next call of its thread.
const KEPT_ROOM: usize = 1 << 20;

impl Pen {
    pub(super) fn new(len: usize) -> Result<Pen> {
        let page = page_size();
        let room = len.max(1).checked_next_multiple_of(page);
        let room = room.ok_or(Errno::ENOMEM)?;
        let whole = room.checked_add(page).ok_or(Errno::ENOMEM)?;
        // SAFETY: a new private mapping wherever the kernel likes disturbs no other memory.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                whole,
                ProtFlags::empty(),
                MapFlags::PRIVATE,
            )
        };
        let start = NonNull::new(start.map_err(|_| Errno::ENOMEM)?).ok_or(Errno::ENOMEM)?;
        let pen = Pen { start, room };
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the first `room` bytes of the mapping just made.
        unsafe { rustix::mm::mprotect(start.as_ptr(), room, access) }.map_err(|_| Errno::ENOMEM)?;
        Ok(pen)
    }

    /// The last `len` bytes before the guard page; `len` is at most the room.
    fn tail(&self, len: usize) -> *mut u8 {
        assert!(len <= self.room, "{len} bytes in a pen of {}", self.room);
        // SAFETY: `room - len` is within the mapping, or at its guard page if `len` is 0.
        unsafe { self.start.as_ptr().cast::<u8>().add(self.room - len) }
    }

    /// Puts `bytes` before the guard page and returns their address.
    pub(super) fn put(&mut self, bytes: &[u8]) -> u64 {
        let to = self.tail(bytes.len());
        // SAFETY: `tail` is `bytes.len()` writable bytes of this pen, which no slice lies in.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        to.expose_provenance() as u64
    }

    /// Takes what is before the guard page now.
    pub(super) fn take(&self, bytes: &mut [u8]) {
        let from = self.tail(bytes.len());
        // SAFETY: `tail` is `bytes.len()` readable bytes of this pen; no call is under way.
        unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        // SAFETY: the mapping is this pen's alone, and nothing refers to it any more.
        // That it cannot fail, and what to do if it did, is the same: nothing.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.room + page_size()) };
    }
}

thread_local! {
    static PENS: RefCell<Vec<Pen>> = const { RefCell::new(Vec::new()) };
}

/// The pens of a call.
struct Pens {
    pens: Vec<Pen>,
    used: usize,
}

impl Pens {
    /// This thread's, or new ones if it has none to give.
    fn take() -> Pens {
        let pens = PENS.try_with(RefCell::take).unwrap_or_default();
        Pens { pens, used: 0 }
    }

    /// An address of `bytes` in a pen, and which.
    fn put(&mut self, bytes: &[u8]) -> Result<(u64, usize)> {
        let index = self.used;
        match self.pens.get(index) {
            Some(pen) if bytes.len() <= pen.room => {}
            Some(_) => self.pens[index] = Pen::new(bytes.len())?,
            None => self.pens.push(Pen::new(bytes.len())?),
        }
        self.used += 1;
        Ok((self.pens[index].put(bytes), index))
    }
}

impl Drop for Pens {
    fn drop(&mut self) {
        let mut pens = std::mem::take(&mut self.pens);
        pens.retain(|pen| pen.room <= KEPT_ROOM);
        // A thread that is ending has no place for them any more.
        let _ = PENS.try_with(|place| *place.borrow_mut() = pens);
    }
}

/// The most bytes the kernel touches of the buffer whose address is at `offset`,
/// where the attribute alone tells. All others go through pens; so does
/// `data_out` of no length, which Linux takes for one without end, and `ctx_in`,
/// which it writes to for programs of type syscall.
fn direct_len(cmd: Cmd, offset: usize, attr: &AttrBytes) -> Option<usize> {
    let word = |at: usize| {
        let mut raw = [0; 4];
        raw.copy_from_slice(&attr[at..at + 4]);
        u32::from_ne_bytes(raw) as usize
    };
    match (cmd, offset) {
        (Cmd::PROG_LOAD, 8) => word(4).checked_mul(Insn::SIZE),
        (Cmd::PROG_LOAD, 32) => Some(word(28)),
        (Cmd::BTF_LOAD, 0) => Some(word(16)),
        (Cmd::BTF_LOAD, 8) => Some(word(20)),
        (Cmd::PROG_TEST_RUN, 16) => Some(word(8)),
        (Cmd::PROG_TEST_RUN, 24) => Some(word(12)).filter(|&len| len > 0),
        _ => None,
    }
}

/// An address no process has memory at: every access is EFAULT.
pub(super) const NOWHERE: u64 = !0xfff;

/// Issues bpf(2) with an attribute and addresses that were all found to lie in
/// `pen`, or where no memory is.
pub(super) fn issue_in(_pen: &mut Pen, cmd: u32, addr: u64, size: u32) -> Result<i64> {
    let attr = ptr::with_exposed_provenance_mut(addr as usize);
    // SAFETY: the kernel goes upwards from an address and stops at the guard page, so
    // what it touches is the pen's, which is lent here and which no slice lies in. It
    // copies at most the attribute, whatever `size` is, and reads the rest.
    unsafe { bpf(Cmd(cmd), attr, size as usize) }
}

/// What an address of remote memory becomes.
fn remote(addr: u64, mem: &dyn UserMem) -> u64 {
    if addr == 0 || mem.own_process().is_some() {
        addr
    } else {
        NOWHERE
    }
}

/// Carries a command out.
///
/// What the buffer of OBJ_GET_INFO_BY_FD names in turn is not looked at here:
/// that command comes through [`super::info::ask`].
pub(super) fn issue<'a, C: Attr<'a>>(cmd: &mut C) -> Result<i64> {
    let mut attr = [0; ATTR_SIZE];
    cmd.encode(&mut attr);
    let mut pens = Pens::take();
    // Which pen each output lies in, by its offset in the attribute.
    let mut lent: Vec<(usize, usize)> = Vec::new();
    let mut placed = Ok(());
    cmd.pointers(&mut |offset, pointer| {
        let direct = direct_len(C::CMD, offset, &attr);
        match place(pointer, direct, &mut pens) {
            Ok((addr, pen)) => {
                attr[offset..offset + 8].copy_from_slice(&addr.to_ne_bytes());
                lent.extend(pen.map(|pen| (offset, pen)));
            }
            Err(errno) => placed = Err(errno),
        }
    });
    placed?;
    // SAFETY: `place` was shown every address in `attr`, and left only ones of which
    // the invariants above hold. `END` is at most the size of `attr`, which outlives the call.
    let answer = unsafe { bpf(C::CMD, attr.as_mut_ptr().cast(), C::END) };
    cmd.pointers(&mut |offset, pointer| {
        if let Pointer::Out(out) = pointer
            && let Some(&(_, pen)) = lent.iter().find(|(at, _)| *at == offset)
            && let (Some(slice), Some(pen)) = (out.as_slice(), pens.pens.get(pen))
        {
            pen.take(slice);
        }
    });
    cmd.absorb(&attr);
    answer
}

/// The address the kernel is given for a pointer of a command, and the pen that an
/// output must be taken from afterwards.
fn place(
    pointer: Pointer<'_, '_>,
    direct: Option<usize>,
    pens: &mut Pens,
) -> Result<(u64, Option<usize>)> {
    match pointer {
        Pointer::In(input) => match (input.as_slice(), input.as_remote()) {
            (Some(slice), _) if direct.is_some_and(|len| len <= slice.len()) => {
                Ok((input.addr(), None))
            }
            (Some(slice), _) => Ok((pens.put(slice)?.0, None)),
            (None, Some((addr, mem))) => Ok((remote(addr, mem), None)),
            (None, None) => Ok((0, None)),
        },
        Pointer::Out(out) => {
            if let Some((addr, mem)) = out.as_remote() {
                return Ok((remote(addr, mem), None));
            }
            match out.as_slice() {
                Some(slice) if direct.is_some_and(|len| len <= slice.len()) => {}
                Some(slice) => {
                    // The kernel may read it first, and need not write all of it.
                    let (addr, pen) = pens.put(slice)?;
                    return Ok((addr, Some(pen)));
                }
                None => return Ok((0, None)),
            }
            Ok((out.addr(), None))
        }
    }
}

/// Another descriptor of what `fd` is one of, closed on exec and by nobody else.
pub(super) fn duplicate(fd: Fd) -> Result<Own> {
    Own::open(|| {
        // SAFETY: fcntl(2) touches no memory with this command.
        let new = unsafe { libc::fcntl(fd.0, libc::F_DUPFD_CLOEXEC, 0) };
        if new < 0 {
            return Err(Errno::last_os_error());
        }
        // SAFETY: the kernel has just opened `new`, and nobody else knows of it.
        Ok(unsafe { OwnedFd::from_raw_fd(new) })
    })
}

/// A map's elements: the bare system call, each slice checked first.
pub(super) struct Elements {
    map: Own,
    shape: MapShape,
}

/// The part of the attribute that the commands on one element use.
#[repr(C)]
struct ElementAttr {
    map: i32,
    padding: u32,
    key: *const u8,
    value: *mut u8,
    flags: u64,
}

impl Elements {
    /// The map behind `fd`, on a machine of `cpus` possible cpus.
    pub(super) fn open(fd: Fd, cpus: u32) -> Result<Elements> {
        let map = duplicate(fd)?;
        let own = map.fd();
        // A batch of nothing does nothing. Only what is no map answers EINVAL to it.
        let mut nothing = MapLookupBatch {
            map: own,
            ..MapLookupBatch::default()
        };
        match issue(&mut nothing) {
            Err(Errno::EINVAL) => return Err(Errno::EINVAL),
            Err(Errno::EBADF) => return Err(Errno::EBADF),
            _ => {}
        }
        let mut bytes = [0; MapInfo::SIZE];
        issue(&mut ObjGetInfoByFd {
            bpf_fd: own,
            info_len: MapInfo::SIZE as u32,
            info: UserOut::new(&mut bytes),
        })?;
        let info = MapInfo::from_bytes(&bytes);
        let shape = MapShape {
            map_type: info.map_type,
            key_size: info.key_size,
            value_size: info.value_size,
            max_entries: info.max_entries,
            map_flags: info.map_flags,
            user_value_size: user_value_size(info.map_type, info.value_size, cpus)?,
        };
        Ok(Elements { map, shape })
    }

    pub(super) fn shape(&self) -> &MapShape {
        &self.shape
    }

    /// The key's address; null for a map without keys, `None` if it is too short.
    #[inline]
    fn key(&self, key: &[u8]) -> Option<*const u8> {
        match self.shape.key_size as usize {
            0 => Some(ptr::null()),
            size if size <= key.len() => Some(key.as_ptr()),
            _ => None,
        }
    }

    #[inline]
    fn is_value(&self, value: &[u8]) -> bool {
        self.shape.user_value_size <= value.len()
    }

    /// Issues `cmd`, whose last field ends at `size`.
    ///
    /// # Safety
    ///
    /// `key` is null or has a key's bytes to read. `value` has as many bytes as the
    /// command takes or gives, to read or to write.
    #[inline]
    unsafe fn element(
        &self,
        cmd: Cmd,
        size: usize,
        key: *const u8,
        value: *mut u8,
        flags: u64,
    ) -> Result<()> {
        let mut attr = ElementAttr {
            map: self.map.fd().0,
            padding: 0,
            key,
            value,
            flags,
        };
        debug_assert!(size <= size_of::<ElementAttr>());
        // SAFETY: the caller's promise; `attr` is laid out as these commands have it.
        unsafe { bpf(cmd, (&raw mut attr).cast(), size) }.map(|_| ())
    }

    #[inline]
    pub(super) fn lookup(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        let (Some(from), true) = (self.key(key), self.is_value(value)) else {
            return short(&mut MapLookupElem {
                map: self.map.fd(),
                key: key.into(),
                value: value.into(),
                flags,
            });
        };
        let (cmd, end, value) = (Cmd::MAP_LOOKUP_ELEM, MapLookupElem::END, value.as_mut_ptr());
        // SAFETY: both slices were found long enough for this map.
        unsafe { self.element(cmd, end, from, value, flags) }
    }

    #[inline]
    pub(super) fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        let (Some(at), true) = (self.key(key), self.is_value(value)) else {
            return short(&mut MapUpdateElem {
                map: self.map.fd(),
                key: key.into(),
                value: value.into(),
                flags,
            });
        };
        let (cmd, end) = (Cmd::MAP_UPDATE_ELEM, MapUpdateElem::END);
        let value = value.as_ptr().cast_mut();
        // SAFETY: both slices were found long enough for this map; the value is only read.
        unsafe { self.element(cmd, end, at, value, flags) }
    }

    #[inline]
    pub(super) fn delete(&self, key: &[u8]) -> Result<()> {
        let Some(at) = self.key(key) else {
            return short(&mut MapDeleteElem {
                map: self.map.fd(),
                key: key.into(),
            });
        };
        let (cmd, end) = (Cmd::MAP_DELETE_ELEM, MapDeleteElem::END);
        // SAFETY: the key was found long enough; the command takes no value.
        unsafe { self.element(cmd, end, at, ptr::null_mut(), 0) }
    }

    #[inline]
    pub(super) fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<()> {
        let from = key.map_or(Some(ptr::null()), |key| self.key(key));
        let room = next.len() >= self.shape.key_size as usize;
        let (Some(from), true) = (from, room) else {
            return short(&mut MapGetNextKey {
                map: self.map.fd(),
                key: key.into(),
                next_key: next.into(),
            });
        };
        let (cmd, end, next) = (Cmd::MAP_GET_NEXT_KEY, MapGetNextKey::END, next.as_mut_ptr());
        // SAFETY: `from` is null or long enough, and so is `next`, where a key is written.
        unsafe { self.element(cmd, end, from, next, 0) }
    }

    #[inline]
    pub(super) fn lookup_and_delete(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        let (Some(from), true) = (self.key(key), self.is_value(value)) else {
            return short(&mut MapLookupAndDeleteElem {
                map: self.map.fd(),
                key: key.into(),
                value: value.into(),
                flags,
            });
        };
        let (cmd, end) = (Cmd::MAP_LOOKUP_AND_DELETE_ELEM, MapLookupAndDeleteElem::END);
        // SAFETY: both slices were found long enough for this map.
        unsafe { self.element(cmd, end, from, value.as_mut_ptr(), flags) }
    }
}

/// A command with a slice that is too short: the kernel finds that out itself, after
/// what it looks at before.
#[cold]
fn short<'a>(cmd: &mut impl Attr<'a>) -> Result<()> {
    issue(cmd).map(|_| ())
}

/// The memory of this process, each access checked by the kernel: what is not
/// mapped, or not to be written, answers EFAULT. For callers in C whose addresses
/// may be wrong; [`TrustedMem`] is faster.
#[derive(Clone, Copy, Debug)]
pub struct CheckedMem(OwnProcess);

impl CheckedMem {
    /// # Safety
    ///
    /// As of [`OwnProcess::new`]: what is mapped at the addresses used is the caller's.
    pub const unsafe fn new() -> Self {
        // SAFETY: the caller promises the same.
        CheckedMem(unsafe { OwnProcess::new() })
    }

    /// Moves `len` bytes between `local` and `addr` by `vm`, which is one of the two calls below.
    fn transfer(
        local: *mut u8,
        addr: u64,
        len: usize,
        vm: impl FnOnce(libc::pid_t, *const libc::iovec, *const libc::iovec) -> isize,
    ) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let here = libc::iovec {
            iov_base: local.cast(),
            iov_len: len,
        };
        let there = libc::iovec {
            iov_base: ptr::with_exposed_provenance_mut(addr as usize),
            iov_len: len,
        };
        let pid = std::process::id() as libc::pid_t;
        // Anything but all of it means that some of it is not there.
        if usize::try_from(vm(pid, &raw const here, &raw const there)) == Ok(len) {
            Ok(())
        } else {
            Err(Errno::EFAULT)
        }
    }
}

impl UserMem for CheckedMem {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        Self::transfer(into.as_mut_ptr(), addr, into.len(), |pid, here, there| {
            // SAFETY: `here` is the slice to be filled; the kernel checks `there`.
            unsafe { libc::process_vm_readv(pid, here, 1, there, 1, 0) }
        })
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        let local = from.as_ptr().cast_mut();
        Self::transfer(local, addr, from.len(), |pid, here, there| {
            // SAFETY: `here` is only read; `there` is the caller's by the promise of `new`.
            unsafe { libc::process_vm_writev(pid, here, 1, there, 1, 0) }
        })
    }

    fn own_process(&self) -> Option<OwnProcess> {
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked() -> CheckedMem {
        // SAFETY: these tests name their own arrays and what is mapped nowhere.
        unsafe { CheckedMem::new() }
    }

    #[test]
    fn checked_memory_is_reached_and_what_is_not_there_is_efault() {
        let mem = checked();
        let mut pen = Pen::new(100).unwrap();
        let addr = pen.put(&[1, 2, 3, 4]);
        let mut bytes = [0; 4];
        assert_eq!(mem.read(addr, &mut bytes), Ok(()));
        assert_eq!(bytes, [1, 2, 3, 4]);
        assert_eq!(mem.write(addr, &[5, 6, 7, 8]), Ok(()));
        pen.take(&mut bytes);
        assert_eq!(bytes, [5, 6, 7, 8]);
        assert_eq!(mem.read(addr + 1, &mut bytes), Err(Errno::EFAULT));
        assert_eq!(mem.write(addr + 1, &bytes), Err(Errno::EFAULT));
        for nowhere in [0, 8, NOWHERE, 1 << 63, u64::MAX] {
            assert_eq!(mem.read(nowhere, &mut bytes), Err(Errno::EFAULT));
            assert_eq!(mem.write(nowhere, &bytes), Err(Errno::EFAULT));
        }
        assert_eq!(mem.read(8, &mut []), Ok(()));
        assert!(mem.own_process().is_some());
    }

    #[test]
    fn a_call_through_checked_memory_reaches_the_kernel() {
        let kernel = match crate::kernel::Kernel::new() {
            Ok(kernel) => kernel,
            Err(reason) => return println!("skipped: {reason}"),
        };
        let mem = checked();
        let mut attr = [0; ATTR_SIZE];
        let mut create = MapCreate {
            map_type: MapType::ARRAY,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            ..MapCreate::default()
        };
        create.encode(&mut attr);
        let mut pen = Pen::new(4096).unwrap();
        let addr = pen.put(&attr);
        let fd = call(&kernel, &mem, 0, addr, ATTR_SIZE as u32).unwrap();
        let fd = Fd(fd as i32);
        let mut values = Pen::new(16).unwrap();
        let key = values.put(&[0; 4]);
        let mut lookup = MapLookupElem {
            map: fd,
            key: UserIn::remote(key, &mem),
            ..MapLookupElem::default()
        };
        attr = [0; ATTR_SIZE];
        lookup.encode(&mut attr);
        let addr = pen.put(&attr);
        // The key is there, the value is null.
        assert_eq!(call(&kernel, &mem, 1, addr, 32), Err(Errno::EFAULT));
        lookup.value = UserOut::remote(key - 4, &mem);
        lookup.encode(&mut attr);
        let addr = pen.put(&attr);
        assert_eq!(call(&kernel, &mem, 1, addr, 32), Ok(0));
        close(fd).unwrap();
    }

    /// The attribute's rules of [`call`] against the kernel's: every command, every
    /// length, a byte that is not zero at every place.
    #[test]
    fn attributes_are_judged_as_the_kernel_judges_them() {
        let kernel = match crate::kernel::Kernel::new() {
            Ok(kernel) => kernel,
            Err(reason) => return println!("skipped: {reason}"),
        };
        let mem = checked();
        let mut pen = Pen::new(8192).unwrap();
        let mut same = |cmd: u32, bytes: &[u8], size: usize| {
            let addr = pen.put(bytes);
            // SAFETY: the attribute lies before a guard page, and names no memory but
            // the address 1 and its like, where there is none.
            let raw = unsafe {
                bpf(
                    Cmd(cmd),
                    ptr::with_exposed_provenance_mut(addr as usize),
                    size,
                )
            };
            let addr = pen.put(bytes);
            let ours = call(&kernel, &mem, cmd, addr, size as u32);
            for opened in [raw, ours].into_iter().flatten().filter(|&fd| fd > 2) {
                close(Fd(opened as i32)).unwrap();
            }
            let given = bytes.len();
            assert_eq!(
                ours.map(|_| ()),
                raw.map(|_| ()),
                "{} {given} {size}",
                Cmd(cmd)
            );
        };
        for cmd in 0..40 {
            // No descriptor, and no id that another process may have just now.
            let base = |len: usize| {
                let mut bytes = vec![0; len];
                bytes.iter_mut().take(4).for_each(|byte| *byte = 0xff);
                bytes
            };
            for size in [
                4, 8, 12, 15, 16, 20, 40, 56, 76, 167, 168, 169, 200, 4096, 4097,
            ] {
                same(cmd, &base(size), size);
                same(cmd, &base(size), size + 1);
            }
            same(cmd, &base(168), 4097);
            for at in 4..200 {
                let mut bytes = base(200);
                bytes[at] = 1;
                same(cmd, &bytes, 200);
                same(cmd, &bytes[..168], 168);
            }
        }
    }

    #[test]
    fn a_pen_ends_where_its_contents_do() {
        for len in [0, 1, 7, 4095, 4096, 4097] {
            let mut pen = Pen::new(len).unwrap();
            let bytes = vec![3; len];
            let end = pen.put(&bytes) + len as u64;
            assert_eq!(end % page_size() as u64, 0);
            assert_eq!(checked().read(end, &mut [0]), Err(Errno::EFAULT));
        }
    }
}
