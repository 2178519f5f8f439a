//! What was found by giving both systems the same random commands and programs.
//!
//! Answers to: net/core/filter.c; kernel/bpf/verifier.c; bpf_prog_load in
//! kernel/bpf/syscall.c.

use crate::asm::*;
use crate::program;
use crate::system::*;
use skep::abi::insn::{op, pseudo};
use skep::abi::*;

cases![
    a_checksum_of_two_bytes_takes_two_bytes,
    small_fields_are_loaded_whole,
    a_queue_that_cannot_be_is_not_taken,
    descriptors_come_before_fields,
    operations_come_before_later_descriptors,
    kernel_functions_come_before_descriptors,
    more_descriptors_than_can_be,
    subprograms_without_types,
    attaching_to_a_btf,
    signatures,
    flags_of_a_program_for_a_device,
    descriptors_that_are_no_links,
    streams,
];

const LOAD_BYTE: u8 = op::LD | op::ABS | op::B;

/// What two bytes are replaced by is given as 64 bits.
fn a_checksum_of_two_bytes_takes_two_bytes(s: &System) {
    for (from, to) in [(0x0800, 0x4c5e_a06d), (0x7fff_0800, 0xa06d), (-1, -2)] {
        let replace = |mask: i32| {
            let prog = s.prog(
                ProgType::SCHED_CLS,
                &program![
                    mov_imm(R2, 50),
                    mov_imm(R3, from & mask),
                    mov_imm(R4, to & mask),
                    mov_imm(R5, 2),
                    helper(11),
                    exit(),
                ],
            );
            s.run_out(&prog, &[7; 64]).expect("a run")
        };
        assert_eq!(replace(!0), replace(0xffff), "{from:#x} {to:#x}");
    }
}

/// A load of two bytes from the upper half of a field that Linux keeps in two
/// bytes or one gets that field.
fn small_fields_are_loaded_whole(s: &System) {
    let mut packet = [0; 64];
    packet[12..14].copy_from_slice(&[0x12, 0x34]);
    for (field, size, offset, expected) in [
        (16, op::W, 0, 0x3412),
        (16, op::H, 0, 0x3412),
        (16, op::H, 2, 0x3412),
        (16, op::B, 1, 0x34),
        (16, op::B, 2, 0),
        (4, op::H, 2, 0),
        (4, op::B, 3, 0),
        (12, op::H, 2, 0x1234),
        (8, op::H, 2, 0x5678),
    ] {
        let prog = s.prog(
            ProgType::SCHED_CLS,
            &program![
                store_imm(op::W, R1, 12, 0x1234),
                store_imm(op::W, R1, 8, 0x5678_1234),
                load(size, R0, R1, field + offset),
                exit(),
            ],
        );
        let answer = s.run(&prog, &packet);
        assert_eq!(answer, Ok(expected), "{field} + {offset}, size {size:#x}");
    }
}

fn a_queue_that_cannot_be_is_not_taken(s: &System) {
    for (number, expected) in [
        (0xfffe, 0xfffe),
        (0xffff, 3),
        (0x1_0000, 3),
        (0x1_0000_0005, 3),
    ] {
        let prog = s.prog(
            ProgType::SCHED_CLS,
            &program![
                store_imm(op::W, R1, 12, 3),
                ld_imm64(R2, number),
                store(op::W, R1, 12, R2),
                load(op::W, R0, R1, 12),
                exit(),
            ],
        );
        assert_eq!(s.run(&prog, &[0; 64]), Ok(expected), "{number:#x}");
    }
}

fn closed_map(slot: Insn) -> [Insn; 2] {
    let first = Insn::new(op::LD | op::IMM | op::DW, R2, pseudo::MAP_FD, 0, -1);
    [first, slot]
}

fn refuse(s: &System, insns: &[Insn], errno: Errno) {
    let answer = s.try_prog(ProgType::SCHED_CLS, insns).map(drop);
    assert_eq!(answer, Err(errno), "{insns:?}");
}

/// A descriptor that is not open is told before instructions that are not reached
/// and fields that are not zero.
fn descriptors_come_before_fields(s: &System) {
    let bad_exit = Insn::new(op::JMP | op::EXIT, 0, 0, 0, 1);
    let map = closed_map(Insn::default());
    refuse(s, &program![mov_imm(R0, 0), map, bad_exit], Errno::EBADF);
    let unreached = program![mov_imm(R0, 0), exit(), map, exit()];
    refuse(s, &unreached, Errno::EBADF);
    refuse(s, &program![mov_imm(R0, 0), bad_exit], Errno::EINVAL);
}

fn operations_come_before_later_descriptors(s: &System) {
    let nothing = Insn::new(0xff, 0, 0, 0, 0);
    let map = closed_map(Insn::default());
    refuse(s, &program![nothing, map, exit()], Errno::EINVAL);
    refuse(s, &program![map, nothing, exit()], Errno::EBADF);
    let torn = closed_map(exit());
    refuse(s, &program![mov_imm(R0, 0), torn, exit()], Errno::EINVAL);
}

fn kernel_functions_come_before_descriptors(s: &System) {
    let call = Insn::new(op::JMP | op::CALL, 0, pseudo::CALL_KFUNC, 0, 1);
    let map = closed_map(Insn::default());
    refuse(s, &program![map, call, exit()], Errno::EINVAL);
}

fn pass(cmd: ProgLoad<'_>, s: &System) -> Result<()> {
    let insns = Insn::encode_all(&[mov_imm(R0, 0), exit()]);
    let fd = s.bpf.prog_load(&mut ProgLoad {
        prog_type: ProgType::XDP,
        insn_cnt: 2,
        insns: UserIn::new(&insns),
        license: UserIn::new(b"GPL\0"),
        ..cmd
    })?;
    drop(s.own(fd));
    Ok(())
}

fn more_descriptors_than_can_be(s: &System) {
    for (fd_array_cnt, expected) in [
        (1, Errno::EFAULT),
        (0x3fff_fffe, Errno::EFAULT),
        (0x3fff_ffff, Errno::EINVAL),
        (u32::MAX, Errno::EINVAL),
    ] {
        let cmd = ProgLoad {
            fd_array_cnt,
            ..Default::default()
        };
        assert_eq!(pass(cmd, s), Err(expected), "{fd_array_cnt:#x}");
    }
}

fn subprograms_without_types(s: &System) {
    let call = Insn::new(op::JMP | op::CALL, 0, pseudo::CALL_SUBPROG, 0, 1);
    let load = Insn::new(LOAD_BYTE, 0, 0, 0, 0);
    let legacy = program![call, exit(), mov(R6, R1), load, exit()];
    refuse(s, &legacy, Errno::EINVAL);
    let [low, high] = ld_imm64(R2, 0);
    let address = Insn {
        src: pseudo::FUNC,
        imm: 3,
        ..low
    };
    let insns = program![address, high, mov_imm(R0, 0), exit(), mov_imm(R0, 0), exit()];
    refuse(s, &insns, Errno::EINVAL);
}

fn attaching_to_a_btf(s: &System) {
    let bytes = crate::btf::of_types(&[crate::btf::int(b"int\0", 4, 32)]);
    let fd = s.bpf.btf_load(&mut BtfLoad {
        btf: UserIn::new(&bytes),
        btf_size: bytes.len() as u32,
        ..Default::default()
    });
    let btf = s.own(fd.expect("a BTF"));
    let map = s.map(ARRAY);
    for (attach_fd, expected) in [
        (btf.fd(), Errno::ENOTSUPP),
        (map.fd(), Errno::EINVAL),
        (Fd(-1), Errno::EINVAL),
    ] {
        let cmd = ProgLoad {
            attach_fd,
            ..Default::default()
        };
        assert_eq!(pass(cmd, s), Err(expected), "{attach_fd}");
    }
}

/// What is wrong with a signature whatever keys there are.
fn signatures(s: &System) {
    let bytes = [0; 9000];
    for (keyring_id, signature_size) in [(3, 16), (0x4000_0000, 16), (0, 8193), (0, u32::MAX)] {
        let cmd = ProgLoad {
            signature: UserIn::new(&bytes),
            signature_size,
            keyring_id,
            ..Default::default()
        };
        let answer = pass(cmd, s);
        assert_eq!(answer, Err(Errno::EINVAL), "{keyring_id} {signature_size}");
    }
}

fn flags_of_a_program_for_a_device(s: &System) {
    use skep::abi::flags::prog as flag;
    for (prog_flags, expected) in [
        (0, Errno::EOPNOTSUPP),
        (flag::XDP_DEV_BOUND_ONLY, Errno::EOPNOTSUPP),
        (flag::XDP_HAS_FRAGS, Errno::EINVAL),
        (flag::ANY_ALIGNMENT, Errno::EINVAL),
        (flag::TEST_STATE_FREQ, Errno::EINVAL),
        (
            flag::XDP_DEV_BOUND_ONLY | flag::ANY_ALIGNMENT,
            Errno::EINVAL,
        ),
    ] {
        let cmd = ProgLoad {
            prog_ifindex: 1,
            prog_flags,
            ..Default::default()
        };
        assert_eq!(pass(cmd, s), Err(expected), "{prog_flags:#x}");
    }
}

fn descriptors_that_are_no_links(s: &System) {
    let map = s.map(ARRAY);
    for (link, expected) in [(map.fd(), Errno::EINVAL), (Fd(-1), Errno::EBADF)] {
        for (flags, expected) in [(0, expected), (4, expected), (1, Errno::EINVAL)] {
            let cmd = &mut LinkUpdate {
                link,
                flags,
                ..Default::default()
            };
            assert_eq!(s.bpf.link_update(cmd), Err(expected), "{link} {flags}");
        }
        let cmd = &mut LinkDetach { link };
        assert_eq!(s.bpf.link_detach(cmd), Err(expected), "{link}");
        for (flags, expected) in [(0, expected), (1, Errno::EINVAL)] {
            let cmd = &mut IterCreate { link, flags };
            let answer = s.bpf.iter_create(cmd);
            assert_eq!(answer, Err(expected), "{link} {flags}");
        }
    }
}

fn streams(s: &System) {
    let prog = s.prog(ProgType::XDP, &program![mov_imm(R0, 0), exit()]);
    let map = s.map(ARRAY);
    let read = |prog: Fd, stream_id: u32| {
        let mut bytes = [7; 8];
        let answer = s.bpf.prog_stream_read_by_fd(&mut ProgStreamRead {
            buf: UserOut::new(&mut bytes),
            buf_len: 8,
            stream_id,
            prog,
        });
        assert_eq!(bytes, [7; 8]);
        answer
    };
    for (stream, expected) in [
        (0, Err(Errno::ENOENT)),
        (1, Ok(0)),
        (2, Ok(0)),
        (3, Err(Errno::ENOENT)),
        (u32::MAX, Err(Errno::ENOENT)),
    ] {
        assert_eq!(read(prog.fd(), stream), expected, "{stream}");
        assert_eq!(read(map.fd(), stream), Err(Errno::EINVAL), "{stream}");
        assert_eq!(read(Fd(-1), stream), Err(Errno::EBADF), "{stream}");
    }
}
