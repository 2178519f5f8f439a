//! Any type, packet, context and access: a run answers, and nothing panics.

mod programs;

use programs::*;
use proptest::collection::vec;
use proptest::prelude::*;
use skep_abi::insn::op;
use skep_abi::*;
use skep_engine::Engine;
use skep_engine::program::{Kind, kinds};
use skep_engine::run::PacketBuf;

fn any_kind() -> impl Strategy<Value = &'static Kind> {
    proptest::sample::select(kinds().collect::<Vec<_>>())
}

/// The hook and the flags with which a type's programs load.
fn load_any(engine: &Engine, kind: &Kind, code: &[Insn]) -> Result<Fd> {
    load_with(engine, kind.prog_type, code, |cmd| {
        if kind.prog_type == ProgType::SK_LOOKUP {
            cmd.expected_attach_type = AttachType::SK_LOOKUP;
        }
        if kind.prog_type == ProgType::SYSCALL {
            cmd.prog_flags = flags::prog::SLEEPABLE;
        }
    })
}

/// A context: mostly zeros, as those are that are taken.
fn context() -> impl Strategy<Value = Option<Vec<u8>>> {
    let byte = prop_oneof![12 => Just(0), 1 => any::<u8>()];
    proptest::option::of(vec(byte, 1..260))
}

/// An access to the context, or a call of a helper with it.
fn step() -> impl Strategy<Value = Code> {
    let size = proptest::sample::select(vec![op::B, op::H, op::W, op::DW]);
    let offset = prop_oneof![4 => (0..50i16).prop_map(|word| 4 * word), 1 => any::<i16>()];
    let access = (size, offset, any::<bool>()).prop_map(|(size, offset, write)| match write {
        true => [set(2, 7), store(size, 6, offset, 2)].concat(),
        false => load(size, 0, 6, offset),
    });
    let at = prop_oneof![2 => 0..80i32, 1 => any::<i32>()];
    let call = (proptest::sample::select(vec![26, 39, 68, 41]), at, 0..3i32);
    let call = call.prop_map(|(helper, at, base)| {
        let rest = [stack(3, -8), set(4, 8), set(5, base), call_helper(helper)];
        [copy(1, 6), set(2, at), rest.concat()].concat()
    });
    prop_oneof![4 => access, 1 => call]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn runs_answer(
        kind in any_kind(),
        steps in vec(step(), 0..4),
        data in prop_oneof![2 => Just(Vec::new()), 3 => vec(any::<u8>(), 0..120)],
        context in context(),
    ) {
        let engine = Engine::new();
        let code = [copy(6, 1), steps.concat(), ret(0)].concat();
        let Ok(fd) = load_any(&engine, kind, &code) else {
            return Ok(());
        };
        let runner = engine.program(fd).unwrap();
        let mut packet = PacketBuf::new();
        match runner.fill(&mut packet, &data, context.as_deref()) {
            Err(errno) => prop_assert!([
                Errno::EINVAL,
                Errno::ENODEV,
                Errno::ERANGE,
                Errno::EAFNOSUPPORT,
            ].contains(&errno)),
            Ok(()) => {
                // What a type takes is given out again at its full length.
                prop_assert_eq!(packet.to_vec().len(), data.len());
                let twice = [runner.run(0, &mut packet), runner.run(0, &mut packet)];
                for outcome in twice.into_iter().flatten() {
                    prop_assert_eq!(outcome.value, 0);
                }
                prop_assert_eq!(packet.to_vec().len(), packet.len());
                runner.context_out(&packet, &mut context.clone().unwrap_or_default());
            }
        }
    }

    #[test]
    fn test_runs_answer_as_their_type_does(
        kind in any_kind(),
        data in vec(any::<u8>(), 0..120),
        context in context(),
        more in (0..3u32, 0..3u32, 0..3u32),
    ) {
        let engine = Engine::new();
        let fd = load_any(&engine, kind, &ret(0)).unwrap();
        let answer = run_with(&engine, fd, &data, context.as_deref(), |cmd| {
            (cmd.flags, cmd.cpu, cmd.repeat) = more;
            cmd.duration = 0;
            if !kind.takes_packets {
                cmd.data_in = UserIn::NULL;
                cmd.data_out = UserOut::null();
                cmd.data_size_out = 0;
                cmd.ctx_out = UserOut::null();
                cmd.ctx_size_out = 0;
            }
        });
        // That there is too little room for what comes out is found out after the run.
        let ran = matches!(answer.result, Ok(()) | Err(Errno::ENOSPC));
        prop_assert_eq!(answer.retval, if ran { 0 } else { UNTOUCHED });
        let none = Err(Errno::ENOTSUPP);
        let traces = [ProgType::KPROBE, ProgType::TRACEPOINT, ProgType::PERF_EVENT];
        if traces.contains(&kind.prog_type) {
            prop_assert_eq!(answer.result, none);
        } else if kind.prog_type != ProgType::LWT_SEG6LOCAL {
            prop_assert_ne!(answer.result, none);
        }
    }
}
