//! PROG_TEST_RUN with a context: `struct xdp_md` and `struct __sk_buff`, in and out.
//!
//! Answers to: xdp_convert_md_to_buff and convert___skb_to_skb in
//! net/bpf/test_run.c.

use crate::asm::*;
use crate::system::*;
use crate::test_run::{Ask, pass, run};
use skep::abi::insn::op;
use skep::abi::*;

cases![
    context_of_xdp,
    context_of_xdp_is_refused,
    context_lengths,
    context_room,
    context_of_skb,
    context_of_skb_is_refused,
];

/// `struct xdp_md`
fn md(data: u32, data_end: u32, more: [u32; 4]) -> Vec<u8> {
    let [data_meta, ingress, queue, egress] = more;
    [data, data_end, data_meta, ingress, queue, egress]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect()
}

fn context_of_xdp(s: &System) {
    let prog = pass(s, ProgType::XDP);
    let data: Vec<u8> = (0..64).collect();
    for (given, shown) in [
        (md(0, 64, [0; 4]), md(0, 64, [0; 4])),
        (md(4, 64, [0; 4]), md(4, 64, [0; 4])),
        (md(32, 64, [0; 4]), md(32, 64, [0; 4])),
        (md(0, 20, [0; 4]), md(0, 20, [0; 4])),
        (md(8, 22, [0; 4]), md(8, 22, [0; 4])),
        (md(0, 0, [0; 4]), md(0, 0, [0; 4])),
        (md(0, 64, [0, 1, 0, 0]), md(0, 64, [0, 1, 0, 0])),
    ] {
        let ask = Ask {
            ctx: Some(&given),
            ctx_room: 24,
            room: 64,
            ..Default::default()
        };
        let back = run(s, &prog, &data, ask);
        assert_eq!((back.answer, back.ctx_size), (Ok(()), 24), "{given:?}");
        assert_eq!(back.ctx, shown, "{given:?}");
    }
    // What lies before `data` is metadata.
    let insns = [
        load(op::W, R2, R1, 8),
        load(op::W, R0, R1, 0),
        alu(op::SUB, R0, R2),
        exit(),
    ];
    let prog = s.prog(ProgType::XDP, &insns);
    let given = md(8, 64, [0; 4]);
    let back = run(
        s,
        &prog,
        &data,
        Ask {
            ctx: Some(&given),
            ..Default::default()
        },
    );
    assert_eq!((back.answer, back.retval), (Ok(()), 8));
}

fn context_of_xdp_is_refused(s: &System) {
    let prog = pass(s, ProgType::XDP);
    for (given, errno) in [
        (md(3, 64, [0; 4]), Errno::EINVAL),
        (md(64, 64, [0; 4]), Errno::EINVAL),
        (md(52, 64, [0; 4]), Errno::EINVAL),
        (md(252, 64, [0; 4]), Errno::EINVAL),
        (md(256, 300, [0; 4]), Errno::EINVAL),
        (md(0, 65, [0; 4]), Errno::EINVAL),
        (md(0, 64, [4, 0, 0, 0]), Errno::EINVAL),
        (md(0, 64, [0, 0x7fff_fff0, 0, 0]), Errno::ENODEV),
        (md(0, 64, [0, 0, 1, 0]), Errno::EINVAL),
        (md(0, 64, [0, 0, 0, 1]), Errno::EINVAL),
    ] {
        let ask = Ask {
            ctx: Some(&given),
            ctx_room: 24,
            ..Default::default()
        };
        let back = run(s, &prog, &[0; 64], ask);
        assert_eq!(back.answer, Err(errno), "{given:?}");
        assert!(back.ctx.iter().all(|&byte| byte == 0xdd), "{given:?}");
    }
}

fn context_lengths(s: &System) {
    let zeros = [0; 256];
    let mut whole = md(0, 64, [0; 4]);
    whole.resize(256, 0);
    for (prog_type, size, context) in [
        (ProgType::XDP, 24, &whole[..]),
        (ProgType::SCHED_CLS, 192, &zeros[..]),
    ] {
        let prog = pass(s, prog_type);
        for len in [8, 12, size - 4, size, size + 4, 256] {
            let ask = Ask {
                ctx: Some(&context[..len]),
                ..Default::default()
            };
            assert_eq!(
                run(s, &prog, &[0; 64], ask).answer,
                Ok(()),
                "{prog_type} {len}"
            );
        }
        for at in [size, 255] {
            let mut long = context.to_vec();
            long[at] = 1;
            let ask = Ask {
                ctx: Some(&long),
                ..Default::default()
            };
            let answer = run(s, &prog, &[0; 64], ask).answer;
            assert_eq!(answer, Err(Errno::E2BIG), "{prog_type} byte {at}");
        }
    }
}

fn context_room(s: &System) {
    let given = md(0, 64, [0; 4]);
    let prog = pass(s, ProgType::XDP);
    for (ctx_room, answer) in [(8, Err(Errno::ENOSPC)), (24, Ok(())), (40, Ok(()))] {
        let ask = Ask {
            ctx: Some(&given),
            ctx_room,
            ..Default::default()
        };
        let back = run(s, &prog, &[0; 64], ask);
        assert_eq!((back.answer, back.ctx_size), (answer, 24), "{ctx_room}");
        let len = ctx_room.min(24);
        assert_eq!(back.ctx[..len], given[..len], "{ctx_room}");
        assert!(
            back.ctx[len..].iter().all(|&byte| byte == 0xdd),
            "{ctx_room}"
        );
    }
}

/// `struct __sk_buff` with one word set.
fn skb(at: usize, word: u32) -> Vec<u8> {
    let mut context = vec![0; 192];
    context[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    context
}

/// The fields a run takes: what is given is what comes out.
fn context_of_skb(s: &System) {
    let prog = pass(s, ProgType::SCHED_CLS);
    for (at, words) in [
        (8, &[1, u32::MAX][..]),
        (32, &[1, u32::MAX]),
        (36, &[1, 2]),
        (48, &[1, u32::MAX]),
        (64, &[1, u32::MAX]),
        (152, &[1, u32::MAX]),
        (164, &[1, 2]),
        (176, &[1, u32::MAX]),
    ] {
        for &word in words {
            let given = skb(at, word);
            let ask = Ask {
                ctx: Some(&given),
                ctx_room: 192,
                ..Default::default()
            };
            let back = run(s, &prog, &[0; 64], ask);
            assert_eq!(
                (back.answer, back.ctx_size),
                (Ok(()), 192),
                "field {at} {word}"
            );
            assert_eq!(
                back.ctx[at..at + 4],
                word.to_ne_bytes(),
                "field {at} {word}"
            );
        }
    }
}

fn context_of_skb_is_refused(s: &System) {
    let prog = pass(s, ProgType::SCHED_CLS);
    for at in [
        0, 4, 12, 16, 20, 24, 28, 44, 68, 72, 76, 80, 84, 88, 92, 96, 100, 116, 132, 136, 140, 144,
        160, 168, 180,
    ] {
        for word in [1, 2] {
            let given = skb(at, word);
            let ask = Ask {
                ctx: Some(&given),
                ..Default::default()
            };
            let answer = run(s, &prog, &[0; 64], ask).answer;
            assert_eq!(answer, Err(Errno::EINVAL), "field {at} {word}");
        }
    }
    // A device nobody has, and more segments than there are.
    for (at, word, errno) in [
        (40, 0x7fff_fff0, Errno::ENODEV),
        (164, u32::MAX, Errno::EINVAL),
    ] {
        let given = skb(at, word);
        let answer = run(
            s,
            &prog,
            &[0; 64],
            Ask {
                ctx: Some(&given),
                ..Default::default()
            },
        )
        .answer;
        assert_eq!(answer, Err(errno), "field {at} {word}");
    }
}
