//! Texts as Linux 6.18 printed them. `crates/skep/tests/disasm.rs` compares many
//! more with a running kernel.

use super::*;
use proptest::prelude::*;

fn plain(insn: Insn) -> String {
    text(insn, None, &Plain)
}

#[test]
fn texts_are_the_verifiers() {
    let texts = [
        (Insn::new(0xbf, 1, 2, 0, 0), "r1 = r2"),
        (Insn::new(0xb4, 1, 0, 0, -1), "w1 = -1"),
        (Insn::new(0x61, 1, 6, 4, 0), "r1 = *(u32 *)(r6 +4)"),
        (Insn::new(0x91, 2, 10, -8, 0), "r2 = *(s8 *)(r10 -8)"),
        (Insn::new(0x7b, 10, 1, -16, 0), "*(u64 *)(r10 -16) = r1"),
        (Insn::new(0x62, 10, 0, -4, 9), "*(u32 *)(r10 -4) = 9"),
        (Insn::new(0xdb, 0, 1, 0, 0), "lock *(u64 *)(r0 +0) += r1"),
        (
            Insn::new(0xc3, 10, 1, -8, 0x41),
            "r1 = atomic_fetch_or((u32 *)(r10 -8), r1)",
        ),
        (Insn::new(0x2d, 2, 3, 5, 0), "if r2 > r3 goto pc+5"),
        (
            Insn::new(0x16, 2, 0, -3, -17),
            "if w2 == 0xffffffef goto pc-3",
        ),
        (Insn::new(0x05, 0, 0, -1, 0), "goto pc-1"),
        (Insn::new(0x06, 0, 0, 0, 70000), "gotol pc+70000"),
        (Insn::new(0x85, 0, 0, 0, 1), "call bpf_map_lookup_elem#1"),
        (Insn::new(0x85, 0, 0, 0, 4096), "call unknown#4096"),
        (Insn::new(0x85, 0, 1, 0, 3), "call pc+3"),
        (Insn::new(0x85, 0, 2, 0, 77), "call kernel-function#77"),
        (Insn::new(0x95, 0, 0, 0, 0), "exit"),
        (Insn::new(0xdc, 3, 0, 0, 16), "r3 = be16 r3"),
        (Insn::new(0x3f, 1, 2, 1, 0), "r1 s/= r2"),
    ];
    for (insn, expected) in texts {
        assert_eq!(plain(insn), expected);
    }
}

struct Known;

impl Names for Known {
    fn call(&self, insn: Insn) -> Option<String> {
        (insn.src != 0).then(|| format!("known_{}", insn.imm))
    }
    fn imm64(&self, insn: Insn, _value: u64) -> Option<String> {
        (insn.src == pseudo::MAP_FD).then(|| format!("map[id:{}]", insn.imm))
    }
}

#[test]
fn the_caller_names_what_only_it_knows() {
    let program = [
        Insn::new(0x18, 1, pseudo::MAP_FD, 0, 5),
        Insn::default(),
        Insn::new(0x18, 2, 0, 0, -1),
        Insn::new(0, 0, 0, 0, 1),
        Insn::new(0x85, 0, pseudo::CALL_KFUNC, 0, 9),
        Insn::new(0x85, 0, 0, 0, 2),
        Insn::new(0x18, 3, 0, 0, 8),
    ];
    let lines: Vec<_> = listing(&program, &Known).collect();
    let expected = [
        (0, "r1 = map[id:5]"),
        (2, "r2 = 0x1ffffffff"),
        (4, "call known_9#9"),
        (5, "call bpf_map_update_elem#2"),
        (6, "r3 = 0x8"),
    ];
    assert_eq!(lines, expected.map(|(at, text)| (at, text.to_owned())));
}

proptest! {
    #[test]
    fn every_instruction_has_a_text(bytes: [u8; 8]) {
        let insn = Insn::from_bytes(bytes);
        prop_assert!(!plain(insn).is_empty());
        prop_assert_eq!(Insn::from_bytes(insn.to_bytes()), insn);
        prop_assert_eq!(insn.to_bytes(), bytes);
    }
}
