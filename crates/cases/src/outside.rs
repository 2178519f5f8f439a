//! Helpers that ask the outside: time, randomness, the cpu, the trace.
//!
//! Answers to: kernel/bpf/helpers.c, kernel/trace/bpf_trace.c.

use crate::asm::*;
use crate::helpers::{CPU, answer};
use crate::program;
use crate::system::*;
use skep::abi::insn::op;
use skep::abi::*;

cases![
    clocks_do_not_go_back,
    clocks_go_on,
    random_numbers_differ,
    the_cpu_is_one_of_the_possible,
    printing_tells_how_long_the_line_is,
    printing_refuses_bad_formats,
    a_scalar_in_32_bits,
];

const KTIME: i32 = 5;
const PRINTK: i32 = 6;
const RANDOM: i32 = 7;
const BOOT: i32 = 125;
const COARSE: i32 = 160;
const TAI: i32 = 208;
const JIFFIES: i32 = 118;

/// Stores what a helper gives, asked twice, in an array's value.
fn twice(s: &System, number: i32) -> [u64; 2] {
    let map = s.map(MapAttr {
        value_size: 16,
        max_entries: 1,
        ..ARRAY
    });
    let insns = program![
        ld_map_value(R6, &map, 0),
        helper(number),
        store(op::DW, R6, 0, R0),
        helper(number),
        store(op::DW, R6, 8, R0),
        mov_imm(R0, 0),
        exit(),
    ];
    assert_eq!(answer(s, insns), 0);
    let value = s.lookup(&map, 0, 16).expect("the value");
    [0, 8].map(|at| {
        let mut word = [0; 8];
        word.copy_from_slice(&value[at..at + 8]);
        u64::from_ne_bytes(word)
    })
}

fn clocks_do_not_go_back(s: &System) {
    for number in [KTIME, BOOT, COARSE, TAI, JIFFIES] {
        let [first, second] = twice(s, number);
        assert!(first > 0, "helper {number}");
        assert!(second >= first, "helper {number}: {second} after {first}");
        let [third, _] = twice(s, number);
        assert!(third >= second, "helper {number}: {third} after {second}");
    }
}

fn clocks_go_on(s: &System) {
    for number in [KTIME, BOOT, COARSE, TAI] {
        let [before, _] = twice(s, number);
        std::thread::sleep(std::time::Duration::from_millis(30));
        let [after, _] = twice(s, number);
        assert!(
            after >= before + 10_000_000,
            "helper {number}: {after} after {before}"
        );
    }
}

fn random_numbers_differ(s: &System) {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        for number in twice(s, RANDOM) {
            assert!(number <= u64::from(u32::MAX), "{number:#x}");
            seen.insert(number);
        }
    }
    assert!(seen.len() > 15, "{seen:?}");
}

fn the_cpu_is_one_of_the_possible(s: &System) {
    let _pinned = s.pin();
    let insns = program![helper(CPU), exit()];
    let cpu = answer(s, insns.clone());
    assert!((0..s.cpus() as i32).contains(&cpu), "{cpu}");
    assert_eq!(answer(s, insns), cpu);
}

/// `trace_printk(format, size, 1, 2, 3)`; the format is written to the stack.
fn print(s: &System, format: &[u8], size: i32) -> i32 {
    let mut padded = format.to_vec();
    padded.resize(64, 0);
    let mut insns = Vec::new();
    for (at, word) in padded.as_chunks::<8>().0.iter().enumerate() {
        insns.extend(ld_imm64(R1, u64::from_le_bytes(*word)));
        insns.push(store(op::DW, R10, at as i16 * 8 - 64, R1));
    }
    let insns = program![
        insns,
        mov(R1, R10),
        alu_imm(op::ADD, R1, -64),
        mov_imm(R2, size),
        mov_imm(R3, 1),
        mov_imm(R4, -2),
        mov_imm(R5, 3),
        helper(PRINTK),
        exit(),
    ];
    answer(s, insns)
}

/// Without the NUL.
fn printing_tells_how_long_the_line_is(s: &System) {
    for (format, expected) in [
        (&b"hello\0"[..], 5),
        (b"\0", 0),
        (b"%d\0", 1),
        (b"%d %d\0", 4),
        (b"%u %x %lx\0", 12),
        (b"%ld %ld %llu\0", 6),
        (b"100%%\0", 4),
        (b"%5d|\0", 6),
        (b"%08x\0", 8),
        (b"%c\0", 1),
        (b"%i %x %X\0", 12),
        (b"%llx %lld %lu\0", 6),
        (b"%-5d|%+d\0", 8),
        (b"%05d\0", 5),
        (b"a\nb\tc\0", 5),
        (b"\xc3\xa4\x80\0", 3),
    ] {
        let got = print(s, format, format.len() as i32);
        assert_eq!(got, expected, "{:?}", String::from_utf8_lossy(format));
    }
}

fn printing_refuses_bad_formats(s: &System) {
    let invalid = -Errno::EINVAL.raw();
    for (format, size) in [
        (&b"no end"[..], 6),
        (b"%d %d %d %d\0", 12),
        (b"%q\0", 3),
        (b"%\0", 2),
        (b"\x01\0", 2),
        (b"%f\0", 3),
        (b"%hd\0", 4),
        (b"%n\0", 3),
    ] {
        assert_eq!(
            print(s, format, size),
            invalid,
            "{:?}",
            String::from_utf8_lossy(format)
        );
    }
}

/// A return value is the register's low 32 bits.
fn a_scalar_in_32_bits(s: &System) {
    let insns = program![ld_imm64(R0, 0x1234_5678_9abc_def0), exit()];
    let prog = s.prog(ProgType::XDP, &insns);
    assert_eq!(s.run(&prog, &[0; 64]), Ok(0x9abc_def0));
    let prog = s.prog(ProgType::SCHED_CLS, &insns);
    assert_eq!(s.run(&prog, &[0; 64]), Ok(0x9abc_def0));
}
