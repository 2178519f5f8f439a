//! The structural judgement against Linux's answers, recorded case by case.

use super::*;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits
        .as_chunks()
        .0
        .iter()
        .map(|[a, b]| a << 4 | b)
        .collect()
}

#[test]
fn judges_as_linux_does() {
    let mut failures = Vec::new();
    let mut count = 0;
    for line in include_str!("cases.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let mut parts = line.splitn(3, ' ');
        let (Some(expected), Some(program), Some(name)) =
            (parts.next(), parts.next(), parts.next())
        else {
            panic!("a case has three parts: {line}");
        };
        count += 1;
        let judged = check(&Insn::decode_all(&unhex(program)));
        let got = match &judged {
            Ok(_) => "ok",
            Err(reject) => reject.errno.name().unwrap_or("?"),
        };
        if got != expected {
            failures.push(format!("{name}: {judged:?}, but Linux says {expected}"));
        }
    }
    assert!(count > 400, "{count} cases");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

const EXIT: Insn = Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0);
const CLEAR: Insn = Insn::new(op::ALU64 | op::MOV, 0, 0, 0, 0);

fn call(src: u8, imm: i32) -> Insn {
    Insn::new(op::JMP | op::CALL, 0, src, 0, imm)
}

#[test]
fn says_what_it_found() {
    let insns = [
        call(pseudo::CALL_HELPER, 5),
        call(pseudo::CALL_SUBPROG, 2),
        call(pseudo::CALL_KFUNC, 77),
        EXIT,
        Insn::new(op::LD | op::ABS | op::B, 0, 0, 0, 3),
        CLEAR,
        EXIT,
    ];
    assert_eq!(
        check(&insns),
        Ok(Structure {
            subprograms: vec![0..4, 4..7],
            helper_calls: vec![Call { insn: 0, id: 5 }],
            kfunc_calls: vec![Call { insn: 2, id: 77 }],
            legacy_load: Some(4),
        })
    );
}

#[test]
fn says_what_is_wrong_and_where() {
    let jump = |off| Insn::new(op::JMP | op::JA, 0, 0, off, 0);
    let cases: &[(&[Insn], &str)] = &[
        (
            &[],
            "the program has 0 instructions, but 1 to 1000000 are allowed",
        ),
        (
            &[CLEAR, jump(7), EXIT],
            "instruction 1: jumps to instruction 9, out of the range of its subprogram, 0 to 2",
        ),
        (
            &[CLEAR, jump(1), CLEAR, EXIT],
            "instruction 2: unreachable insn 2",
        ),
        (
            &[Insn::new(0xff, 0, 0, 0, 0), EXIT],
            "instruction 0: there is no operation 0xff",
        ),
        (
            &[Insn::new(op::ALU64 | op::MOV, 10, 0, 0, 0), EXIT],
            "instruction 0: the frame pointer r10 can only be read",
        ),
        (
            &[Insn::new(op::ALU | op::LSH, 0, 0, 0, 32), EXIT],
            "instruction 0: shifts by 32, but only 0 to 31 are possible",
        ),
    ];
    for (insns, sentence) in cases {
        let reject = check(insns).expect_err(sentence);
        assert_eq!(reject.to_string(), *sentence);
    }
}

#[test]
fn the_number_of_instructions_is_limited() {
    let mut insns = vec![CLEAR; MAX_INSNS];
    insns[MAX_INSNS - 1] = EXIT;
    let judged = check(&insns).map(|found| found.subprograms.len());
    assert_eq!(judged, Ok(1));
    insns.push(EXIT);
    assert_eq!(
        check(&insns).map_err(|reject| reject.errno),
        Err(Errno::E2BIG)
    );
}

/// A program that calls `count` subprograms one after the other.
fn with_subprograms(count: usize) -> Vec<Insn> {
    // Call `index` lies at `index`, its subprogram two instructions after the last one's.
    let mut insns: Vec<Insn> = (0..count)
        .map(|index| {
            call(
                pseudo::CALL_SUBPROG,
                (count + 2 + 2 * index - index - 1) as i32,
            )
        })
        .collect();
    insns.extend([CLEAR, EXIT]);
    for _ in 0..count {
        insns.extend([CLEAR, EXIT]);
    }
    insns
}

#[test]
fn the_number_of_subprograms_is_limited() {
    let most = MAX_SUBPROGRAMS - 1;
    let judged = check(&with_subprograms(most));
    assert_eq!(
        judged.map(|found| found.subprograms.len()),
        Ok(MAX_SUBPROGRAMS)
    );
    let judged = check(&with_subprograms(most + 1));
    assert_eq!(judged.map_err(|reject| reject.errno), Err(Errno::E2BIG));
}

/// A chain of subprograms, each calling the next.
fn chain(frames: usize) -> Vec<Insn> {
    let mut insns = Vec::new();
    for _ in 1..frames {
        insns.extend([call(pseudo::CALL_SUBPROG, 1), EXIT]);
    }
    insns.extend([CLEAR, EXIT]);
    insns
}

#[test]
fn the_depth_of_calls_is_limited() {
    assert!(check(&chain(MAX_CALL_FRAMES)).is_ok());
    let judged = check(&chain(MAX_CALL_FRAMES + 1));
    assert_eq!(judged.map_err(|reject| reject.errno), Err(Errno::E2BIG));
}
