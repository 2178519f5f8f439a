//! PROG_LOAD: what is refused, with which errno, and what is known of a program after.

mod programs;

use programs::*;
use skep_abi::insn::{op, pseudo};
use skep_abi::*;
use skep_engine::{Capabilities, Credential, Engine, Unprivileged};

fn errno(engine: &Engine, change: impl FnOnce(&mut ProgLoad<'_>)) -> Option<Errno> {
    load_with(engine, ProgType::XDP, &ret(2), change).err()
}

#[test]
fn attributes_are_judged_in_linux_order() {
    let engine = Engine::new();
    assert_eq!(errno(&engine, |_| {}), None);
    assert_eq!(errno(&engine, |cmd| cmd.insn_cnt = 0), Some(Errno::E2BIG));
    assert_eq!(
        errno(&engine, |cmd| cmd.insn_cnt = 1_000_001),
        Some(Errno::E2BIG)
    );
    assert_eq!(
        errno(&engine, |cmd| cmd.prog_flags = 1 << 8),
        Some(Errno::EINVAL)
    );
    assert_eq!(errno(&engine, |cmd| cmd.prog_flags = 0xff & !0x50), None);
    assert_eq!(
        errno(&engine, |cmd| cmd.prog_flags = 0x10),
        Some(Errno::EINVAL)
    );
    let null = |cmd: &mut ProgLoad<'_>| cmd.license = UserIn::NULL;
    assert_eq!(errno(&engine, null), Some(Errno::EFAULT));
    assert_eq!(
        errno(&engine, |cmd| cmd.insns = UserIn::NULL),
        Some(Errno::EFAULT)
    );
    // The license is read before the type is looked at, the type before the name.
    let both = |cmd: &mut ProgLoad<'_>| {
        cmd.license = UserIn::NULL;
        cmd.prog_type = ProgType(100);
    };
    assert_eq!(errno(&engine, both), Some(Errno::EFAULT));
    for prog_type in [0, 33, 100, u32::MAX] {
        let other = |cmd: &mut ProgLoad<'_>| cmd.prog_type = ProgType(prog_type);
        assert_eq!(errno(&engine, other), Some(Errno::EINVAL));
    }
    let type_and_count = |cmd: &mut ProgLoad<'_>| {
        cmd.prog_type = ProgType(100);
        cmd.insn_cnt = 0;
    };
    assert_eq!(errno(&engine, type_and_count), Some(Errno::E2BIG));
    for attach_type in [0, 1, 33, 35, 37, 99] {
        let with = |cmd: &mut ProgLoad<'_>| cmd.expected_attach_type = AttachType(attach_type);
        assert_eq!(errno(&engine, with), None);
    }
    assert_eq!(
        errno(&engine, |cmd| cmd.attach_btf_id = 1),
        Some(Errno::EINVAL)
    );
    assert_eq!(
        errno(&engine, |cmd| cmd.prog_ifindex = 1),
        Some(Errno::EOPNOTSUPP)
    );
    assert_eq!(
        errno(&engine, |cmd| cmd.prog_ifindex = 99),
        Some(Errno::EINVAL)
    );
}

#[test]
fn names_are_checked_up_to_their_nul() {
    let engine = Engine::new();
    let name = |text: &[u8]| {
        let mut bytes = [0; 16];
        bytes[..text.len()].copy_from_slice(text);
        errno(&engine, |cmd| cmd.prog_name = Name::from_bytes(bytes))
    };
    assert_eq!(name(b"a.b_C9"), None);
    assert_eq!(name(b"abc\0d e"), None);
    assert_eq!(name(b"a b"), Some(Errno::EINVAL));
    assert_eq!(name(&[b'a'; 16]), Some(Errno::EINVAL));
    assert_eq!(name(&[b'a'; 15]), None);
}

#[test]
fn a_log_needs_level_buffer_and_size() {
    let engine = Engine::new();
    let bad = [set(0, 0), set(0, 0)].concat();
    let log = |code: &[Insn], level: u32, size: usize| {
        let mut text = vec![0; size];
        let mut true_size = 0;
        let result = load_with(&engine, ProgType::XDP, code, |cmd| cmd.log_level = level);
        let result = match size {
            0 => result,
            _ => {
                let bytes = Insn::encode_all(code);
                let mut cmd = ProgLoad {
                    prog_type: ProgType::XDP,
                    insn_cnt: code.len() as u32,
                    insns: UserIn::new(&bytes),
                    license: UserIn::new(b"GPL\0"),
                    log_level: level,
                    log_size: size as u32,
                    log_buf: UserOut::new(&mut text),
                    ..ProgLoad::default()
                };
                let result = engine.prog_load(&mut cmd);
                true_size = cmd.log_true_size;
                result
            }
        };
        (result.err(), true_size, text)
    };
    let (refused, true_size, text) = log(&bad, 1, 4096);
    assert_eq!(refused, Some(Errno::EINVAL));
    let end = text.iter().position(|&byte| byte == 0).unwrap();
    assert_eq!(true_size as usize, end + 1);
    assert!(end > 20, "{:?}", String::from_utf8_lossy(&text[..end]));
    // A log that is cut answers for the load, whatever that would have answered.
    assert_eq!(log(&bad, 1, 10).0, Some(Errno::ENOSPC));
    assert_eq!(log(&ret(0), 1, 10).0, Some(Errno::ENOSPC));
    assert_eq!(log(&ret(0), 0, 10).0, Some(Errno::EINVAL));
    assert_eq!(log(&ret(0), 16, 10).0, Some(Errno::EINVAL));
    assert_eq!(log(&ret(0), 1, 0).0, None);
}

#[test]
fn helpers_are_those_of_the_type_and_the_license() {
    let engine = Engine::new();
    let calls = |prog_type, id, license: &'static [u8]| {
        let code = [call_helper(id), ret(0)].concat();
        load_with(&engine, prog_type, &code, |cmd| {
            cmd.license = UserIn::new(license);
        })
        .err()
    };
    assert_eq!(calls(ProgType::XDP, 5, b"\0"), None);
    for id in [9, 26, 0, 500, -1] {
        let answer = calls(ProgType::XDP, id, b"GPL\0");
        assert_eq!(answer, Some(Errno::EINVAL), "{id}");
    }
    for id in [44, 54, 65, 188] {
        let answer = calls(ProgType::SCHED_CLS, id, b"GPL\0");
        assert_eq!(answer, Some(Errno::EINVAL), "{id}");
    }
    for license in [
        &b"GPL\0"[..],
        b"GPL v2\0",
        b"GPL and additional rights\0",
        b"Dual BSD/GPL\0",
        b"Dual MIT/GPL\0",
        b"Dual MPL/GPL\0",
        b"GPL\0x\0",
    ] {
        let code = calls(ProgType::XDP, 6, license);
        assert_eq!(code, None, "{}", String::from_utf8_lossy(license));
    }
    for license in [&b"gpl\0"[..], b"GPLv2\0", b"MIT\0", b"\0", &[b'A'; 200]] {
        let code = calls(ProgType::XDP, 6, license);
        assert_eq!(code, Some(Errno::EINVAL));
    }
}

#[test]
fn maps_are_found_behind_descriptors() {
    let engine = Engine::new();
    let array = new_map(&engine, MapType::ARRAY, 16, 0);
    let hash = new_map(&engine, MapType::HASH, 8, 0);
    let single = {
        let mut cmd = MapCreate {
            map_type: MapType::ARRAY,
            key_size: 4,
            value_size: 16,
            max_entries: 1,
            ..MapCreate::default()
        };
        engine.map_create(&mut cmd).unwrap()
    };
    let prog = xdp(&engine, &ret(0));
    let with = |kind: u8, low: i32, high: i32, fds: Option<&[i32]>| {
        let bytes: Option<Vec<u8>> =
            fds.map(|fds| fds.iter().flat_map(|fd| fd.to_ne_bytes()).collect());
        let code = [wide(1, kind, low, high), ret(0)].concat();
        load_with(&engine, ProgType::XDP, &code, |cmd| {
            cmd.fd_array = UserIn::from(bytes.as_deref().map(|bytes| unbound(bytes)));
        })
        .err()
    };
    let einval = Some(Errno::EINVAL);
    assert_eq!(with(pseudo::MAP_FD, array.0, 0, None), None);
    assert_eq!(with(pseudo::MAP_FD, 900, 0, None), Some(Errno::EBADF));
    assert_eq!(with(pseudo::MAP_FD, -1, 0, None), Some(Errno::EBADF));
    assert_eq!(with(pseudo::MAP_FD, prog.0, 0, None), einval);
    assert_eq!(with(pseudo::MAP_FD, array.0, 1, None), einval);
    for (offset, answer) in [(0, None), (15, None), (16, einval), (-1, einval)] {
        assert_eq!(with(pseudo::MAP_VALUE, single.0, offset, None), answer);
    }
    let several = with(pseudo::MAP_VALUE, array.0, 0, None);
    assert_eq!(several, Some(Errno::ENOTSUPP));
    assert_eq!(with(pseudo::MAP_VALUE, hash.0, 0, None), einval);
    let fds = [array.0, single.0];
    assert_eq!(with(pseudo::MAP_IDX, 0, 0, Some(&fds)), None);
    assert_eq!(with(pseudo::MAP_IDX, 0, 0, None), Some(Errno::EPROTO));
    assert_eq!(with(pseudo::MAP_IDX, 1, 1, Some(&fds)), einval);
    assert_eq!(with(pseudo::MAP_IDX, 2, 0, Some(&fds)), Some(Errno::EFAULT));
    assert_eq!(with(pseudo::MAP_IDX_VALUE, 1, 4, Some(&fds)), None);
    assert_eq!(with(pseudo::MAP_IDX_VALUE, 1, 16, Some(&fds)), einval);
    for kind in [pseudo::BTF_ID, 7, 15] {
        assert_eq!(with(kind, 1, 0, None), einval, "{kind}");
    }
}

/// The array lives as long as the load, which the closure cannot say.
fn unbound(bytes: &[u8]) -> &'static [u8] {
    Box::leak(bytes.to_vec().into_boxed_slice())
}

#[test]
fn a_program_uses_64_maps_at_the_most() {
    let engine = Engine::new();
    let maps: Vec<Fd> = (0..65)
        .map(|_| new_map(&engine, MapType::ARRAY, 8, 0))
        .collect();
    let load = |maps: &[Fd]| {
        let mut code: Code = maps.iter().flat_map(|&fd| map(1, fd)).collect();
        code.extend(ret(0));
        load_prog(&engine, ProgType::XDP, &code).err()
    };
    assert_eq!(load(&maps[..64]), None);
    assert_eq!(load(&maps), Some(Errno::E2BIG));
    assert_eq!(load(&[maps[0]; 65]), None);
}

#[test]
fn a_program_keeps_its_maps_and_says_so() {
    let engine = Engine::new();
    let [first, second] = [MapType::ARRAY, MapType::HASH].map(|t| new_map(&engine, t, 8, 0));
    let [first_id, second_id] = [first, second].map(|fd| MapInfo::get(&engine, fd).unwrap().id);
    let code = [map(1, first), ret(2)].concat();
    let fd = load_with(&engine, ProgType::XDP, &code, |cmd| {
        cmd.prog_name = Name::from("keeper");
    })
    .unwrap();
    let bind = |map| {
        engine.prog_bind_map(&mut ProgBindMap {
            prog: fd,
            map,
            flags: 0,
        })
    };
    assert_eq!(bind(second), Ok(()));
    assert_eq!(bind(second), Ok(()));
    assert_eq!(bind(first), Ok(()));
    assert_eq!(bind(Fd(99)), Err(Errno::EBADF));
    engine.close(first).unwrap();
    engine.close(second).unwrap();
    for id in [first_id, second_id] {
        let mut cmd = MapGetFdById { id, open_flags: 0 };
        let again = engine.map_get_fd_by_id(&mut cmd).unwrap();
        engine.close(again).unwrap();
    }
    let info = ProgInfo::get(&engine, fd).unwrap();
    assert_eq!(info.prog_type, ProgType::XDP);
    assert_eq!(info.name, Name::from("keeper"));
    assert_eq!(info.nr_map_ids, 2);
    assert_eq!(info.gpl_compatible, 1);
    assert_eq!(info.xlated_prog_len, 4 * 8);
    assert!(info.load_time > 0);
    engine.close(fd).unwrap();
    let gone = engine.map_get_fd_by_id(&mut MapGetFdById {
        id: first_id,
        open_flags: 0,
    });
    assert_eq!(gone, Err(Errno::ENOENT));
}

#[test]
fn the_tag_is_linux_tag() {
    let engine = Engine::new();
    let info = ProgInfo::get(&engine, xdp(&engine, &ret(2))).unwrap();
    assert_eq!(info.tag, [0x61, 0x4b, 0x43, 0x4c, 0xd8, 0x32, 0x4e, 0xcc]);
}

#[test]
fn rights_are_those_of_linux() {
    let engine = Engine::new();
    let with = |capabilities, unprivileged, prog_type| {
        let engine = engine.with_credential(Credential {
            capabilities,
            uid: 1000,
            unprivileged,
        });
        load_prog(&engine, prog_type, &ret(0)).err()
    };
    let closed = Unprivileged::Disabled;
    let eperm = Some(Errno::EPERM);
    let bpf = Capabilities::BPF;
    let net = bpf | Capabilities::NET_ADMIN;
    assert_eq!(with(Capabilities::NONE, closed, ProgType::XDP), eperm);
    assert_eq!(with(bpf, closed, ProgType::XDP), eperm);
    assert_eq!(with(net, closed, ProgType::XDP), None);
    assert_eq!(with(net, closed, ProgType::KPROBE), eperm);
    let open = Unprivileged::Allowed;
    assert_eq!(with(Capabilities::NONE, open, ProgType::XDP), eperm);
    // Open to all.
    for prog_type in [ProgType::SOCKET_FILTER, ProgType::CGROUP_SKB] {
        assert_eq!(with(Capabilities::NONE, open, prog_type), None);
        assert_eq!(with(Capabilities::NONE, closed, prog_type), eperm);
    }
}

#[test]
fn calls_that_libbpf_poisons_stand_where_no_run_comes() {
    let engine = Engine::new();
    let jump = vec![Insn::new(op::JMP | op::JA, 0, 0, 0, 0)];
    let skip = vec![Insn::new(op::JMP | op::JEQ, 0, 0, 1, 2)];
    let code = [set(0, 2), skip, call_helper(0x0bad_2310), jump, exit()].concat();
    let fd = xdp(&engine, &code);
    assert_eq!(returned(&engine, fd), 2);
}
