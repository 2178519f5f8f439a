//! Any attribute: no command panics, loses memory, or answers what bpf(2) cannot.

mod common;

use std::sync::Mutex;

use common::*;
use proptest::collection::vec;
use proptest::prelude::*;
use skep_abi::*;
use skep_engine::{Capabilities, Credential, Engine};

/// Where the attribute lies in the caller's memory; what it points to lies below.
const ATTR: u64 = 4096;
/// Bytes of the caller's memory: past them is EFAULT.
const SIZE: usize = 8192;
/// Words of an attribute.
const WORDS: usize = ATTR_SIZE / 4;

struct Memory(Mutex<Vec<u8>>);

impl UserMem for Memory {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        let at = usize::try_from(addr).map_err(|_| Errno::EFAULT)?;
        UserIn::new(&self.0.lock().unwrap()).read_at(at, into)
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        let at = usize::try_from(addr).map_err(|_| Errno::EFAULT)?;
        UserOut::new(&mut self.0.lock().unwrap()).write_at(at, from)
    }
}

/// Words as attributes hold them: mostly zero, small numbers, addresses, limits.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        10 => Just(0),
        6 => 0..12u32,
        3 => (0..64u32).prop_map(|line| line * 64),
        1 => prop_oneof![Just(u32::MAX), Just(i32::MAX as u32), Just(1 << 27), Just(4096)],
        1 => (0..32u32).prop_map(|bit| 1 << bit),
        1 => any::<u32>(),
    ]
}

/// A call: the command's number, its attribute, its size.
fn call_of() -> impl Strategy<Value = (u32, Vec<u32>, u32)> {
    let size = prop_oneof![4 => Just(ATTR_SIZE as u32), 3 => 0..200u32, 1 => any::<u32>()];
    // The attribute's words past a random length are zero, so that short commands pass too.
    let words = (vec(word(), WORDS), 0..WORDS).prop_map(|(mut words, used)| {
        words[used..].fill(0);
        words
    });
    (0..40u32, words, size)
}

/// An engine with an object of each kind, and a caller's memory with BTF in it.
fn world(capabilities: Capabilities) -> (Engine, Memory) {
    let engine = Engine::builder().cpus(2).memory_limit(1 << 22).build();
    new_map(&engine, MapType::HASH);
    new_map(&engine, MapType::ARRAY);
    new_map(&engine, MapType::PERCPU_HASH);
    new_map(&engine, MapType::PERCPU_ARRAY);
    load_btf(&engine, &int_btf()).unwrap();
    let mut bytes = vec![0; SIZE];
    let btf = int_btf();
    bytes[64..64 + btf.len()].copy_from_slice(&btf);
    let user = engine.with_credential(Credential {
        capabilities,
        ..Credential::ROOT
    });
    (user, Memory(Mutex::new(bytes)))
}

fn attribute(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_calls_are_answered(calls in vec(call_of(), 1..30), admin in any::<bool>()) {
        let capabilities = if admin { Capabilities::ALL } else { Capabilities::BPF };
        let (engine, memory) = world(capabilities);
        for (cmd, words, size) in calls {
            memory.write(ATTR, &attribute(&words)).unwrap();
            match call(&engine, &memory, cmd, ATTR, size) {
                Ok(answer) => prop_assert!((0..=i64::from(i32::MAX)).contains(&answer)),
                Err(errno) => prop_assert!(errno.name().is_some()),
            }
            prop_assert!(engine.memory_used() <= 1 << 22);
        }
        for fd in 3..64 {
            let _ = engine.close(Fd(fd));
        }
        prop_assert_eq!(engine.memory_used(), 0);
    }

    #[test]
    fn any_bytes_loaded_as_btf_are_answered(
        bytes in vec(any::<u8>(), 0..200),
        from in 0..40usize,
        level in 0..17u32,
        room in 0..60u32,
    ) {
        let (engine, _) = world(Capabilities::ALL);
        let mut btf = int_btf();
        btf.truncate(from);
        btf.extend(bytes);
        let mut log = vec![0; room as usize];
        let mut cmd = BtfLoad {
            btf: UserIn::new(&btf),
            btf_size: btf.len() as u32,
            log_level: level,
            log_size: room,
            log_buf: UserOut::new(&mut log),
            ..BtfLoad::default()
        };
        if let Ok(fd) = engine.btf_load(&mut cmd) {
            prop_assert!(BtfInfo::get(&engine, fd).is_ok());
        }
    }

    #[test]
    fn any_creation_is_made_or_refused(
        map_type in 0..40u32,
        sizes in vec(word(), 3),
        map_flags in prop_oneof![Just(0), word(), any::<u32>()],
        numa_node in word(),
        btf in vec(0..5u32, 3),
        name in any::<[u8; 16]>(),
        named in any::<bool>(),
    ) {
        let (engine, _) = world(Capabilities::ALL);
        let before = engine.memory_used();
        let mut cmd = MapCreate {
            map_type: MapType(map_type),
            key_size: sizes[0],
            value_size: sizes[1],
            max_entries: sizes[2],
            map_flags,
            numa_node,
            map_name: if named { Name::from_bytes(name) } else { Name::default() },
            btf_fd: Fd(btf[0] as i32 + 3),
            btf_key_type_id: btf[1],
            btf_value_type_id: btf[2],
            ..MapCreate::default()
        };
        match engine.map_create(&mut cmd) {
            Err(_) => prop_assert_eq!(engine.memory_used(), before),
            Ok(fd) => {
                prop_assert!(engine.memory_used() > before);
                let info = MapInfo::get(&engine, fd).unwrap();
                prop_assert_eq!(info.max_entries, sizes[2]);
                use_up(&engine, fd)?;
                engine.close(fd).unwrap();
                prop_assert_eq!(engine.memory_used(), before);
            }
        }
    }
}

/// A few operations on any map; they may be refused, but must hold together.
fn use_up(engine: &Engine, fd: Fd) -> Result<(), TestCaseError> {
    let map = engine.resolve(fd).unwrap();
    let shape = *map.shape();
    let key = vec![0; shape.key_size as usize];
    let value = vec![0xa5; shape.user_value_size];
    let mut room = vec![0; shape.user_value_size];
    let written = map.update(&key, &value, 0);
    let read = map.lookup(&key, &mut room, 0);
    if written.is_ok() && read.is_ok() {
        prop_assert_eq!(&room, &value);
    }
    let mut next = key.clone();
    if map.next_key(None, &mut next).is_ok() && written.is_ok() {
        prop_assert_eq!(&next, &key);
    }
    let _ = map.delete(&key);
    Ok(())
}
