//! The kernel behind the waist: what it answers, and that no slice is overrun.
//!
//! Without the right to call bpf(2) each test says so and passes.

use skep::Kernel;
use skep::abi::insn::op;
use skep::abi::{flags, *};
use std::sync::Arc;

fn kernel() -> Option<Kernel> {
    match Kernel::new() {
        Ok(kernel) => Some(kernel),
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

macro_rules! kernel {
    () => {
        match kernel() {
            Some(kernel) => kernel,
            None => return,
        }
    };
}

fn map(kernel: &Kernel, map_type: MapType, value_size: u32, max_entries: u32) -> OwnedFd {
    let fd = kernel
        .map_create(&mut MapCreate {
            map_type,
            key_size: 4,
            value_size,
            max_entries,
            map_name: Name::cut("skep_test"),
            ..MapCreate::default()
        })
        .unwrap();
    OwnedFd::new(Arc::new(kernel.clone()), fd)
}

fn set(kernel: &Kernel, map: &OwnedFd, key: u32, value: &[u8]) -> Result<()> {
    kernel.map_update_elem(&mut MapUpdateElem {
        map: map.fd(),
        key: UserIn::new(&key.to_ne_bytes()),
        value: UserIn::new(value),
        flags: flags::elem::ANY,
    })
}

#[test]
fn an_element_goes_in_and_comes_out() {
    let kernel = kernel!();
    let map = map(&kernel, MapType::HASH, 8, 8);
    set(&kernel, &map, 7, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let mut value = [0; 8];
    kernel
        .map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            key: UserIn::new(&7u32.to_ne_bytes()),
            value: UserOut::new(&mut value),
            flags: 0,
        })
        .unwrap();
    assert_eq!(value, [1, 2, 3, 4, 5, 6, 7, 8]);
    let mut next = [0; 4];
    kernel
        .map_get_next_key(&mut MapGetNextKey {
            map: map.fd(),
            key: UserIn::NULL,
            next_key: UserOut::new(&mut next),
        })
        .unwrap();
    assert_eq!(next, 7u32.to_ne_bytes());
    let key = 7u32.to_ne_bytes();
    let mut delete = MapDeleteElem {
        map: map.fd(),
        key: UserIn::new(&key),
    };
    assert_eq!(kernel.map_delete_elem(&mut delete), Ok(()));
    assert_eq!(kernel.map_delete_elem(&mut delete), Err(Errno::ENOENT));
}

#[test]
fn a_slice_that_is_too_short_is_efault_and_what_follows_it_is_untouched() {
    let kernel = kernel!();
    let map = map(&kernel, MapType::HASH, 16, 8);
    set(&kernel, &map, 7, &[9; 16]).unwrap();
    assert_eq!(set(&kernel, &map, 7, &[1; 15]), Err(Errno::EFAULT));
    assert_eq!(set(&kernel, &map, 7, &[]), Err(Errno::EFAULT));
    let mut around = [0xee; 32];
    for len in [0, 1, 15] {
        let answer = kernel.map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            key: UserIn::new(&7u32.to_ne_bytes()),
            value: UserOut::new(&mut around[..len]),
            flags: 0,
        });
        assert_eq!(answer, Err(Errno::EFAULT), "{len}");
        assert_eq!(around[len..], [0xee; 32][len..], "{len}");
    }
    let answer = kernel.map_lookup_elem(&mut MapLookupElem {
        map: map.fd(),
        key: UserIn::new(&[7, 0, 0]),
        value: UserOut::new(&mut around),
        flags: 0,
    });
    assert_eq!(answer, Err(Errno::EFAULT));
    // A longer slice is fine, and its tail is not touched.
    let mut around = [0xee; 32];
    kernel
        .map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            key: UserIn::new(&[7, 0, 0, 0, 99, 99]),
            value: UserOut::new(&mut around),
            flags: 0,
        })
        .unwrap();
    assert_eq!(around[..16], [9; 16]);
    assert_eq!(around[16..], [0xee; 16]);
}

#[test]
fn a_resolved_map_answers_as_its_commands_do() {
    let kernel = kernel!();
    let cpus = kernel.possible_cpus().unwrap() as usize;
    let fd = map(&kernel, MapType::PERCPU_ARRAY, 4, 2);
    let resolved = kernel.resolve(fd.fd()).unwrap();
    drop(fd);
    let shape = resolved.shape();
    assert_eq!(shape.map_type, MapType::PERCPU_ARRAY);
    assert_eq!(
        (shape.key_size, shape.value_size, shape.max_entries),
        (4, 4, 2)
    );
    assert_eq!(shape.user_value_size, 8 * cpus);
    let key = 1u32.to_ne_bytes();
    let mut value = vec![0; 8 * cpus];
    for cpu in 0..cpus {
        value[8 * cpu] = cpu as u8 + 1;
    }
    assert_eq!(resolved.update(&key, &value, 0), Ok(()));
    let mut read = vec![0xee; 8 * cpus + 4];
    assert_eq!(resolved.lookup(&key, &mut read, 0), Ok(()));
    assert_eq!(read[..8 * cpus], value);
    assert_eq!(read[8 * cpus..], [0xee; 4]);
    let short = 8 * cpus - 1;
    assert_eq!(
        resolved.lookup(&key, &mut read[..short], 0),
        Err(Errno::EFAULT)
    );
    assert_eq!(
        resolved.update(&key, &value[..short], 0),
        Err(Errno::EFAULT)
    );
    assert_eq!(resolved.lookup(&key[..3], &mut read, 0), Err(Errno::EFAULT));
    let mut next = [0xee; 4];
    assert_eq!(resolved.next_key(None, &mut next), Ok(()));
    assert_eq!(next, 0u32.to_ne_bytes());
    assert_eq!(
        resolved.next_key(Some(&next), &mut [0; 3]),
        Err(Errno::EFAULT)
    );
    assert_eq!(resolved.next_key(Some(&key), &mut next), Err(Errno::ENOENT));
    assert_eq!(resolved.delete(&key), Err(Errno::EINVAL));
    assert_eq!(
        resolved.lookup_and_delete(&key, &mut read, 0),
        Err(Errno::ENOTSUPP)
    );
}

#[test]
fn a_queue_has_no_keys() {
    let kernel = kernel!();
    let fd = kernel
        .map_create(&mut MapCreate {
            map_type: MapType::QUEUE,
            value_size: 4,
            max_entries: 2,
            ..MapCreate::default()
        })
        .unwrap();
    let fd = OwnedFd::new(Arc::new(kernel.clone()), fd);
    let queue = kernel.resolve(fd.fd()).unwrap();
    assert_eq!(queue.update(&[], &[1, 2, 3, 4], 0), Ok(()));
    let mut value = [0; 4];
    assert_eq!(queue.lookup_and_delete(&[], &mut value, 0), Ok(()));
    assert_eq!(value, [1, 2, 3, 4]);
}

#[test]
fn only_a_map_is_resolved() {
    let kernel = kernel!();
    assert_eq!(kernel.resolve(Fd(-1)).err(), Some(Errno::EBADF));
    assert_eq!(kernel.resolve(Fd(1 << 20)).err(), Some(Errno::EBADF));
    let prog = program(&kernel, &[mov(0, 2), EXIT], &mut []).unwrap();
    assert_eq!(kernel.resolve(prog).err(), Some(Errno::EINVAL));
    kernel.close(prog).unwrap();
    assert_eq!(kernel.close(Fd(-1)), Err(Errno::EBADF));
    // Map types without batches are maps as well.
    let fd = map(&kernel, MapType::PROG_ARRAY, 4, 1);
    let shape = *kernel.resolve(fd.fd()).unwrap().shape();
    assert_eq!(shape.user_value_size, 4);
}

const EXIT: Insn = Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0);

fn mov(dst: u8, imm: i32) -> Insn {
    Insn::new(op::ALU64 | op::MOV, dst, 0, 0, imm)
}

fn program(kernel: &Kernel, insns: &[Insn], log: &mut [u8]) -> Result<Fd> {
    let bytes = Insn::encode_all(insns);
    kernel.prog_load(&mut ProgLoad {
        prog_type: ProgType::XDP,
        insn_cnt: insns.len() as u32,
        insns: UserIn::new(&bytes),
        license: UserIn::new(b"GPL\0"),
        log_level: u32::from(!log.is_empty()),
        log_size: log.len() as u32,
        log_buf: if log.is_empty() {
            UserOut::null()
        } else {
            UserOut::new(log)
        },
        ..ProgLoad::default()
    })
}

#[test]
fn a_program_is_loaded_and_run_and_its_outputs_come_back() {
    let kernel = kernel!();
    let prog = program(&kernel, &[mov(0, 2), EXIT], &mut []).unwrap();
    let mut out = [0xee; 64];
    let mut run = ProgTestRun {
        prog,
        data_size_in: 64,
        data_in: UserIn::new(&[5; 64]),
        data_size_out: 64,
        data_out: UserOut::new(&mut out),
        ..ProgTestRun::default()
    };
    assert_eq!(kernel.prog_test_run(&mut run), Ok(()));
    assert_eq!((run.retval, run.data_size_out), (2, 64));
    assert_eq!(out, [5; 64]);
    // Too little room: as much as fits, the true size, and ENOSPC.
    let mut out = [0xee; 64];
    let mut run = ProgTestRun {
        prog,
        data_size_in: 64,
        data_in: UserIn::new(&[5; 64]),
        data_size_out: 10,
        data_out: UserOut::new(&mut out),
        ..ProgTestRun::default()
    };
    assert_eq!(kernel.prog_test_run(&mut run), Err(Errno::ENOSPC));
    assert_eq!((run.retval, run.data_size_out), (2, 64));
    assert_eq!(out[..10], [5; 10]);
    assert_eq!(out[10..], [0xee; 54]);
    // No size given means no limit to Linux, and here the end of the slice.
    let mut out = [0xee; 64];
    let mut run = ProgTestRun {
        prog,
        data_size_in: 64,
        data_in: UserIn::new(&[5; 64]),
        data_out: UserOut::new(&mut out[..32]),
        ..ProgTestRun::default()
    };
    assert_eq!(kernel.prog_test_run(&mut run), Err(Errno::EFAULT));
    assert_eq!(out[32..], [0xee; 32]);
    // Less data than it says.
    let mut run = ProgTestRun {
        prog,
        data_size_in: 64,
        data_in: UserIn::new(&[5; 63]),
        ..ProgTestRun::default()
    };
    assert_eq!(kernel.prog_test_run(&mut run), Err(Errno::EFAULT));
    kernel.close(prog).unwrap();
}

#[test]
fn a_refused_program_leaves_its_log() {
    let kernel = kernel!();
    let mut log = vec![0; 4096];
    let uninitialised = Insn::new(op::ALU64 | op::MOV | op::X, 0, 3, 0, 0);
    let answer = program(&kernel, &[uninitialised, EXIT], &mut log);
    assert_eq!(answer, Err(Errno::EACCES));
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("R3 !read_ok"), "{text}");
    // Fewer instructions or a shorter log than the numbers say.
    let bytes = Insn::encode_all(&[mov(0, 2), EXIT]);
    let mut load = ProgLoad {
        prog_type: ProgType::XDP,
        insn_cnt: 3,
        insns: UserIn::new(&bytes),
        license: UserIn::new(b"GPL\0"),
        ..ProgLoad::default()
    };
    assert_eq!(kernel.prog_load(&mut load), Err(Errno::EFAULT));
    let mut load = ProgLoad {
        prog_type: ProgType::XDP,
        insn_cnt: 2,
        insns: UserIn::new(&bytes),
        license: UserIn::new(b"GPL"),
        ..ProgLoad::default()
    };
    assert_eq!(kernel.prog_load(&mut load), Err(Errno::EFAULT));
    let mut short = [0u8; 8];
    let mut load = ProgLoad {
        prog_type: ProgType::XDP,
        insn_cnt: 2,
        insns: UserIn::new(&bytes),
        license: UserIn::new(b"GPL\0"),
        log_level: 1,
        log_size: 4096,
        log_buf: UserOut::new(&mut short),
        ..ProgLoad::default()
    };
    assert_eq!(kernel.prog_load(&mut load), Err(Errno::EFAULT));
}

#[test]
fn information_is_told_and_names_no_memory() {
    let kernel = kernel!();
    let map = map(&kernel, MapType::ARRAY, 8, 3);
    let info = MapInfo::get(&kernel, map.fd()).unwrap();
    assert_eq!(
        (info.map_type, info.max_entries, info.name.to_text()),
        (MapType::ARRAY, 3, "skep_test".to_owned())
    );
    let prog = program(&kernel, &[mov(0, 2), EXIT], &mut []).unwrap();
    let info = ProgInfo::get(&kernel, prog).unwrap();
    assert_eq!((info.prog_type, info.xlated_prog_len), (ProgType::XDP, 16));
    // An address inside a slice is anybody's guess: the kernel must not write there.
    let mut victim = [0xeeu8; 64];
    let asking = ProgInfo {
        xlated_prog_len: 64,
        xlated_prog_insns: victim.as_mut_ptr().expose_provenance() as u64,
        ..ProgInfo::default()
    };
    assert_eq!(asking.ask(&kernel, prog), Err(Errno::EFAULT));
    assert_eq!(victim, [0xee; 64]);
    // As Linux does, the structure comes back with the caller's own pointers.
    let asking = ProgInfo {
        map_ids: 0x1234_5678_9abc,
        ..ProgInfo::default()
    };
    let told = asking.ask(&kernel, prog).unwrap();
    assert_eq!((told.map_ids, told.nr_map_ids), (0x1234_5678_9abc, 0));
    kernel.close(prog).unwrap();
    assert_eq!(ProgInfo::get(&kernel, Fd(-1)), Err(Errno::EBADFD));
    // A pointer of which the kernel reads only half must not become another one.
    let mut bytes = [0xff; MapInfo::SIZE];
    bytes[..88].fill(0);
    let mut cut = ObjGetInfoByFd {
        bpf_fd: map.fd(),
        info_len: 92,
        info: UserOut::new(&mut bytes),
    };
    assert_eq!(kernel.obj_get_info_by_fd(&mut cut), Ok(()));
    assert_eq!(cut.info_len, 92);
    assert_eq!(bytes[88..], [0xff; 16]);
    let mut tail = [0u8; 200];
    tail[150] = 1;
    let mut long = ObjGetInfoByFd {
        bpf_fd: map.fd(),
        info_len: 200,
        info: UserOut::new(&mut tail),
    };
    assert_eq!(kernel.obj_get_info_by_fd(&mut long), Err(Errno::E2BIG));
}

#[test]
fn information_names_memory_of_a_space() {
    let kernel = kernel!();
    let prog = program(&kernel, &[mov(0, 2), EXIT], &mut []).unwrap();
    let space = Space::new();
    let insns = space.put(&[0xee; 24]);
    let mut info = ProgInfo {
        xlated_prog_len: 16,
        xlated_prog_insns: insns,
        ..ProgInfo::default()
    };
    let addr = space.put(&info.to_bytes());
    let ask = |addr| {
        let mut ask = ObjGetInfoByFd {
            bpf_fd: prog,
            info_len: ProgInfo::SIZE as u32,
            info: UserOut::remote(addr, &space),
        };
        kernel.obj_get_info_by_fd(&mut ask).map(|()| ask.info_len)
    };
    assert_eq!(ask(addr), Ok(ProgInfo::SIZE as u32));
    let xlated = space.get(insns, 24).unwrap();
    assert_eq!(xlated[..16], Insn::encode_all(&[mov(0, 2), EXIT]));
    assert_eq!(xlated[16..], [0xee; 8]);
    let told = space.get(addr, ProgInfo::SIZE).unwrap();
    let told = ProgInfo::from_bytes(told.as_array().unwrap());
    assert_eq!(
        (told.prog_type, told.xlated_prog_insns),
        (ProgType::XDP, insns)
    );
    // What is not all there is EFAULT, and so is the structure itself.
    info.xlated_prog_insns = insns + 20;
    let addr = space.put(&info.to_bytes());
    assert_eq!(ask(addr), Err(Errno::EFAULT));
    assert_eq!(ask(addr + 1), Err(Errno::EFAULT));
    assert_eq!(ask(8), Err(Errno::EFAULT));
    kernel.close(prog).unwrap();
}

#[test]
fn batches_count_what_they_did() {
    let kernel = kernel!();
    let map = map(&kernel, MapType::ARRAY, 8, 4);
    let keys: Vec<u8> = [0u32, 1, 9, 2]
        .iter()
        .flat_map(|k| k.to_ne_bytes())
        .collect();
    let mut update = MapUpdateBatch {
        keys: UserIn::new(&keys),
        values: UserIn::new(&[3; 32]),
        count: 4,
        map: map.fd(),
        ..MapUpdateBatch::default()
    };
    assert_eq!(kernel.map_update_batch(&mut update), Err(Errno::E2BIG));
    assert_eq!(update.count, 2);
    let (mut out, mut keys, mut values) = ([0; 4], [0; 16], [0; 32]);
    let mut lookup = MapLookupBatch {
        out_batch: UserOut::new(&mut out),
        keys: UserOut::new(&mut keys),
        values: UserOut::new(&mut values),
        count: 3,
        map: map.fd(),
        ..MapLookupBatch::default()
    };
    assert_eq!(kernel.map_lookup_batch(&mut lookup), Ok(()));
    assert_eq!(lookup.count, 3);
    assert_eq!(values[..16], [3; 16]);
    assert_eq!(values[16..], [0; 16]);
    let mut lookup = MapLookupBatch {
        out_batch: UserOut::new(&mut out),
        keys: UserOut::new(&mut keys[..11]),
        values: UserOut::new(&mut values),
        count: 3,
        map: map.fd(),
        ..MapLookupBatch::default()
    };
    assert_eq!(kernel.map_lookup_batch(&mut lookup), Err(Errno::EFAULT));
}

#[test]
fn strings_need_their_nul_within_the_slice() {
    let kernel = kernel!();
    let mut get = ObjGet {
        pathname: UserIn::new(b"/sys/fs/bpf/no-such-pin\0"),
        ..ObjGet::default()
    };
    assert_eq!(kernel.obj_get(&mut get), Err(Errno::ENOENT));
    let mut get = ObjGet {
        pathname: UserIn::new(b"/sys/fs/bpf/no-such-pin"),
        ..ObjGet::default()
    };
    assert_eq!(kernel.obj_get(&mut get), Err(Errno::EFAULT));
    let mut get = ObjGet::default();
    assert_eq!(kernel.obj_get(&mut get), Err(Errno::EFAULT));
}

#[test]
fn ids_are_walked() {
    let kernel = kernel!();
    let map = map(&kernel, MapType::ARRAY, 8, 1);
    let id = MapInfo::get(&kernel, map.fd()).unwrap().id;
    let mut next = MapGetNextId {
        start_id: id - 1,
        next_id: 0,
    };
    kernel.map_get_next_id(&mut next).unwrap();
    assert_eq!(next.next_id, id);
    let again = kernel
        .map_get_fd_by_id(&mut MapGetFdById { id, open_flags: 0 })
        .unwrap();
    assert_eq!(MapInfo::get(&kernel, again).unwrap().id, id);
    kernel.close(again).unwrap();
}

#[test]
fn memory_of_nobody_knows_whom_is_efault() {
    struct Elsewhere;
    impl UserMem for Elsewhere {
        fn read(&self, _addr: u64, _into: &mut [u8]) -> Result<()> {
            Ok(())
        }
        fn write(&self, _addr: u64, _from: &[u8]) -> Result<()> {
            Ok(())
        }
    }
    let kernel = kernel!();
    let map = map(&kernel, MapType::HASH, 8, 1);
    let mut victim = [0xeeu8; 8];
    let addr = victim.as_mut_ptr().expose_provenance() as u64;
    set(&kernel, &map, 7, &[1; 8]).unwrap();
    let answer = kernel.map_lookup_elem(&mut MapLookupElem {
        map: map.fd(),
        key: UserIn::new(&7u32.to_ne_bytes()),
        value: UserOut::remote(addr, &Elsewhere),
        flags: 0,
    });
    assert_eq!(answer, Err(Errno::EFAULT));
    assert_eq!(victim, [0xee; 8]);
}

#[test]
fn large_and_many_threads_of_slices() {
    let kernel = kernel!();
    let map = map(&kernel, MapType::HASH, 3 << 20, 1);
    let value = vec![7; 3 << 20];
    set(&kernel, &map, 1, &value).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..8 {
                    let mut read = vec![0; (3 << 20) + round];
                    kernel
                        .map_lookup_elem(&mut MapLookupElem {
                            map: map.fd(),
                            key: UserIn::new(&1u32.to_ne_bytes()),
                            value: UserOut::new(&mut read),
                            flags: 0,
                        })
                        .unwrap();
                    assert_eq!(read[..3 << 20], value);
                }
            });
        }
    });
}
