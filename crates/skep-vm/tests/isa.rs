//! Every operation of the instruction set with edge operands. The cases are data:
//! what register 0 holds at the end, the program, a name. Expected results were
//! computed from RFC 9669 and compared with Linux 6.18, case by case.

mod support;

use skep_abi::Insn;
use support::*;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .map(|digit| (digit as char).to_digit(16).expect("a hex digit") as u8)
        .collect();
    digits
        .as_chunks()
        .0
        .iter()
        .map(|[a, b]| a << 4 | b)
        .collect()
}

/// Runs each case over a packet; gives how many there were.
fn run_cases(cases: &str, packet: impl Fn() -> skep_vm::Packet) -> usize {
    let mut failures = Vec::new();
    let mut count = 0;
    for line in cases.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.splitn(3, ' ');
        let (Some(expected), Some(program), Some(name)) =
            (parts.next(), parts.next(), parts.next())
        else {
            panic!("a case has three parts: {line}");
        };
        let expected = u64::from_str_radix(expected, 16).expect("a result");
        let insns = Insn::decode_all(&unhex(program));
        let got = run_with(&insns, &mut Host::new(), &mut packet());
        count += 1;
        match got {
            Ok(returned) if returned.value == expected => {}
            Ok(returned) => failures.push(format!(
                "{name}: {:#x} instead of {expected:#x}",
                returned.value
            )),
            Err(violation) => failures.push(format!("{name}: {violation}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    count
}

#[test]
fn every_operation_gives_what_linux_gives() {
    let cases = include_str!("data/isa.txt");
    assert!(run_cases(cases, || packet(&[])) > 1000);
}

#[test]
fn legacy_loads_give_what_linux_gives() {
    let cases = include_str!("data/packet.txt");
    // An Ethernet frame of which the program sees what follows the header.
    let mut frame: Vec<u8> = (0..64).collect();
    frame[12] = 8;
    frame[13] = 0;
    let packet = || {
        let mut packet = packet(&frame);
        packet.adjust_head(14).expect("the header is there");
        packet.set_headers(-14, 0);
        packet
    };
    assert!(run_cases(cases, packet) > 50);
}
