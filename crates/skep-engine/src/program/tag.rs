//! A program's digest, of which its tag is the beginning.
//!
//! Descriptors of maps are taken out, so that the same program has the same tag
//! in every process.
//!
//! Answers to: bpf_prog_calc_tag in kernel/bpf/core.c.

use skep_abi::Insn;
use skep_abi::insn::pseudo;

use crate::sha256::Sha256;

/// The digest of a program's instructions.
pub(super) fn digest(insns: &[Insn]) -> [u8; 32] {
    let mut after_map = false;
    let mut bytes = Vec::with_capacity(insns.len() * Insn::SIZE);
    for &insn in insns {
        let names_map = matches!(insn.src, pseudo::MAP_FD | pseudo::MAP_VALUE);
        let second = insn.code == 0 && insn.dst == 0 && insn.src == 0 && insn.off == 0;
        let first = !after_map && insn.is_ld_imm64() && names_map;
        let cleared = first || (after_map && second);
        after_map = first;
        let imm = if cleared { 0 } else { insn.imm };
        bytes.extend(Insn { imm, ..insn }.to_bytes());
    }
    Sha256::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_abi::insn::op;

    #[test]
    fn the_digest_is_that_of_linux() {
        let program = [
            Insn::new(op::ALU64 | op::MOV, 0, 0, 0, 2),
            Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0),
        ];
        let tag = digest(&program);
        let expected = [0x61, 0x4b, 0x43, 0x4c, 0xd8, 0x32, 0x4e, 0xcc];
        assert_eq!(tag[..8], expected);
    }

    #[test]
    fn descriptors_do_not_count() {
        let program = |fd: i32, number: i32| {
            [
                Insn::new(op::LD | op::DW, 1, pseudo::MAP_FD, 0, fd),
                Insn::default(),
                Insn::new(op::LD | op::DW, 2, 0, 0, number),
                Insn::default(),
            ]
        };
        assert_eq!(digest(&program(3, 5)), digest(&program(4, 5)));
        assert_ne!(digest(&program(3, 5)), digest(&program(3, 6)));
    }
}
