//! What is known of an object, asked without trusting the addresses in the answer's room.
//!
//! The structure that OBJ_GET_INFO_BY_FD fills holds addresses itself, at which
//! the kernel writes instructions, ids, names. In a slice of Rust anybody could
//! have put any number there, so the kernel gets to see only null, or an address
//! where no memory is: it answers EFAULT where in C that pointer led nowhere. If
//! the structure lies in a memory of another kind ([`skep_abi::Space`]), what it
//! names is copied from there and back.
//!
//! Invariant: the kernel sees no address from a slice, nor from a memory that is
//! not this process's own.
//!
//! Answers to: bpf_obj_get_info_by_fd in kernel/bpf/syscall.c.

use super::own::Own;
use super::sys::{self, Pen};
use skep_abi::{BtfInfo, Errno, Fd, MapInfo, ObjGetInfoByFd, ProgInfo, Result, UserMem, UserOut};

/// The longest structure that Linux looks at: a page.
const MAX_INFO: usize = 4096;

/// The most that is copied for one address in the structure.
const MAX_NAMED: usize = 64 << 20;

/// `sizeof(struct bpf_link_info)`
const LINK_INFO_SIZE: usize = 64;

/// Carries OBJ_GET_INFO_BY_FD out.
pub(super) fn ask(cmd: &mut ObjGetInfoByFd<'_>) -> Result<()> {
    let fd = cmd.bpf_fd;
    let len = cmd.info_len as usize;
    if let Some(slice) = cmd.info.as_slice() {
        cmd.info_len = ask_guarded(fd, cmd.info_len, slice, None)?;
        return Ok(());
    }
    if let Some((addr, mem)) = cmd.info.as_remote()
        && mem.own_process().is_none()
        && len <= MAX_INFO
    {
        let mut bytes = vec![0; len];
        if mem.read(addr, &mut bytes).is_ok() {
            cmd.info_len = ask_guarded(fd, cmd.info_len, &mut bytes, Some(mem))?;
            return mem.write(addr, &bytes);
        }
    }
    sys::issue(cmd).map(|_| ())
}

/// Asks with `info` for the structure, in which no address is the kernel's to see.
/// Returns how long the structure is.
fn ask_guarded(fd: Fd, info_len: u32, info: &mut [u8], mem: Option<&dyn UserMem>) -> Result<u32> {
    // A descriptor of our own: nobody can put another object behind it meanwhile.
    let own = match sys::duplicate(fd) {
        Ok(own) => Some(own),
        Err(Errno::EBADF) => None,
        Err(errno) => return Err(errno),
    };
    let fd = own.as_ref().map_or(Fd(-1), Own::fd);
    let bound = info.len().min(info_len as usize);
    let mut replaced = Vec::new();
    for address in addresses(fd, info.len().min(MAX_INFO))? {
        replaced.extend(address.replace(info, bound, mem));
    }
    let mut asked = ObjGetInfoByFd {
        bpf_fd: fd,
        info_len,
        info: UserOut::new(&mut *info),
    };
    let answer = sys::issue(&mut asked).map(|_| asked.info_len);
    for address in &replaced {
        address.restore(info);
    }
    let info_len = answer?;
    if let Some(mem) = mem {
        replaced.iter().try_for_each(|address| address.give(mem))?;
    }
    Ok(info_len)
}

/// Where the structure holds an address, and of how much.
#[derive(Clone, Copy)]
struct Address {
    at: usize,
    /// Where it says how many there are.
    count_at: usize,
    /// Bytes of one.
    unit: Unit,
}

#[derive(Clone, Copy)]
enum Unit {
    Bytes(usize),
    /// As many bytes as the number at this place says.
    SizeAt(usize),
    /// Nobody knows: such an address is never followed.
    Unknown,
}

/// The 32-bit number at `at`, 0 where there is none.
fn word(info: &[u8], at: usize) -> usize {
    match info.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(&raw) => u32::from_ne_bytes(raw) as usize,
        None => 0,
    }
}

impl Address {
    const fn of(at: usize, count_at: usize, unit: usize) -> Address {
        let unit = Unit::Bytes(unit);
        Address { at, count_at, unit }
    }

    const fn of_records(at: usize, count_at: usize, size_at: usize) -> Address {
        let unit = Unit::SizeAt(size_at);
        Address { at, count_at, unit }
    }

    const fn unknown(at: usize) -> Address {
        let unit = Unit::Unknown;
        Address {
            at,
            count_at: 0,
            unit,
        }
    }

    /// How many bytes the caller has room for there.
    fn room(&self, info: &[u8]) -> Option<usize> {
        let unit = match self.unit {
            Unit::Bytes(bytes) => bytes,
            Unit::SizeAt(at) => word(info, at),
            Unit::Unknown => return None,
        };
        let room = word(info, self.count_at).checked_mul(unit)?;
        (room <= MAX_NAMED).then_some(room)
    }

    /// Replaces the address, unless it is null, by that of a copy of what it names, or
    /// by one where nothing is. One that the kernel would read only in part, `bound`
    /// being where it stops, becomes null: half of an address is another address.
    fn replace(
        &self,
        info: &mut [u8],
        bound: usize,
        mem: Option<&dyn UserMem>,
    ) -> Option<Replaced> {
        let end = info.len().min(self.at + 8);
        let original = info.get(self.at..end)?.to_vec();
        if original.iter().all(|&byte| byte == 0) {
            return None;
        }
        let copy = mem.and_then(|mem| self.copy(info, mem, &original));
        let instead = match &copy {
            _ if self.at + 8 > bound => vec![0; original.len()],
            Some(copy) => copy.local.to_ne_bytes().to_vec(),
            None => sys::NOWHERE.to_ne_bytes().to_vec(),
        };
        info.get_mut(self.at..end)?.copy_from_slice(&instead);
        Some(Replaced {
            at: self.at,
            original,
            instead,
            copy,
        })
    }

    /// A copy of what the address names, if it is all there.
    fn copy(&self, info: &[u8], mem: &dyn UserMem, original: &[u8]) -> Option<Copied> {
        let addr = u64::from_ne_bytes(*original.as_array()?);
        let mut bytes = vec![0; self.room(info)?];
        mem.read(addr, &mut bytes).ok()?;
        let mut pen = Pen::new(bytes.len()).ok()?;
        let local = pen.put(&bytes);
        Some(Copied {
            addr,
            len: bytes.len(),
            pen,
            local,
        })
    }
}

/// A copy of what lies at `addr`, at `local`.
struct Copied {
    addr: u64,
    len: usize,
    pen: Pen,
    local: u64,
}

/// An address that was replaced: where, what was there, what is there instead.
struct Replaced {
    at: usize,
    original: Vec<u8>,
    instead: Vec<u8>,
    copy: Option<Copied>,
}

impl Replaced {
    /// Puts the address back, unless the kernel wrote something else there.
    fn restore(&self, info: &mut [u8]) {
        if let Some(field) = info.get_mut(self.at..self.at + self.original.len())
            && *field == self.instead
        {
            field.copy_from_slice(&self.original);
        }
    }

    /// Brings what the kernel wrote to where the caller wants it.
    fn give(&self, mem: &dyn UserMem) -> Result<()> {
        let Some(copy) = &self.copy else {
            return Ok(());
        };
        let mut bytes = vec![0; copy.len];
        copy.pen.take(&mut bytes);
        mem.write(copy.addr, &bytes)
    }
}

const MAP_ADDRESSES: &[Address] = &[Address::of(88, 96, 1)];

const PROG_ADDRESSES: &[Address] = &[
    // jited_prog_insns, xlated_prog_insns, map_ids
    Address::of(24, 16, 1),
    Address::of(32, 20, 1),
    Address::of(56, 52, 4),
    // jited_ksyms, jited_func_lens
    Address::of(112, 104, 8),
    Address::of(120, 108, 4),
    // func_info, line_info, jited_line_info
    Address::of_records(136, 144, 132),
    Address::of_records(152, 148, 172),
    Address::of_records(160, 168, 176),
    // prog_tags
    Address::of(184, 180, 8),
];

// btf, name
const BTF_ADDRESSES: &[Address] = &[Address::of(0, 8, 1), Address::of(16, 24, 1)];

/// The addresses in the structure of the object behind `fd`. What lies past the
/// structure as it is known here, and all of one that is not known, is taken for
/// addresses word by word.
fn addresses(fd: Fd, len: usize) -> Result<Vec<Address>> {
    let kind = std::fs::read_link(format!("/proc/self/fd/{fd}"));
    let kind = kind.ok().and_then(|path| path.to_str().map(str::to_owned));
    let (mut known, size) = match kind.as_deref() {
        Some("anon_inode:bpf-map") => (MAP_ADDRESSES.to_vec(), MapInfo::SIZE),
        Some("anon_inode:bpf-prog") => (PROG_ADDRESSES.to_vec(), ProgInfo::SIZE),
        Some("anon_inode:btf") => (BTF_ADDRESSES.to_vec(), BtfInfo::SIZE),
        Some("anon_inode:bpf_link") => (link_addresses(fd)?, LINK_INFO_SIZE),
        _ => (Vec::new(), 0),
    };
    known.extend((size..len).step_by(8).map(Address::unknown));
    Ok(known)
}

/// The same for a link, whose structure depends on its type.
fn link_addresses(fd: Fd) -> Result<Vec<Address>> {
    let mut info = [0; LINK_INFO_SIZE];
    sys::issue(&mut ObjGetInfoByFd {
        bpf_fd: fd,
        info_len: info.len() as u32,
        info: UserOut::new(&mut info),
    })?;
    let unknown = |places: &[usize]| places.iter().copied().map(Address::unknown).collect();
    Ok(match info[0] {
        // raw_tracepoint, iter: a name
        1 | 4 => vec![Address::of(16, 24, 1)],
        // perf_event: a file's or a function's name, or a tracepoint's
        7 => vec![Address::of(24, 32, 1)],
        // kprobe_multi
        8 => unknown(&[16, 40]),
        // uprobe_multi
        12 => unknown(&[16, 24, 32, 40]),
        // tracing, cgroup, netns, xdp, struct_ops, netfilter, tcx, netkit, sockmap
        2 | 3 | 5 | 6 | 9 | 10 | 11 | 13 | 14 => Vec::new(),
        _ => (0..LINK_INFO_SIZE)
            .step_by(8)
            .map(Address::unknown)
            .collect(),
    })
}
