//! The real kernel: the waist over the system call.
//!
//! [`Kernel`] answers every command by bpf(2) itself. A command made of slices is
//! safe to call, however short they are: what the kernel would reach past a
//! slice's end answers EFAULT, as it does in C where memory ends. A command made
//! of addresses is passed on as it is if its memory is this process's own
//! ([`skep_abi::OwnProcess`]). Memory of any other kind the kernel cannot reach: a
//! non-null address of it answers EFAULT, but for the information of an object
//! ([`ObjGetInfoByFd`]), which is copied there and back with all it names. In a
//! slice that information can name no memory: its own addresses answer EFAULT.
//!
//! Descriptors are the process's own file descriptors, and `close` closes whichever
//! it is given, but for those by which resolved maps are reached.
//!
//! Answers to: bpf(2).

mod arena;
mod info;
mod map;
mod own;
mod sys;

use skep_abi::*;
use std::sync::Arc;
use thiserror::Error;

pub use arena::Arena;
pub use sys::CheckedMem;

/// Linux's bpf(2).
#[derive(Clone, Debug)]
pub struct Kernel {
    cpus: u32,
}

/// Why the kernel cannot be used.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// The system has no such system call.
    #[error("this system has no bpf(2): it is not Linux, or its kernel was built without BPF")]
    Missing,
    /// The system call answers EPERM.
    #[error(
        "bpf(2) is not permitted here: it takes root or CAP_BPF, and a container's seccomp \
         profile may forbid it even then"
    )]
    NotPermitted,
    /// The system call answers something else to the smallest of maps.
    #[error("bpf(2) does not make a map of one element: {0}")]
    Broken(Errno),
    /// The number of possible cpus is not known, and so not the size of a per-CPU value.
    #[error("cannot tell how many cpus the kernel may have from {CPUS_FILE}: {0}")]
    Cpus(String),
}

/// Where the kernel says which cpus it may ever have.
const CPUS_FILE: &str = "/sys/devices/system/cpu/possible";

impl Kernel {
    /// The kernel this process runs on, if it lets this process make maps.
    pub fn new() -> Result<Kernel, Unavailable> {
        let kernel = Kernel {
            cpus: possible_cpus()?,
        };
        kernel.try_a_map()?;
        Ok(kernel)
    }

    /// Makes the smallest of per-CPU maps and reads its element. The kernel itself
    /// says so if that takes more room than the cpus counted need.
    fn try_a_map(&self) -> Result<(), Unavailable> {
        let mut smallest = MapCreate {
            map_type: MapType::PERCPU_ARRAY,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            ..MapCreate::default()
        };
        let map = self
            .map_create(&mut smallest)
            .map_err(|errno| match errno {
                Errno::ENOSYS => Unavailable::Missing,
                Errno::EPERM => Unavailable::NotPermitted,
                errno => Unavailable::Broken(errno),
            })?;
        let mut value = vec![0; self.cpus as usize * 8];
        let read = self.map_lookup_elem(&mut MapLookupElem {
            map,
            key: UserIn::new(&[0; 4]),
            value: UserOut::new(&mut value),
            flags: 0,
        });
        self.close(map).map_err(Unavailable::Broken)?;
        read.map_err(|errno| match errno {
            Errno::EFAULT => Unavailable::Cpus(format!("there are more than {}", self.cpus)),
            errno => Unavailable::Broken(errno),
        })
    }
}

fn possible_cpus() -> Result<u32, Unavailable> {
    let text = std::fs::read_to_string(CPUS_FILE).map_err(|e| Unavailable::Cpus(e.to_string()))?;
    count_cpus(text.trim())
        .ok_or_else(|| Unavailable::Cpus(format!("\"{}\" is no list of cpus", text.trim())))
}

/// How many cpus a list such as `0-3,8` names.
fn count_cpus(list: &str) -> Option<u32> {
    let mut count = 0u32;
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let first: u32 = first.parse().ok()?;
        let last: u32 = last.parse().ok()?;
        let cpus = last.checked_sub(first)?.checked_add(1)?;
        count = count.checked_add(cpus)?;
    }
    Some(count)
}

/// A descriptor, as commands that open one return it.
fn descriptor(answer: i64) -> Result<Fd> {
    i32::try_from(answer).map(Fd).map_err(|_| Errno::EIO)
}

macro_rules! commands {
    ($($method:ident($type:ty) -> $out:ty, |$answer:pat_param| $result:expr;)*) => {
        impl Bpf for Kernel {
            fn close(&self, fd: Fd) -> Result<()> {
                sys::close(fd)
            }

            fn resolve(&self, map: Fd) -> Result<MapRef> {
                Ok(Arc::new(map::KernelMap::open(map, self.cpus)?))
            }

            fn possible_cpus(&self) -> Result<u32> {
                Ok(self.cpus)
            }

            fn obj_get_info_by_fd(&self, cmd: &mut ObjGetInfoByFd<'_>) -> Result<()> {
                info::ask(cmd)
            }

            $(
                fn $method(&self, cmd: &mut $type) -> Result<$out> {
                    let $answer = sys::issue(cmd)?;
                    $result
                }
            )*
        }
    };
}

commands! {
    map_create(MapCreate<'_>) -> Fd, |answer| descriptor(answer);
    map_lookup_elem(MapLookupElem<'_>) -> (), |_| Ok(());
    map_update_elem(MapUpdateElem<'_>) -> (), |_| Ok(());
    map_delete_elem(MapDeleteElem<'_>) -> (), |_| Ok(());
    map_get_next_key(MapGetNextKey<'_>) -> (), |_| Ok(());
    map_lookup_and_delete_elem(MapLookupAndDeleteElem<'_>) -> (), |_| Ok(());
    map_freeze(MapFreeze) -> (), |_| Ok(());
    map_lookup_batch(MapLookupBatch<'_>) -> (), |_| Ok(());
    map_lookup_and_delete_batch(MapLookupAndDeleteBatch<'_>) -> (), |_| Ok(());
    map_update_batch(MapUpdateBatch<'_>) -> (), |_| Ok(());
    map_delete_batch(MapDeleteBatch<'_>) -> (), |_| Ok(());
    prog_load(ProgLoad<'_>) -> Fd, |answer| descriptor(answer);
    obj_pin(ObjPin<'_>) -> (), |_| Ok(());
    obj_get(ObjGet<'_>) -> Fd, |answer| descriptor(answer);
    prog_attach(ProgAttach) -> (), |_| Ok(());
    prog_detach(ProgDetach) -> (), |_| Ok(());
    prog_test_run(ProgTestRun<'_>) -> (), |_| Ok(());
    prog_get_next_id(ProgGetNextId) -> (), |_| Ok(());
    map_get_next_id(MapGetNextId) -> (), |_| Ok(());
    btf_get_next_id(BtfGetNextId) -> (), |_| Ok(());
    link_get_next_id(LinkGetNextId) -> (), |_| Ok(());
    prog_get_fd_by_id(ProgGetFdById) -> Fd, |answer| descriptor(answer);
    map_get_fd_by_id(MapGetFdById) -> Fd, |answer| descriptor(answer);
    btf_get_fd_by_id(BtfGetFdById) -> Fd, |answer| descriptor(answer);
    link_get_fd_by_id(LinkGetFdById) -> Fd, |answer| descriptor(answer);
    prog_query(ProgQuery<'_>) -> (), |_| Ok(());
    raw_tracepoint_open(RawTracepointOpen<'_>) -> Fd, |answer| descriptor(answer);
    btf_load(BtfLoad<'_>) -> Fd, |answer| descriptor(answer);
    task_fd_query(TaskFdQuery<'_>) -> (), |_| Ok(());
    link_create(LinkCreate) -> Fd, |answer| descriptor(answer);
    link_update(LinkUpdate) -> (), |_| Ok(());
    link_detach(LinkDetach) -> (), |_| Ok(());
    enable_stats(EnableStats) -> Fd, |answer| descriptor(answer);
    iter_create(IterCreate) -> Fd, |answer| descriptor(answer);
    prog_bind_map(ProgBindMap) -> (), |_| Ok(());
    token_create(TokenCreate) -> Fd, |answer| descriptor(answer);
    prog_stream_read_by_fd(ProgStreamRead<'_>) -> u32,
        |answer| u32::try_from(answer).map_err(|_| Errno::EIO);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_cpus_are_noticed() {
        let kernel = match Kernel::new() {
            Ok(kernel) => kernel,
            Err(reason) => return println!("skipped: {reason}"),
        };
        let fewer = Kernel {
            cpus: kernel.cpus - 1,
        };
        let answer = fewer.try_a_map();
        assert!(matches!(answer, Err(Unavailable::Cpus(_))), "{answer:?}");
    }

    #[test]
    fn lists_of_cpus_are_counted() {
        assert_eq!(count_cpus("0"), Some(1));
        assert_eq!(count_cpus("0-1"), Some(2));
        assert_eq!(count_cpus("0-3,8,10-11"), Some(7));
        for wrong in ["", "a", "3-1", "0-", "-", "0,,1", "0-4294967295"] {
            assert_eq!(count_cpus(wrong), None, "{wrong:?}");
        }
    }
}
