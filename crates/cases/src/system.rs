//! A system under test, and short words for what cases do with it.

use skep::abi::*;
use std::sync::Arc;

/// A named case.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name within its module.
    pub name: &'static str,
    /// Asserts what Linux answers.
    pub run: fn(&System),
    /// Whether no other case may run on Linux at the same time.
    pub alone: bool,
}

/// Which of the two a system is, with what only that one can do.
#[derive(Clone)]
pub enum Host {
    Engine(skep::Engine),
    Linux(skep::Kernel),
}

/// The engine or Linux, and what a case needs to know of it.
#[derive(Clone)]
pub struct System {
    /// What the case drives.
    pub bpf: Arc<dyn Bpf>,
    /// Its name, for messages.
    pub name: &'static str,
    /// Which it is. A case that asks says why.
    pub host: Host,
}

/// Cpus of the engines that cases run on: more than one, and few machines' number.
const ENGINE_CPUS: u32 = 3;
/// Memory of the engines that cases run on: what a small machine has.
const ENGINE_MEMORY: u64 = 4 << 30;

/// Attributes of a map to create; the default is a small hash.
#[derive(Clone, Copy, Debug)]
pub struct MapAttr {
    pub map_type: MapType,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub map_flags: u32,
}

/// A hash of four-byte keys and eight-byte values with room for four.
pub const HASH: MapAttr = MapAttr {
    map_type: MapType::HASH,
    key_size: 4,
    value_size: 8,
    max_entries: 4,
    map_flags: 0,
};

/// The same as a per-CPU hash.
pub const PERCPU_HASH: MapAttr = MapAttr {
    map_type: MapType::PERCPU_HASH,
    ..HASH
};
/// An array of four eight-byte values.
pub const ARRAY: MapAttr = MapAttr {
    map_type: MapType::ARRAY,
    ..HASH
};
/// The same per cpu.
pub const PERCPU_ARRAY: MapAttr = MapAttr {
    map_type: MapType::PERCPU_ARRAY,
    ..HASH
};

/// The four of them.
pub const FOUR: [MapAttr; 4] = [HASH, PERCPU_HASH, ARRAY, PERCPU_ARRAY];

/// Keeps a thread on one cpu until it is dropped.
pub struct Pinned(rustix::thread::CpuSet);

impl Drop for Pinned {
    fn drop(&mut self) {
        // The cpus it could run on before; nothing depends on them.
        let _ = rustix::thread::sched_setaffinity(None, &self.0);
    }
}

impl System {
    /// A new engine.
    pub fn engine() -> System {
        let engine = skep::Engine::builder()
            .cpus(ENGINE_CPUS)
            .memory_limit(ENGINE_MEMORY)
            .build();
        System {
            bpf: Arc::new(engine.clone()),
            name: "engine",
            host: Host::Engine(engine),
        }
    }

    /// The kernel.
    pub fn linux(kernel: &skep::Kernel) -> System {
        System {
            bpf: Arc::new(kernel.clone()),
            name: "linux",
            host: Host::Linux(kernel.clone()),
        }
    }

    /// The system called with bytes at addresses.
    pub fn raw(&self) -> crate::raw::Raw {
        crate::raw::Raw::new(&self.host)
    }

    /// Keeps this thread, and so the programs it runs on Linux, on one cpu.
    pub fn pin(&self) -> Pinned {
        let before = rustix::thread::sched_getaffinity(None).expect("the cpus of this thread");
        let cpu = (0..rustix::thread::CpuSet::MAX_CPU).find(|&cpu| before.is_set(cpu));
        let mut one = rustix::thread::CpuSet::new();
        one.set(cpu.expect("a cpu"));
        rustix::thread::sched_setaffinity(None, &one).expect("to stay on a cpu");
        Pinned(before)
    }

    /// Creates a map, or says why not.
    pub fn try_map(&self, attr: MapAttr) -> Result<OwnedFd> {
        let fd = self.bpf.map_create(&mut MapCreate {
            map_type: attr.map_type,
            key_size: attr.key_size,
            value_size: attr.value_size,
            max_entries: attr.max_entries,
            map_flags: attr.map_flags,
            ..Default::default()
        })?;
        Ok(self.own(fd))
    }

    /// Creates a map that must be created.
    #[track_caller]
    pub fn map(&self, attr: MapAttr) -> OwnedFd {
        match self.try_map(attr) {
            Ok(map) => map,
            Err(errno) => panic!("{}: {attr:?} is refused: {errno}", self.name),
        }
    }

    /// Takes charge of a descriptor.
    pub fn own(&self, fd: Fd) -> OwnedFd {
        OwnedFd::new(self.bpf.clone(), fd)
    }

    pub fn cpus(&self) -> usize {
        self.bpf.possible_cpus().expect("the number of cpus") as usize
    }

    /// `value` as user space gives it to a map of this type: once, or once a cpu.
    pub fn user_value(&self, attr: MapAttr, value: u64) -> Vec<u8> {
        let per_cpu = matches!(attr.map_type, MapType::PERCPU_HASH | MapType::PERCPU_ARRAY);
        let copies = if per_cpu { self.cpus() } else { 1 };
        value.to_ne_bytes().repeat(copies)
    }

    pub fn update(&self, map: &OwnedFd, key: u32, value: &[u8], flags: u64) -> Result<()> {
        self.bpf.map_update_elem(&mut MapUpdateElem {
            map: map.fd(),
            key: UserIn::new(&key.to_ne_bytes()),
            value: UserIn::new(value),
            flags,
        })
    }

    /// The value as user space sees it, `len` bytes.
    pub fn lookup(&self, map: &OwnedFd, key: u32, len: usize) -> Result<Vec<u8>> {
        let mut value = vec![0; len];
        self.bpf.map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            key: UserIn::new(&key.to_ne_bytes()),
            value: UserOut::new(&mut value),
            flags: 0,
        })?;
        Ok(value)
    }

    pub fn delete(&self, map: &OwnedFd, key: u32) -> Result<()> {
        self.bpf.map_delete_elem(&mut MapDeleteElem {
            map: map.fd(),
            key: UserIn::new(&key.to_ne_bytes()),
        })
    }

    pub fn next_key(&self, map: &OwnedFd, key: Option<u32>) -> Result<u32> {
        let key = key.map(u32::to_ne_bytes);
        let mut next = [0; 4];
        self.bpf.map_get_next_key(&mut MapGetNextKey {
            map: map.fd(),
            key: key.as_ref().map(|key| &key[..]).into(),
            next_key: UserOut::new(&mut next),
        })?;
        Ok(u32::from_ne_bytes(next))
    }

    /// Loads a program of these instructions, or says why not.
    pub fn try_prog(&self, prog_type: ProgType, insns: &[Insn]) -> Result<OwnedFd> {
        let bytes = Insn::encode_all(insns);
        let fd = self.bpf.prog_load(&mut ProgLoad {
            prog_type,
            insn_cnt: insns.len() as u32,
            insns: UserIn::new(&bytes),
            license: UserIn::new(b"GPL\0"),
            ..Default::default()
        })?;
        Ok(self.own(fd))
    }

    /// Loads a program that must load; on refusal shows the verifier's log.
    #[track_caller]
    pub fn prog(&self, prog_type: ProgType, insns: &[Insn]) -> OwnedFd {
        match self.try_prog(prog_type, insns) {
            Ok(prog) => prog,
            Err(errno) => {
                panic!(
                    "{}: {errno}\n{}",
                    self.name,
                    self.verifier_log(prog_type, insns)
                )
            }
        }
    }

    fn verifier_log(&self, prog_type: ProgType, insns: &[Insn]) -> String {
        let bytes = Insn::encode_all(insns);
        let mut log = vec![0; 1 << 16];
        let _ = self.bpf.prog_load(&mut ProgLoad {
            prog_type,
            insn_cnt: insns.len() as u32,
            insns: UserIn::new(&bytes),
            license: UserIn::new(b"GPL\0"),
            log_level: 1,
            log_size: log.len() as u32,
            log_buf: UserOut::new(&mut log),
            ..Default::default()
        });
        let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
        String::from_utf8_lossy(&log[..end]).into_owned()
    }

    /// Runs a program once on `data`; what it returned.
    pub fn run(&self, prog: &OwnedFd, data: &[u8]) -> Result<u32> {
        let mut cmd = ProgTestRun {
            prog: prog.fd(),
            data_size_in: data.len() as u32,
            data_in: UserIn::new(data),
            ..Default::default()
        };
        self.bpf.prog_test_run(&mut cmd)?;
        Ok(cmd.retval)
    }

    /// Runs a program once on `data`; what it returned and the packet afterwards.
    pub fn run_out(&self, prog: &OwnedFd, data: &[u8]) -> Result<(u32, Vec<u8>)> {
        let mut room = vec![0; data.len() + 4096];
        let (retval, len) = {
            let mut cmd = ProgTestRun {
                prog: prog.fd(),
                data_size_in: data.len() as u32,
                data_in: UserIn::new(data),
                data_size_out: room.len() as u32,
                data_out: UserOut::new(&mut room),
                ..Default::default()
            };
            self.bpf.prog_test_run(&mut cmd)?;
            (cmd.retval, cmd.data_size_out)
        };
        room.truncate(len as usize);
        Ok((retval, room))
    }

    /// Asserts that a program is refused with this errno when it is loaded.
    ///
    /// Here the systems differ: what only Linux's verifier sees before a run, the
    /// engine sees in the run, which ends with EACCES. A load that the engine refuses
    /// must be refused with Linux's errno.
    #[track_caller]
    pub fn refuse_program(&self, prog_type: ProgType, insns: &[Insn], errno: Errno) {
        match (self.try_prog(prog_type, insns), &self.host) {
            (Ok(prog), Host::Engine(_)) => {
                let answer = self.run(&prog, &[0; 64]);
                assert_eq!(answer, Err(Errno::EACCES), "{}: {insns:?} runs", self.name);
            }
            (answer, _) => {
                assert_eq!(answer.map(drop), Err(errno), "{}: {insns:?}", self.name);
            }
        }
    }
}
