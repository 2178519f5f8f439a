//! Helpers that programs call on maps, and what they and user space see of them.
//!
//! Answers to: kernel/bpf/helpers.c, hashtab.c, arraymap.c.

use crate::asm::*;
use crate::elements::is_hash;
use crate::program;
use crate::system::*;
use skep::abi::flags::elem;
use skep::abi::insn::op;
use skep::abi::*;

cases![
    a_lookup_finds_or_gives_null,
    an_update_by_a_program,
    update_flags_by_a_program,
    a_delete_by_a_program,
    a_full_hash_by_a_program,
    an_index_past_the_end_by_a_program,
    a_write_through_the_pointer_is_seen,
    an_old_pointer_reads_the_old_element,
    an_array_updates_in_place,
    a_percpu_value_is_the_cpu_s_own,
    a_percpu_update_sets_the_cpu_s_own,
    lookup_percpu_reaches_every_cpu,
    lookup_percpu_of_no_cpu,
    an_element_made_by_a_program_is_seen,
    a_frozen_map_is_still_the_program_s,
    rights_of_user_space_do_not_bind_programs,
    keys_and_values_from_packets,
    both_program_types_have_them,
];

pub const LOOKUP: i32 = 1;
pub const UPDATE: i32 = 2;
pub const DELETE: i32 = 3;
pub const CPU: i32 = 8;
pub const LOOKUP_PERCPU: i32 = 195;

/// r1 = map, r2 = address of `key` on the stack.
pub fn with_key(map: &OwnedFd, key: i32) -> Vec<Insn> {
    program![
        store_imm(op::W, R10, -4, key),
        ld_map(R1, map),
        mov(R2, R10),
        alu_imm(op::ADD, R2, -4),
    ]
}

/// Returns the value's first word, or 1000 where there is none.
fn look(map: &OwnedFd, key: i32) -> Vec<Insn> {
    program![
        with_key(map, key),
        helper(LOOKUP),
        jump_imm(op::JNE, R0, 0, 2),
        mov_imm(R0, 1000),
        exit(),
        load(op::W, R0, R0, 0),
        exit(),
    ]
}

/// r0 = update(map, key, value, flags)
pub fn update(map: &OwnedFd, key: i32, value: i32, flags: u64) -> Vec<Insn> {
    program![
        with_key(map, key),
        store_imm(op::DW, R10, -16, value),
        mov(R3, R10),
        alu_imm(op::ADD, R3, -16),
        ld_imm64(R4, flags),
        helper(UPDATE),
    ]
}

/// r0 = delete(map, key)
pub fn delete(map: &OwnedFd, key: i32) -> Vec<Insn> {
    program![with_key(map, key), helper(DELETE)]
}

/// What a program returns of type XDP, as the number a helper gave.
pub fn answer(s: &System, insns: Vec<Insn>) -> i32 {
    let prog = s.prog(ProgType::XDP, &insns);
    s.run(&prog, &[0; 64]).expect("a run") as i32
}

fn ends(insns: Vec<Insn>) -> Vec<Insn> {
    program![insns, exit()]
}

/// An errno as a helper returns it.
pub fn code(errno: Errno) -> i32 {
    -errno.raw()
}

fn first_word(value: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&value[..8]);
    u64::from_ne_bytes(word)
}

/// The sum of all cpus' words, or the one word.
fn total(value: &[u8]) -> u64 {
    value.chunks(8).map(first_word).fold(0, u64::wrapping_add)
}

fn a_lookup_finds_or_gives_null(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 2, &s.user_value(attr, 42), 0), Ok(()));
        assert_eq!(answer(s, look(&map, 2)), 42, "{attr:?}");
        let absent = if is_hash(attr) { 1000 } else { 0 };
        assert_eq!(answer(s, look(&map, 1)), absent, "{attr:?}");
        for past in [4, 5, i32::MAX, -1] {
            assert_eq!(answer(s, look(&map, past)), 1000, "{attr:?} {past}");
        }
    }
}

fn an_update_by_a_program(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let _pinned = s.pin();
        assert_eq!(
            answer(s, ends(update(&map, 3, 77, elem::ANY))),
            0,
            "{attr:?}"
        );
        let value = s
            .lookup(&map, 3, s.user_value(attr, 0).len())
            .expect("the element");
        assert_eq!(total(&value), 77, "{attr:?}");
        assert_eq!(
            answer(s, ends(update(&map, 3, 78, elem::EXIST))),
            0,
            "{attr:?}"
        );
        let value = s
            .lookup(&map, 3, s.user_value(attr, 0).len())
            .expect("the element");
        assert_eq!(total(&value), 78, "{attr:?}");
    }
}

/// Every flag, for a key that is there and one that is not.
fn update_flags_by_a_program(s: &System) {
    for attr in FOUR {
        let hash = is_hash(attr);
        let rows = [
            (0, elem::ANY, 0),
            (0, elem::NOEXIST, code(Errno::EEXIST)),
            (0, elem::EXIST, 0),
            (1, elem::EXIST, if hash { code(Errno::ENOENT) } else { 0 }),
            (1, elem::NOEXIST, if hash { 0 } else { code(Errno::EEXIST) }),
            (1, elem::NOEXIST, code(Errno::EEXIST)),
            (0, 3, code(Errno::EINVAL)),
            (0, 8, code(Errno::EINVAL)),
            (0, 16, code(Errno::EINVAL)),
            (2, 1 << 32, code(Errno::EINVAL)),
            (2, 1 << 63, code(Errno::EINVAL)),
            (2, u64::MAX, code(Errno::EINVAL)),
        ];
        let map = s.map(attr);
        assert_eq!(s.update(&map, 0, &s.user_value(attr, 1), 0), Ok(()));
        for (key, flags, expected) in rows {
            let got = answer(s, ends(update(&map, key, 5, flags)));
            assert_eq!(got, expected, "{attr:?} key {key} flags {flags:#x}");
        }
    }
}

fn a_delete_by_a_program(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 1, &s.user_value(attr, 1), 0), Ok(()));
        let (first, second) = if is_hash(attr) {
            (0, code(Errno::ENOENT))
        } else {
            (code(Errno::EINVAL), code(Errno::EINVAL))
        };
        assert_eq!(answer(s, ends(delete(&map, 1))), first, "{attr:?}");
        assert_eq!(answer(s, ends(delete(&map, 1))), second, "{attr:?}");
        assert_eq!(answer(s, ends(delete(&map, 99))), second, "{attr:?}");
    }
}

fn a_full_hash_by_a_program(s: &System) {
    for attr in [HASH, PERCPU_HASH] {
        let attr = MapAttr {
            max_entries: 1,
            ..attr
        };
        let map = s.map(attr);
        assert_eq!(
            answer(s, ends(update(&map, 1, 5, elem::ANY))),
            0,
            "{attr:?}"
        );
        assert_eq!(
            answer(s, ends(update(&map, 2, 5, elem::ANY))),
            code(Errno::E2BIG),
            "{attr:?}"
        );
        assert_eq!(
            answer(s, ends(update(&map, 1, 6, elem::ANY))),
            0,
            "{attr:?}"
        );
        assert_eq!(
            answer(s, ends(update(&map, 2, 5, elem::EXIST))),
            code(Errno::ENOENT),
            "{attr:?}"
        );
    }
}

fn an_index_past_the_end_by_a_program(s: &System) {
    for attr in [ARRAY, PERCPU_ARRAY] {
        let map = s.map(attr);
        for key in [4, 100, -1] {
            for flags in [elem::ANY, elem::NOEXIST, elem::EXIST] {
                let got = answer(s, ends(update(&map, key, 5, flags)));
                assert_eq!(got, code(Errno::E2BIG), "{attr:?} {key} {flags}");
            }
            let got = answer(s, ends(update(&map, key, 5, 8)));
            assert_eq!(got, code(Errno::EINVAL), "{attr:?} {key}");
        }
    }
}

fn a_write_through_the_pointer_is_seen(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 2, &s.user_value(attr, 0), 0), Ok(()));
        let insns = program![
            with_key(&map, 2),
            helper(LOOKUP),
            jump_imm(op::JEQ, R0, 0, 3),
            store_imm(op::W, R0, 0, 0x1234),
            store_imm(op::H, R0, 6, 0x77),
            mov_imm(R0, 1),
            exit(),
        ];
        assert_eq!(answer(s, insns), 1, "{attr:?}");
        let value = s
            .lookup(&map, 2, s.user_value(attr, 0).len())
            .expect("the element");
        assert_eq!(total(&value), 0x0077_0000_0000_1234, "{attr:?}");
    }
}

/// The program holds a pointer while the element is replaced, and reads 10 by it;
/// a new lookup reads 20. Returns 10 * 100 + 20.
fn an_old_pointer_reads_the_old_element(s: &System) {
    let map = s.map(HASH);
    assert_eq!(s.update(&map, 1, &s.user_value(HASH, 10), 0), Ok(()));
    let insns = program![
        with_key(&map, 1),
        helper(LOOKUP),
        jump_imm(op::JNE, R0, 0, 2),
        mov_imm(R0, 1),
        exit(),
        mov(R6, R0),
        update(&map, 1, 20, elem::EXIST),
        with_key(&map, 1),
        helper(LOOKUP),
        jump_imm(op::JNE, R0, 0, 2),
        mov_imm(R0, 2),
        exit(),
        load(op::DW, R0, R0, 0),
        load(op::DW, R6, R6, 0),
        alu_imm(op::MUL, R6, 100),
        alu(op::ADD, R0, R6),
        exit(),
    ];
    assert_eq!(answer(s, insns), 1020);
    assert_eq!(s.lookup(&map, 1, 8), Ok(s.user_value(HASH, 20)));
}

/// An array's element is written where it is: the pointer sees the new value.
fn an_array_updates_in_place(s: &System) {
    for attr in [ARRAY, PERCPU_ARRAY, PERCPU_HASH] {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 1, &s.user_value(attr, 10), 0), Ok(()));
        let insns = program![
            with_key(&map, 1),
            helper(LOOKUP),
            jump_imm(op::JNE, R0, 0, 2),
            mov_imm(R0, 1),
            exit(),
            mov(R6, R0),
            update(&map, 1, 20, elem::ANY),
            load(op::DW, R0, R6, 0),
            exit(),
        ];
        assert_eq!(answer(s, insns), 20, "{attr:?}");
    }
}

/// Adds 5 to its own value and returns its cpu: only that cpu's value has grown.
fn a_percpu_value_is_the_cpu_s_own(s: &System) {
    for attr in [PERCPU_HASH, PERCPU_ARRAY] {
        let map = s.map(attr);
        let before: Vec<u8> = (0..s.cpus() as u64)
            .flat_map(|cpu| (cpu * 10).to_ne_bytes())
            .collect();
        assert_eq!(s.update(&map, 1, &before, 0), Ok(()));
        let insns = program![
            with_key(&map, 1),
            helper(LOOKUP),
            jump_imm(op::JNE, R0, 0, 2),
            mov_imm(R0, -1),
            exit(),
            load(op::DW, R1, R0, 0),
            alu_imm(op::ADD, R1, 5),
            store(op::DW, R0, 0, R1),
            helper(CPU),
            exit(),
        ];
        let cpu = answer(s, insns) as usize;
        assert!(cpu < s.cpus(), "{attr:?} cpu {cpu}");
        let value = s.lookup(&map, 1, before.len()).expect("the element");
        for (at, word) in value.chunks(8).map(first_word).enumerate() {
            let grown = if at == cpu { 5 } else { 0 };
            assert_eq!(word, at as u64 * 10 + grown, "{attr:?} cpu {at}");
        }
    }
}

/// An element that a program makes or replaces: other cpus' values of a new element
/// are zero, those of one that was there are kept.
fn a_percpu_update_sets_the_cpu_s_own(s: &System) {
    for attr in [PERCPU_HASH, PERCPU_ARRAY] {
        let map = s.map(attr);
        let _pinned = s.pin();
        let insns = program![update(&map, 1, 9, elem::ANY), helper(CPU), exit()];
        let cpu = answer(s, insns.clone()) as usize;
        let value = s.lookup(&map, 1, 8 * s.cpus()).expect("the element");
        for (at, word) in value.chunks(8).map(first_word).enumerate() {
            assert_eq!(word, if at == cpu { 9 } else { 0 }, "{attr:?} cpu {at}");
        }
        assert_eq!(s.update(&map, 1, &s.user_value(attr, 4), 0), Ok(()));
        let cpu = answer(s, insns) as usize;
        let value = s.lookup(&map, 1, 8 * s.cpus()).expect("the element");
        for (at, word) in value.chunks(8).map(first_word).enumerate() {
            assert_eq!(word, if at == cpu { 9 } else { 4 }, "{attr:?} cpu {at}");
        }
    }
}

/// r0 = the first word of cpu `cpu`'s value, or 1000.
fn look_percpu(map: &OwnedFd, key: i32, cpu: u64) -> Vec<Insn> {
    program![
        with_key(map, key),
        ld_imm64(R3, cpu),
        helper(LOOKUP_PERCPU),
        jump_imm(op::JNE, R0, 0, 2),
        mov_imm(R0, 1000),
        exit(),
        load(op::W, R0, R0, 0),
        exit(),
    ]
}

fn lookup_percpu_reaches_every_cpu(s: &System) {
    for attr in [PERCPU_HASH, PERCPU_ARRAY] {
        let map = s.map(attr);
        let value: Vec<u8> = (0..s.cpus() as u64)
            .flat_map(|cpu| (cpu + 50).to_ne_bytes())
            .collect();
        assert_eq!(s.update(&map, 1, &value, 0), Ok(()));
        for cpu in 0..s.cpus() {
            assert_eq!(
                answer(s, look_percpu(&map, 1, cpu as u64)),
                cpu as i32 + 50,
                "{attr:?}"
            );
        }
    }
}

fn lookup_percpu_of_no_cpu(s: &System) {
    for attr in [PERCPU_HASH, PERCPU_ARRAY] {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 1, &s.user_value(attr, 1), 0), Ok(()));
        for cpu in [1 << 20, i32::MAX as u64, u64::from(u32::MAX)] {
            assert_eq!(
                answer(s, look_percpu(&map, 1, cpu)),
                1000,
                "{attr:?} cpu {cpu}"
            );
        }
        assert_eq!(answer(s, look_percpu(&map, 77, 0)), 1000, "{attr:?}");
    }
}

fn an_element_made_by_a_program_is_seen(s: &System) {
    for attr in [HASH, PERCPU_HASH] {
        let map = s.map(attr);
        assert_eq!(s.next_key(&map, None), Err(Errno::ENOENT));
        assert_eq!(
            answer(s, ends(update(&map, 0x0102_0304, 1, elem::NOEXIST))),
            0
        );
        assert_eq!(s.next_key(&map, None), Ok(0x0102_0304), "{attr:?}");
        assert_eq!(s.delete(&map, 0x0102_0304), Ok(()), "{attr:?}");
        assert_eq!(answer(s, look(&map, 0x0102_0304)), 1000, "{attr:?}");
    }
}

fn a_frozen_map_is_still_the_program_s(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        assert_eq!(crate::access::freeze(s, &map), Ok(()));
        let _pinned = s.pin();
        assert_eq!(
            answer(s, ends(update(&map, 1, 6, elem::ANY))),
            0,
            "{attr:?}"
        );
        assert_eq!(answer(s, look(&map, 1)), 6, "{attr:?}");
    }
}

/// A program is loaded with a descriptor that user space may only read, or write.
fn rights_of_user_space_do_not_bind_programs(s: &System) {
    use skep::abi::flags::map as flag;
    for attr in FOUR {
        for map_flags in [flag::RDONLY, flag::WRONLY] {
            let map = s.map(MapAttr { map_flags, ..attr });
            let _pinned = s.pin();
            let got = answer(s, ends(update(&map, 1, 6, elem::ANY)));
            assert_eq!(got, 0, "{attr:?} {map_flags:#x}");
            assert_eq!(answer(s, look(&map, 1)), 6, "{attr:?} {map_flags:#x}");
        }
    }
}

/// A key and a value that lie in the packet.
fn keys_and_values_from_packets(s: &System) {
    for attr in [HASH, ARRAY] {
        let map = s.map(attr);
        let insns = program![
            load(op::W, R6, R1, 0),
            load(op::W, R3, R1, 4),
            mov(R4, R6),
            alu_imm(op::ADD, R4, 24),
            jump(op::JLE, R4, R3, 2),
            mov_imm(R0, 1),
            exit(),
            ld_map(R1, &map),
            mov(R2, R6),
            mov(R3, R6),
            alu_imm(op::ADD, R3, 8),
            mov_imm(R4, 0),
            helper(UPDATE),
            exit(),
        ];
        let prog = s.prog(ProgType::XDP, &insns);
        let mut packet = [0; 64];
        packet[0] = 3;
        packet[8..16].copy_from_slice(&0x1122_3344u64.to_ne_bytes());
        assert_eq!(s.run(&prog, &packet), Ok(0), "{attr:?}");
        assert_eq!(
            s.lookup(&map, 3, 8),
            Ok(s.user_value(attr, 0x1122_3344)),
            "{attr:?}"
        );
    }
}

fn both_program_types_have_them(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 2, &s.user_value(attr, 42), 0), Ok(()));
        for prog_type in [ProgType::XDP, ProgType::SCHED_CLS] {
            let prog = s.prog(prog_type, &look(&map, 2));
            assert_eq!(s.run(&prog, &[0; 64]), Ok(42), "{attr:?} {prog_type}");
        }
    }
}
