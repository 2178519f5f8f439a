//! Program types that get a context alone: what Linux 6.18 was seen to answer.

mod programs;

use programs::*;
use skep_abi::insn::op;
use skep_abi::*;
use skep_engine::Engine;
use skep_engine::run::{PacketBuf, RunError};
use skep_vm::ViolationKind;
use std::sync::Mutex;

/// Memory of a caller's at address 0x1000.
struct Memory(Mutex<Vec<u8>>);

impl Memory {
    fn place(&self, addr: u64, len: usize) -> Result<std::ops::Range<usize>> {
        let start = addr.checked_sub(0x1000).ok_or(Errno::EFAULT)? as usize;
        let all = self.0.lock().unwrap().len();
        let end = start.checked_add(len).filter(|&end| end <= all);
        Ok(start..end.ok_or(Errno::EFAULT)?)
    }
}

impl UserMem for Memory {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        let place = self.place(addr, into.len())?;
        into.copy_from_slice(&self.0.lock().unwrap()[place]);
        Ok(())
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        let place = self.place(addr, from.len())?;
        self.0.lock().unwrap()[place].copy_from_slice(from);
        Ok(())
    }
}

fn sleepable(engine: &Engine, code: &[Insn]) -> Fd {
    let fd = load_with(engine, ProgType::SYSCALL, code, |cmd| cmd.prog_flags = 0x10);
    fd.unwrap()
}

/// Runs over a context with changes to the attributes.
fn over<'a>(
    engine: &Engine,
    fd: Fd,
    context: &'a [u8],
    change: impl FnOnce(&mut ProgTestRun<'a>),
) -> Result<u32> {
    let mut cmd = ProgTestRun {
        prog: fd,
        ctx_size_in: context.len() as u32,
        ..ProgTestRun::default()
    };
    if !context.is_empty() {
        cmd.ctx_in = UserIn::new(context);
    }
    change(&mut cmd);
    engine.prog_test_run(&mut cmd).map(|()| cmd.retval)
}

/// Writes 7 to the second word and returns 5.
fn writes() -> Code {
    [set(2, 7), store(op::DW, 1, 8, 2), ret(5)].concat()
}

#[test]
fn a_syscall_program_changes_what_it_is_given() {
    let engine = Engine::new();
    let fd = sleepable(&engine, &writes());
    let memory = Memory(Mutex::new(vec![0xee; 24]));
    let mut cmd = ProgTestRun {
        prog: fd,
        ctx_size_in: 24,
        ctx_in: UserIn::remote(0x1000, &memory),
        ..ProgTestRun::default()
    };
    assert_eq!(engine.prog_test_run(&mut cmd), Ok(()));
    assert_eq!(cmd.retval, 5);
    let after = memory.0.into_inner().unwrap();
    let expected = [[0xee; 8], [7, 0, 0, 0, 0, 0, 0, 0], [0xee; 8]].concat();
    assert_eq!(after, expected);
}

#[test]
fn a_syscall_program_takes_a_context_and_nothing_else() {
    let engine = Engine::new();
    let fd = sleepable(&engine, &writes());
    let einval = Err(Errno::EINVAL);
    let zeros = vec![0; 65_537];
    for (len, expected) in [
        (0, einval),
        (8, einval),
        (15, einval),
        (16, Ok(5)),
        (17, Ok(5)),
        (65_535, Ok(5)),
        (65_536, einval),
        (65_537, einval),
    ] {
        let answer = over(&engine, fd, &zeros[..len], |_| {});
        assert_eq!(answer, expected, "{len}");
    }
    let context = &zeros[..24];
    let refused = |change: fn(&mut ProgTestRun<'_>)| over(&engine, fd, context, change);
    assert_eq!(refused(|cmd| cmd.data_in = UserIn::new(b"x")), einval);
    assert_eq!(refused(|cmd| cmd.data_size_in = 5), Ok(5));
    assert_eq!(refused(|cmd| cmd.repeat = 1), einval);
    assert_eq!(refused(|cmd| cmd.duration = 1), einval);
    assert_eq!(refused(|cmd| cmd.flags = 1), einval);
    assert_eq!(refused(|cmd| cmd.batch_size = 1), einval);
    assert_eq!(refused(|cmd| cmd.cpu = 1), Ok(5));
    let mut out = [0; 24];
    let with_out = over(&engine, fd, context, |cmd| {
        cmd.ctx_size_out = 24;
        cmd.ctx_out = UserOut::new(&mut out);
    });
    assert_eq!(with_out, einval);
    // One that looks at nothing needs nothing.
    let fd = sleepable(&engine, &ret(-1));
    assert_eq!(over(&engine, fd, &[], |_| {}), Ok(u32::MAX));
}

#[test]
fn a_syscall_program_is_sleepable_and_for_no_hook() {
    let engine = Engine::new();
    let not = load_prog(&engine, ProgType::SYSCALL, &ret(0));
    assert_eq!(not, Err(Errno::EINVAL));
    let hook = load_with(&engine, ProgType::SYSCALL, &ret(0), |cmd| {
        cmd.prog_flags = 0x10;
        cmd.expected_attach_type = AttachType(1);
    });
    assert_eq!(hook, Err(Errno::EINVAL));
    for (prog_type, may) in [
        (ProgType::KPROBE, Ok(())),
        (ProgType::RAW_TRACEPOINT, Err(Errno::EINVAL)),
        (ProgType::TRACEPOINT, Err(Errno::EINVAL)),
        (ProgType::SOCKET_FILTER, Err(Errno::EINVAL)),
    ] {
        let loads = load_with(&engine, prog_type, &ret(0), |cmd| cmd.prog_flags = 0x10);
        assert_eq!(loads.map(drop), may, "{prog_type:?}");
    }
}

#[test]
fn a_raw_tracepoint_gets_words_on_a_cpu_of_choice() {
    let engine = Engine::builder().cpus(2).build();
    let code = [load(op::DW, 0, 1, 8), exit()].concat();
    let fd = load_prog(&engine, ProgType::RAW_TRACEPOINT, &code).unwrap();
    let count: Vec<u8> = (0..104).collect();
    let einval = Err(Errno::EINVAL);
    let second = Ok(0x0b0a_0908);
    for (len, expected) in [
        (0, einval),
        (8, einval),
        (15, einval),
        (16, second),
        (95, second),
        (96, second),
        (97, einval),
    ] {
        let answer = over(&engine, fd, &count[..len], |_| {});
        assert_eq!(answer, expected, "{len}");
    }
    let code = [call_helper(8), exit()].concat();
    let fd = load_prog(&engine, ProgType::RAW_TRACEPOINT, &code).unwrap();
    for (flags, cpu, expected) in [
        (0, 0, Ok(0)),
        (0, 1, einval),
        (1, 0, Ok(0)),
        (1, 1, Ok(1)),
        (1, 2, Err(Errno::ENXIO)),
        (1, u32::MAX, Err(Errno::ENXIO)),
        (2, 0, Ok(0)),
        (3, 1, Ok(1)),
    ] {
        let answer = over(&engine, fd, &[], |cmd| (cmd.flags, cmd.cpu) = (flags, cpu));
        assert_eq!(answer, expected, "{flags} {cpu}");
    }
    let refused = |change: fn(&mut ProgTestRun<'_>)| over(&engine, fd, &count[..8], change);
    assert_eq!(refused(|cmd| cmd.repeat = 1), einval);
    assert_eq!(refused(|cmd| cmd.duration = 1), einval);
    assert_eq!(refused(|cmd| cmd.batch_size = 1), einval);
    assert_eq!(refused(|cmd| cmd.data_in = UserIn::new(b"x")), einval);
}

#[test]
fn contexts_are_read_by_the_widths_that_linux_allows() {
    let engine = Engine::new();
    let (kprobe, tracepoint) = (ProgType::KPROBE, ProgType::TRACEPOINT);
    let (perf, raw) = (ProgType::PERF_EVENT, ProgType::RAW_TRACEPOINT);
    let context: Vec<u8> = (0..200).collect();
    for (prog_type, size, offset, fine) in [
        (kprobe, op::DW, 0, true),
        (kprobe, op::W, 4, true),
        (kprobe, op::B, 167, true),
        (kprobe, op::DW, 4, false),
        (kprobe, op::DW, 160, true),
        (kprobe, op::B, 168, false),
        (tracepoint, op::DW, 0, false),
        (tracepoint, op::B, 7, false),
        (tracepoint, op::DW, 8, true),
        (tracepoint, op::H, 198, true),
        (tracepoint, op::H, 9, false),
        (perf, op::DW, 0, true),
        (perf, op::W, 0, false),
        (perf, op::DW, 160, true),
        (perf, op::W, 168, true),
        (perf, op::W, 172, true),
        (perf, op::B, 183, true),
        (perf, op::DW, 172, false),
        (perf, op::B, 184, false),
        (raw, op::B, 95, true),
        (raw, op::B, 96, false),
    ] {
        let code = [load(size, 0, 1, offset), exit()].concat();
        let fd = load_prog(&engine, prog_type, &code).unwrap();
        let runner = engine.program(fd).unwrap();
        assert!(!runner.kind().takes_packets);
        let mut packet = PacketBuf::new();
        let all = match prog_type {
            ProgType::KPROBE => 168,
            ProgType::PERF_EVENT => 184,
            ProgType::RAW_TRACEPOINT => 96,
            _ => 200,
        };
        runner
            .fill(&mut packet, &[], Some(&context[..all]))
            .unwrap();
        match runner.run(0, &mut packet) {
            Ok(outcome) => {
                assert!(fine, "{prog_type:?} {offset}");
                assert_eq!(outcome.value as u8, offset as u8);
            }
            Err(RunError::Violation(report)) => {
                assert!(!fine, "{prog_type:?} {offset}");
                assert_eq!(report.violation.kind, ViolationKind::ContextAccess);
            }
            Err(other) => panic!("{other}"),
        }
        // None of them writes.
        let code = [set(2, 7), store(size, 1, offset, 2), ret(0)].concat();
        let runner = engine
            .program(load_prog(&engine, prog_type, &code).unwrap())
            .unwrap();
        runner
            .fill(&mut packet, &[], Some(&context[..all]))
            .unwrap();
        assert_eq!(
            runner.run(0, &mut packet).unwrap_err().errno(),
            Errno::EACCES
        );
    }
}

#[test]
fn types_without_a_test_run_say_so() {
    let engine = Engine::new();
    for prog_type in [ProgType::KPROBE, ProgType::TRACEPOINT, ProgType::PERF_EVENT] {
        let fd = load_prog(&engine, prog_type, &ret(0)).unwrap();
        assert_eq!(over(&engine, fd, &[0; 8], |_| {}), Err(Errno::ENOTSUPP));
        // What is wrong with any test run is found before.
        let unpaired = over(&engine, fd, &[0; 8], |cmd| cmd.ctx_in = UserIn::NULL);
        assert_eq!(unpaired, Err(Errno::EINVAL));
    }
}

#[test]
fn a_short_context_ends_a_run_where_it_ends() {
    let engine = Engine::new();
    let code = [load(op::DW, 0, 1, 8), exit()].concat();
    let fd = load_prog(&engine, ProgType::KPROBE, &code).unwrap();
    let runner = engine.program(fd).unwrap();
    let mut packet = PacketBuf::new();
    runner.fill(&mut packet, &[], Some(&[1; 15])).unwrap();
    match runner.run(0, &mut packet) {
        Err(RunError::Violation(report)) => {
            assert_eq!(report.violation.kind, ViolationKind::ContextEnd);
            assert!(report.to_string().contains("15 bytes"), "{report}");
        }
        other => panic!("{other:?}"),
    }
    let long = runner.fill(&mut packet, &[], Some(&[1; 169]));
    assert_eq!(long, Err(Errno::EINVAL));
    let data = runner.fill(&mut packet, &[0; 14], None);
    assert_eq!(data, Err(Errno::EINVAL));
}

/// A `struct bpf_sk_lookup` whose addresses are words that count up.
fn lookup(family: u32) -> Vec<u8> {
    let mut words: Vec<u32> = (0..18).map(|word| 0x100 + word).collect();
    for (at, value) in [(0, 0), (1, 0), (2, family), (15, 80), (16, 0), (17, 0)] {
        words[at] = value;
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn a_lookup_sees_the_addresses_of_its_family() {
    let engine = Engine::new();
    // What may be returned is little, so a bit at a time.
    let sees = |family, offset| {
        let bit = |bit: i32| {
            let shift = Insn::new(op::ALU | op::RSH, 0, 0, 0, bit);
            let mask = Insn::new(op::ALU | op::AND, 0, 0, 0, 1);
            let code = [load(op::W, 0, 1, offset), vec![shift, mask], exit()].concat();
            let hook = |cmd: &mut ProgLoad<'_>| cmd.expected_attach_type = AttachType::SK_LOOKUP;
            let fd = load_with(&engine, ProgType::SK_LOOKUP, &code, hook).unwrap();
            let seen = over(&engine, fd, &lookup(family), |_| {}).unwrap();
            engine.close(fd).unwrap();
            seen << bit
        };
        (0..32).map(bit).sum::<u32>()
    };
    for (offset, ip, ipv6) in [
        (8, 2, 10),
        (12, 0x103, 0x103),
        (16, 0x104, 0),
        (20, 0, 0x105),
        (32, 0, 0x108),
        (36, 0x109, 0x109),
        (40, 0x10a, 0),
        (44, 0, 0x10b),
        (56, 0, 0x10e),
        (60, 80, 80),
        (64, 0, 0),
    ] {
        assert_eq!((sees(2, offset), sees(10, offset)), (ip, ipv6), "{offset}");
    }
    assert_eq!(sees(0x10002, 8), 2);
}

#[test]
fn a_lookup_takes_addresses_that_make_sense() {
    let engine = Engine::new();
    let hook = |cmd: &mut ProgLoad<'_>| cmd.expected_attach_type = AttachType::SK_LOOKUP;
    let fd = load_with(&engine, ProgType::SK_LOOKUP, &ret(1), hook).unwrap();
    let einval = Err(Errno::EINVAL);
    for (at, value, expected) in [
        (0, 1, einval),
        (4, 1, einval),
        (64, 1, einval),
        (68, 1, einval),
        (60, 65_535, Ok(1)),
        (60, 65_536, Err(Errno::ERANGE)),
        (8, 0, Err(Errno::EAFNOSUPPORT)),
        (12, 0, Ok(1)),
    ] {
        let mut context = lookup(2);
        context[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        let answer = over(&engine, fd, &context, |_| {});
        assert_eq!(answer, expected, "{at}");
    }
    let context = lookup(2);
    for (len, expected) in [
        (0, einval),
        (8, Err(Errno::EAFNOSUPPORT)),
        (12, Ok(1)),
        (72, Ok(1)),
    ] {
        assert_eq!(
            over(&engine, fd, &context[..len], |_| {}),
            expected,
            "{len}"
        );
    }
    let with = |change: fn(&mut ProgTestRun<'_>)| over(&engine, fd, &context, change);
    assert_eq!(with(|cmd| cmd.repeat = 3), Ok(1));
    for refused in [
        (|cmd| cmd.flags = 1) as fn(&mut ProgTestRun<'_>),
        |cmd| cmd.cpu = 1,
        |cmd| cmd.batch_size = 1,
        |cmd| cmd.data_size_in = 3,
        |cmd| cmd.data_size_out = 3,
        |cmd| cmd.data_in = UserIn::new(b"x"),
    ] {
        assert_eq!(with(refused), einval);
    }
    let mut out = [0xee; 80];
    let back = over(&engine, fd, &context, |cmd| {
        cmd.ctx_size_out = 80;
        cmd.ctx_out = UserOut::new(&mut out);
    });
    assert_eq!((back, &out[..72], out[72]), (Ok(1), &context[..], 0xee));
    // For its own hook only, and with one of two verdicts.
    let other = load_prog(&engine, ProgType::SK_LOOKUP, &ret(1));
    assert_eq!(other, Err(Errno::EINVAL));
    let fd = load_with(&engine, ProgType::SK_LOOKUP, &ret(2), hook).unwrap();
    assert_eq!(over(&engine, fd, &context, |_| {}), einval);
}
