//! Values reached by address: direct addresses, atomics, the index mask, and maps
//! that programs may only read or only write.
//!
//! Answers to: array_map_direct_value_addr in kernel/bpf/arraymap.c;
//! check_map_access in kernel/bpf/verifier.c.

use crate::asm::*;
use crate::helpers::*;
use crate::program;
use crate::system::*;
use skep::abi::flags::map as flag;
use skep::abi::insn::op;
use skep::abi::*;

cases![
    a_direct_address,
    a_direct_address_at_an_offset,
    direct_addresses_that_are_refused,
    an_atomic_add_is_seen,
    atomics_from_two_programs_add_up,
    elements_do_not_overlap,
    a_map_programs_only_read,
    a_map_programs_only_write,
    what_is_read_only_is_refused,
    a_value_keeps_every_byte,
    a_map_of_constants,
];

const ONE: MapAttr = MapAttr {
    value_size: 16,
    max_entries: 1,
    ..ARRAY
};

fn a_direct_address(s: &System) {
    for map_flags in [0, flag::MMAPABLE] {
        let map = s.map(MapAttr { map_flags, ..ONE });
        let mut value = vec![0; 16];
        value[0] = 7;
        assert_eq!(s.update(&map, 0, &value, 0), Ok(()));
        let insns = program![
            ld_map_value(R6, &map, 0),
            load(op::DW, R0, R6, 0),
            alu_imm(op::ADD, R0, 1),
            store(op::DW, R6, 8, R0),
            exit(),
        ];
        assert_eq!(answer(s, insns), 8);
        value[8] = 8;
        assert_eq!(s.lookup(&map, 0, 16), Ok(value));
    }
}

fn a_direct_address_at_an_offset(s: &System) {
    let map = s.map(ONE);
    let value: Vec<u8> = (1..=16).collect();
    assert_eq!(s.update(&map, 0, &value, 0), Ok(()));
    for off in [0, 1, 7, 8, 15] {
        let insns = program![ld_map_value(R6, &map, off), load(op::B, R0, R6, 0), exit()];
        assert_eq!(answer(s, insns), off as i32 + 1, "{off}");
        // And backwards from there.
        let back = -(off as i16);
        let insns = program![
            ld_map_value(R6, &map, off),
            load(op::B, R0, R6, back),
            exit()
        ];
        assert_eq!(answer(s, insns), 1, "{off}");
    }
}

fn direct_addresses_that_are_refused(s: &System) {
    let attempt = |map: &OwnedFd, off| {
        let insns = program![ld_map_value(R6, map, off), mov_imm(R0, 0), exit()];
        s.try_prog(ProgType::XDP, &insns).map(drop)
    };
    for attr in [HASH, PERCPU_HASH, PERCPU_ARRAY] {
        assert_eq!(attempt(&s.map(attr), 0), Err(Errno::EINVAL), "{attr:?}");
    }
    let map = s.map(ONE);
    for off in [0, 15] {
        assert_eq!(attempt(&map, off), Ok(()), "{off}");
    }
    for off in [16, 17, 1 << 20, 1 << 29, 1 << 31, u32::MAX] {
        assert_eq!(attempt(&map, off), Err(Errno::EINVAL), "{off}");
    }
    let map = s.map(MapAttr {
        max_entries: 2,
        ..ONE
    });
    assert_eq!(attempt(&map, 0), Err(Errno::ENOTSUPP));
}

/// value += 3 by an atomic on what a lookup found.
fn atomic_add(map: &OwnedFd, key: i32) -> Vec<Insn> {
    program![
        with_key(map, key),
        helper(LOOKUP),
        jump_imm(op::JEQ, R0, 0, 2),
        mov_imm(R1, 3),
        atomic(op::DW, R0, 0, R1, i32::from(op::ADD)),
        mov_imm(R0, 0),
        exit(),
    ]
}

fn an_atomic_add_is_seen(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 1, &s.user_value(attr, 0), 0), Ok(()));
        let _pinned = s.pin();
        let prog = s.prog(ProgType::XDP, &atomic_add(&map, 1));
        for _ in 0..10 {
            assert_eq!(s.run(&prog, &[0; 64]), Ok(0));
        }
        let value = s
            .lookup(&map, 1, s.user_value(attr, 0).len())
            .expect("the element");
        let sum: u64 = value.chunks(8).map(|word| u64::from(word[0])).sum();
        assert_eq!(sum, 30, "{attr:?}");
    }
}

fn atomics_from_two_programs_add_up(s: &System) {
    for attr in [HASH, ARRAY] {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 1, &s.user_value(attr, 0), 0), Ok(()));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let prog = s.prog(ProgType::XDP, &atomic_add(&map, 1));
                    for _ in 0..200 {
                        assert_eq!(s.run(&prog, &[0; 64]), Ok(0));
                    }
                });
            }
        });
        assert_eq!(
            s.lookup(&map, 1, 8),
            Ok(s.user_value(attr, 1200)),
            "{attr:?}"
        );
    }
}

/// Elements of odd sizes beside each other, written whole by a program.
fn elements_do_not_overlap(s: &System) {
    for attr in [HASH, ARRAY] {
        let map = s.map(MapAttr {
            value_size: 13,
            ..attr
        });
        for key in 0..4 {
            assert_eq!(s.update(&map, key, &[0; 13], 0), Ok(()));
        }
        let insns = program![
            with_key(&map, 1),
            helper(LOOKUP),
            jump_imm(op::JEQ, R0, 0, 3),
            store_imm(op::DW, R0, 0, -1),
            store_imm(op::W, R0, 8, -1),
            store_imm(op::B, R0, 12, -1),
            mov_imm(R0, 0),
            exit(),
        ];
        assert_eq!(answer(s, insns), 0);
        for key in [0, 2, 3] {
            assert_eq!(s.lookup(&map, key, 13), Ok(vec![0; 13]), "{attr:?} {key}");
        }
        assert_eq!(s.lookup(&map, 1, 13), Ok(vec![0xff; 13]), "{attr:?}");
    }
}

fn a_map_programs_only_read(s: &System) {
    for attr in FOUR {
        let map = s.map(MapAttr {
            map_flags: flag::RDONLY_PROG,
            ..attr
        });
        assert_eq!(
            s.update(&map, 1, &s.user_value(attr, 9), 0),
            Ok(()),
            "{attr:?}"
        );
        let insns = program![
            with_key(&map, 1),
            helper(LOOKUP),
            jump_imm(op::JEQ, R0, 0, 1),
            load(op::W, R0, R0, 0),
            exit(),
        ];
        assert_eq!(answer(s, insns), 9, "{attr:?}");
    }
}

fn a_map_programs_only_write(s: &System) {
    for attr in FOUR {
        let map = s.map(MapAttr {
            map_flags: flag::WRONLY_PROG,
            ..attr
        });
        let _pinned = s.pin();
        assert_eq!(
            answer(s, program![update(&map, 1, 9, 0), exit()]),
            0,
            "{attr:?}"
        );
        let value = s
            .lookup(&map, 1, s.user_value(attr, 0).len())
            .expect("the element");
        assert_eq!(
            value.iter().map(|&byte| u32::from(byte)).sum::<u32>(),
            9,
            "{attr:?}"
        );
    }
}

/// Helpers and stores that would write a map of which programs only read, and loads
/// from one that they only write.
fn what_is_read_only_is_refused(s: &System) {
    let through = |map: &OwnedFd, access: Insn| {
        program![
            with_key(map, 1),
            helper(LOOKUP),
            jump_imm(op::JEQ, R0, 0, 1),
            access,
        ]
    };
    let refused = |insns: Vec<Insn>| {
        let insns = program![insns, mov_imm(R0, 0), exit()];
        s.refuse_program(ProgType::XDP, &insns, Errno::EACCES);
    };
    for attr in FOUR {
        let map = s.map(MapAttr {
            map_flags: flag::RDONLY_PROG,
            ..attr
        });
        assert_eq!(s.update(&map, 1, &s.user_value(attr, 0), 0), Ok(()));
        refused(update(&map, 1, 1, 0));
        refused(delete(&map, 1));
        refused(through(&map, store_imm(op::W, R0, 0, 1)));
        refused(through(&map, atomic(op::W, R0, 0, R0, i32::from(op::ADD))));
        let map = s.map(MapAttr {
            map_flags: flag::WRONLY_PROG,
            ..attr
        });
        assert_eq!(s.update(&map, 1, &s.user_value(attr, 0), 0), Ok(()));
        refused(through(&map, load(op::W, R1, R0, 0)));
    }
}

/// Bytes of every position survive a program's copy, 16 at a time.
fn a_value_keeps_every_byte(s: &System) {
    let attr = MapAttr {
        value_size: 64,
        max_entries: 1,
        ..ARRAY
    };
    let (from, to) = (s.map(attr), s.map(attr));
    let value: Vec<u8> = (0..64).map(|at| at * 3 + 1).collect();
    assert_eq!(s.update(&from, 0, &value, 0), Ok(()));
    let mut insns = program![ld_map_value(R6, &from, 0), ld_map_value(R7, &to, 0)];
    for off in (0..64).step_by(8) {
        insns.push(load(op::DW, R1, R6, off));
        insns.push(store(op::DW, R7, off, R1));
    }
    insns.extend([mov_imm(R0, 0), exit()]);
    assert_eq!(answer(s, insns), 0);
    assert_eq!(s.lookup(&to, 0, 64), Ok(value));
}

/// Frozen and read-only for programs, as loaders make .rodata.
fn a_map_of_constants(s: &System) {
    let map = s.map(MapAttr {
        map_flags: flag::RDONLY_PROG,
        ..ONE
    });
    let mut value = vec![0; 16];
    value[4] = 5;
    assert_eq!(s.update(&map, 0, &value, 0), Ok(()));
    assert_eq!(crate::access::freeze(s, &map), Ok(()));
    let insns = program![ld_map_value(R6, &map, 4), load(op::W, R0, R6, 0), exit()];
    assert_eq!(answer(s, insns), 5);
    // A constant decides which way the program goes.
    let insns = program![
        ld_map_value(R6, &map, 4),
        load(op::W, R1, R6, 0),
        mov_imm(R0, 1),
        jump_imm(op::JEQ, R1, 5, 1),
        mov_imm(R0, 2),
        exit(),
    ];
    assert_eq!(answer(s, insns), 1);
}
