//! What is known of an object, asked without trusting the addresses in the answer's room.
//!
//! The structure that OBJ_GET_INFO_BY_FD fills holds addresses itself, at which
//! the kernel writes instructions, ids, names. In a slice of Rust anybody could
//! have put any number there, so the kernel gets to see only null, or an address
//! where no memory is: it answers EFAULT where in C that pointer led nowhere.
//!
//! Invariant: the kernel sees no address from a slice.
//!
//! Answers to: bpf_obj_get_info_by_fd in kernel/bpf/syscall.c.

use super::sys;
use skep_abi::{BtfInfo, Errno, Fd, MapInfo, ObjGetInfoByFd, ProgInfo, Result, UserOut};
use std::os::fd::AsRawFd;

/// Carries OBJ_GET_INFO_BY_FD out.
pub(super) fn ask(cmd: &mut ObjGetInfoByFd<'_>) -> Result<()> {
    if cmd.info.as_slice().is_none() {
        return sys::issue(cmd).map(|_| ());
    }
    // A descriptor of our own: nobody can put another object behind it meanwhile.
    let own = match sys::duplicate(cmd.bpf_fd) {
        Ok(own) => Some(own),
        Err(Errno::EBADF) => None,
        Err(errno) => return Err(errno),
    };
    let fd = own.as_ref().map_or(Fd(-1), |own| Fd(own.as_raw_fd()));
    let Some(slice) = cmd.info.as_slice() else {
        return Err(Errno::EFAULT);
    };
    let bound = slice.len().min(cmd.info_len as usize);
    let hidden = hide(slice, bound, &pointers(fd, slice.len())?);
    let mut asked = ObjGetInfoByFd {
        bpf_fd: fd,
        info_len: cmd.info_len,
        info: UserOut::new(&mut *slice),
    };
    let answer = sys::issue(&mut asked);
    let info_len = asked.info_len;
    for field in hidden {
        field.restore(slice);
    }
    cmd.info_len = info_len;
    answer.map(|_| ())
}

/// An address that was replaced: where, what was there, what is there instead.
struct Hidden {
    at: usize,
    original: Vec<u8>,
    instead: Vec<u8>,
}

impl Hidden {
    /// Puts the address back, unless the kernel wrote something else there.
    fn restore(&self, info: &mut [u8]) {
        if let Some(field) = info.get_mut(self.at..self.at + self.original.len())
            && *field == self.instead
        {
            field.copy_from_slice(&self.original);
        }
    }
}

/// Replaces every address at `pointers` that is not null. One that the kernel would
/// read only in part, `bound` being where it stops, becomes null: half of an address
/// is another address.
fn hide(info: &mut [u8], bound: usize, pointers: &[usize]) -> Vec<Hidden> {
    let mut hidden = Vec::new();
    for &at in pointers {
        let end = info.len().min(at + 8);
        let Some(field) = info.get_mut(at..end) else {
            continue;
        };
        if field.iter().all(|&byte| byte == 0) {
            continue;
        }
        let instead = if at + 8 <= bound {
            sys::NOWHERE.to_ne_bytes().to_vec()
        } else {
            vec![0; field.len()]
        };
        hidden.push(Hidden {
            at,
            original: field.to_vec(),
            instead: instead.clone(),
        });
        field.copy_from_slice(&instead);
    }
    hidden
}

/// Where the structure of the object behind `fd` holds addresses. What lies past
/// the structure as it is known here, and all of one that is not known, is taken
/// for addresses word by word.
fn pointers(fd: Fd, len: usize) -> Result<Vec<usize>> {
    let kind = std::fs::read_link(format!("/proc/self/fd/{fd}"));
    let kind = kind.ok().and_then(|path| path.to_str().map(str::to_owned));
    let (mut known, size) = match kind.as_deref() {
        Some("anon_inode:bpf-map") => (vec![88], MapInfo::SIZE),
        Some("anon_inode:bpf-prog") => (
            vec![24, 32, 56, 112, 120, 136, 152, 160, 184],
            ProgInfo::SIZE,
        ),
        Some("anon_inode:btf") => (vec![0, 16], BtfInfo::SIZE),
        Some("anon_inode:bpf_link") => (link_pointers(fd)?, LINK_INFO_SIZE),
        _ => (Vec::new(), 0),
    };
    known.extend((size..len).step_by(8));
    Ok(known)
}

/// `sizeof(struct bpf_link_info)`
const LINK_INFO_SIZE: usize = 64;

/// The same for a link, whose structure depends on its type.
fn link_pointers(fd: Fd) -> Result<Vec<usize>> {
    let mut info = [0; LINK_INFO_SIZE];
    sys::issue(&mut ObjGetInfoByFd {
        bpf_fd: fd,
        info_len: info.len() as u32,
        info: UserOut::new(&mut info),
    })?;
    Ok(match info[0] {
        // raw_tracepoint, iter
        1 | 4 => vec![16],
        // perf_event
        7 => vec![24],
        // kprobe_multi
        8 => vec![16, 40],
        // uprobe_multi
        12 => vec![16, 24, 32, 40],
        // tracing, cgroup, netns, xdp, struct_ops, netfilter, tcx, netkit, sockmap
        2 | 3 | 5 | 6 | 9 | 10 | 11 | 13 | 14 => vec![],
        _ => (0..LINK_INFO_SIZE).step_by(8).collect(),
    })
}
