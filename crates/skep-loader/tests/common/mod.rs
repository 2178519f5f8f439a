//! A system that records what it is asked and keeps maps in ordered trees, and
//! the objects that tests read.

#![allow(dead_code)]

pub mod patch;

use skep_abi::{
    Bpf, BtfLoad, Errno, Fd, MapCreate, MapFreeze, MapOps, MapRef, MapShape, MapType,
    MapUpdateElem, ProgLoad, Result, UserIn,
};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// The bytes of an object of `testdata/bpf`.
pub fn object(name: &str) -> Vec<u8> {
    let path = objects_dir().join(format!("{name}.bpf.o"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Where the objects are.
pub fn objects_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/bpf")
}

/// One map of the fake system.
pub struct FakeMap {
    shape: MapShape,
    elements: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl FakeMap {
    /// A map of these measures; arrays begin with every index.
    pub fn new(map_type: MapType, key: u32, value: u32, max_entries: u32, cpus: usize) -> FakeMap {
        let per_cpu = map_type == MapType::PERCPU_ARRAY || map_type == MapType::PERCPU_HASH;
        let size = value as usize;
        let user_value_size = match per_cpu {
            true => size.next_multiple_of(8) * cpus,
            false => size,
        };
        let is_array = map_type == MapType::ARRAY || map_type == MapType::PERCPU_ARRAY;
        let indices = 0..if is_array { max_entries } else { 0 };
        let elements = indices.map(|i| (i.to_ne_bytes().to_vec(), vec![0; user_value_size]));
        FakeMap {
            shape: MapShape {
                map_type,
                key_size: key,
                value_size: value,
                max_entries,
                map_flags: 0,
                user_value_size,
            },
            elements: Mutex::new(elements.collect()),
        }
    }
}

impl MapOps for FakeMap {
    fn shape(&self) -> &MapShape {
        &self.shape
    }

    fn lookup(&self, key: &[u8], value: &mut [u8], _flags: u64) -> Result<()> {
        let elements = self.elements.lock().unwrap();
        value.copy_from_slice(elements.get(key).ok_or(Errno::ENOENT)?);
        Ok(())
    }

    fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        let mut elements = self.elements.lock().unwrap();
        match (elements.contains_key(key), flags) {
            (true, 1) => return Err(Errno::EEXIST),
            (false, 2) => return Err(Errno::ENOENT),
            _ => {}
        }
        assert_eq!(value.len(), self.shape.user_value_size);
        elements.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<()> {
        let mut elements = self.elements.lock().unwrap();
        elements.remove(key).map(drop).ok_or(Errno::ENOENT)
    }

    fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<()> {
        let elements = self.elements.lock().unwrap();
        // As on Linux: after a key that is gone the walk begins again.
        let after = key.filter(|key| elements.contains_key(*key));
        let mut keys = elements.keys();
        let found = match after {
            Some(after) => keys.find(|key| key.as_slice() > after),
            None => keys.next(),
        };
        next.copy_from_slice(found.ok_or(Errno::ENOENT)?);
        Ok(())
    }

    fn lookup_and_delete(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        self.lookup(key, value, flags)?;
        self.delete(key)
    }
}

/// What the system was asked and what it is told to answer.
#[derive(Default)]
pub struct State {
    /// The commands in order, in words.
    pub commands: Vec<String>,
    /// The instructions of each program, by name.
    pub programs: BTreeMap<String, Vec<u8>>,
    /// The first contents of maps, by descriptor.
    pub contents: HashMap<i32, Vec<u8>>,
    /// Descriptors that are open.
    pub open: Vec<i32>,
    /// What BTF_LOAD answers instead.
    pub refuse_btf: Option<Errno>,
    /// What MAP_CREATE with types answers instead.
    pub refuse_types: Option<Errno>,
    /// What PROG_LOAD answers instead, and the log it writes.
    pub refuse_programs: Option<(Errno, String)>,
    maps: HashMap<i32, Arc<FakeMap>>,
    last: i32,
}

/// The system.
#[derive(Default)]
pub struct Fake(Mutex<State>);

impl Fake {
    /// Its state.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn open(state: &mut State) -> Fd {
        state.last += 1;
        let fd = 100 + state.last;
        state.open.push(fd);
        Fd(fd)
    }
}

fn bytes(memory: &UserIn<'_>, len: u32) -> Vec<u8> {
    memory.to_vec(len as usize).unwrap()
}

impl Bpf for Fake {
    fn close(&self, fd: Fd) -> Result<()> {
        let mut state = self.state();
        let at = state.open.iter().position(|&open| open == fd.0);
        state.open.remove(at.ok_or(Errno::EBADF)?);
        Ok(())
    }

    fn resolve(&self, fd: Fd) -> Result<MapRef> {
        let map = self.state().maps.get(&fd.0).cloned();
        map.map(|map| map as MapRef).ok_or(Errno::EBADF)
    }

    fn possible_cpus(&self) -> Result<u32> {
        Ok(3)
    }

    fn btf_load(&self, cmd: &mut BtfLoad<'_>) -> Result<Fd> {
        let mut state = self.state();
        let data = bytes(&cmd.btf, cmd.btf_size);
        // It must be what Linux takes, not only what compilers write.
        skep_btf::Btf::load(&data).unwrap_or_else(|e| panic!("Linux would refuse the BTF: {e}"));
        state.commands.push("btf_load".to_owned());
        match state.refuse_btf {
            Some(errno) => Err(errno),
            None => Ok(Fake::open(&mut state)),
        }
    }

    fn map_create(&self, cmd: &mut MapCreate<'_>) -> Result<Fd> {
        let mut state = self.state();
        state.commands.push(format!(
            "map_create {} {} {}/{}/{} flags {:#x} btf {} {}/{}",
            cmd.map_name,
            cmd.map_type,
            cmd.key_size,
            cmd.value_size,
            cmd.max_entries,
            cmd.map_flags,
            cmd.btf_fd,
            cmd.btf_key_type_id,
            cmd.btf_value_type_id
        ));
        if let (Some(errno), true) = (state.refuse_types, cmd.btf_fd != Fd(0)) {
            return Err(errno);
        }
        let fd = Fake::open(&mut state);
        let entries = cmd.max_entries;
        let map = FakeMap::new(cmd.map_type, cmd.key_size, cmd.value_size, entries, 3);
        state.maps.insert(fd.0, Arc::new(map));
        Ok(fd)
    }

    fn map_update_elem(&self, cmd: &mut MapUpdateElem<'_>) -> Result<()> {
        let mut state = self.state();
        let map = state.maps.get(&cmd.map.0).cloned().ok_or(Errno::EBADF)?;
        let value = bytes(&cmd.value, map.shape.value_size);
        state.commands.push(format!("map_update_elem {}", cmd.map));
        state.contents.insert(cmd.map.0, value);
        Ok(())
    }

    fn map_freeze(&self, cmd: &mut MapFreeze) -> Result<()> {
        self.state()
            .commands
            .push(format!("map_freeze {}", cmd.map));
        Ok(())
    }

    fn prog_load(&self, cmd: &mut ProgLoad<'_>) -> Result<Fd> {
        let mut state = self.state();
        state.commands.push(format!(
            "prog_load {} {} attach {} insns {} license {:?} btf {} funcs {} lines {} log {}",
            cmd.prog_name,
            cmd.prog_type,
            cmd.expected_attach_type.0,
            cmd.insn_cnt,
            String::from_utf8_lossy(&cmd.license.read_str(64).unwrap().unwrap()),
            cmd.prog_btf_fd,
            cmd.func_info_cnt,
            cmd.line_info_cnt,
            cmd.log_level,
        ));
        if let Some((errno, log)) = state.refuse_programs.clone() {
            return Err(write_log(cmd, &log, errno));
        }
        let insns = bytes(&cmd.insns, cmd.insn_cnt * 8);
        state.programs.insert(cmd.prog_name.to_text(), insns);
        if cmd.log_level > 0 {
            cmd.log_buf.write(b"taken\0")?;
        }
        Ok(Fake::open(&mut state))
    }
}

/// Writes as much of a log as there is room for; ENOSPC when that is not all.
fn write_log(cmd: &mut ProgLoad<'_>, log: &str, errno: Errno) -> Errno {
    if cmd.log_level == 0 {
        return errno;
    }
    cmd.log_true_size = log.len() as u32 + 1;
    let all = [log.as_bytes(), b"\0"].concat();
    let room = all.len().min(cmd.log_size as usize);
    cmd.log_buf.write(&all[..room]).unwrap();
    if room < all.len() {
        Errno::ENOSPC
    } else {
        errno
    }
}

/// The bytes of an object of the loader's own.
pub fn own_object(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/objects")
        .join(format!("{name}.bpf.o"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
