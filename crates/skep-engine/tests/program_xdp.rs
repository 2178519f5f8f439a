//! PROG_TEST_RUN of XDP programs: what Linux 6.18 was seen to answer.

mod programs;

use programs::*;
use skep_abi::insn::op;
use skep_abi::*;
use skep_engine::Engine;

/// Returns `data_end - data`.
fn linear_len() -> Code {
    [
        load(op::W, 2, 1, 0),
        load(op::W, 0, 1, 4),
        vec![Insn::new(op::ALU64 | op::SUB | op::X, 0, 2, 0, 0)],
        exit(),
    ]
    .concat()
}

#[test]
fn a_packet_has_an_ethernet_header_at_least_and_17_fragments_at_the_most() {
    let engine = Engine::new();
    let fd = xdp(&engine, &linear_len());
    for (len, answer, linear) in [
        (0, Err(Errno::EINVAL), 0),
        (13, Err(Errno::EINVAL), 0),
        (14, Ok(()), 14),
        (3520, Ok(()), 3520),
        (3521, Ok(()), 3520),
        (73152, Ok(()), 3520),
        (73153, Err(Errno::ENOMEM), 0),
    ] {
        let data: Vec<u8> = (0..len).map(|at: u32| (at % 251) as u8).collect();
        let run = run(&engine, fd, &data);
        assert_eq!(run.result, answer, "{len}");
        match answer {
            Ok(()) => {
                assert_eq!((run.retval, run.size), (linear, len));
                assert_eq!(run.out[..len as usize], data);
            }
            Err(_) => assert_eq!((run.retval, run.duration), (UNTOUCHED, UNTOUCHED)),
        }
    }
}

#[test]
fn too_little_room_is_told_after_what_there_is_room_for() {
    let engine = Engine::new();
    let fd = xdp(&engine, &ret(2));
    let small =
        |data: &[u8], room: u32| run_with(&engine, fd, data, None, |cmd| cmd.data_size_out = room);
    let answer = small(&count(), 10);
    assert_eq!(answer.result, Err(Errno::ENOSPC));
    assert_eq!((answer.retval, answer.size), (2, 64));
    assert_eq!(answer.out[..11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xee]);
    // Room 0 is no hint: everything is copied.
    let answer = small(&count(), 0);
    assert_eq!((answer.result, answer.size), (Ok(()), 64));
    assert_eq!(answer.out[..64], count());
    // Fragments come out whole, after what is left of the linear part.
    let long: Vec<u8> = (0..5000).map(|at: u32| (at % 251) as u8).collect();
    let answer = small(&long, 3600);
    assert_eq!((answer.result, answer.size), (Err(Errno::ENOSPC), 5000));
    assert_eq!(answer.out[..2120], long[..2120]);
    assert_eq!(answer.out[2120..3600], long[3520..]);
    let answer = small(&long, 10);
    assert_eq!(answer.result, Err(Errno::ENOSPC));
    assert_eq!((answer.retval, answer.size), (UNTOUCHED, 10));
}

#[test]
fn attributes_are_judged_in_linux_order() {
    let engine = Engine::new();
    let fd = xdp(&engine, &ret(2));
    let data = count();
    let answer =
        |change: fn(&mut ProgTestRun<'_>)| run_with(&engine, fd, &count(), None, change).result;
    assert_eq!(answer(|cmd| cmd.ctx_size_in = 24), Err(Errno::EINVAL));
    assert_eq!(answer(|cmd| cmd.ctx_size_out = 24), Err(Errno::EINVAL));
    assert_eq!(answer(|cmd| cmd.batch_size = 1), Err(Errno::EINVAL));
    assert_eq!(answer(|cmd| cmd.cpu = 5), Ok(()));
    for flags in [1, 3, 4] {
        let run = run_with(&engine, fd, &data, None, |cmd| cmd.flags = flags);
        assert_eq!(run.result, Err(Errno::EINVAL));
    }
    assert_eq!(answer(|cmd| cmd.data_in = UserIn::NULL), Err(Errno::EFAULT));
    // A size that is wrong is found before bytes that are not there.
    let both = |cmd: &mut ProgTestRun<'_>| {
        cmd.data_in = UserIn::NULL;
        cmd.data_size_in = 13;
    };
    assert_eq!(answer(both), Err(Errno::EINVAL));
    assert_eq!(run(&engine, Fd(-1), &data).result, Err(Errno::EBADF));
    let map = new_map(&engine, MapType::ARRAY, 8, 0);
    assert_eq!(run(&engine, map, &data).result, Err(Errno::EINVAL));
    for hook in [AttachType::XDP_DEVMAP, AttachType::XDP_CPUMAP] {
        let fd = load_with(&engine, ProgType::XDP, &ret(2), |cmd| {
            cmd.expected_attach_type = hook;
        });
        let answer = run(&engine, fd.unwrap(), &data).result;
        assert_eq!(answer, Err(Errno::EINVAL));
    }
}

#[test]
fn the_context_says_where_packet_and_metadata_are() {
    let engine = Engine::new();
    let fd = xdp(&engine, &linear_len());
    let einval = Err(Errno::EINVAL);
    for (ctx, answer, linear) in [
        (md(0, 64, 0, 0), Ok(()), 64),
        (md(8, 64, 0, 0), Ok(()), 56),
        (md(48, 64, 0, 0), Ok(()), 16),
        (md(52, 64, 0, 0), einval, 0),
        (md(3, 64, 0, 0), einval, 0),
        (md(0, 63, 0, 0), Ok(()), 63),
        (md(0, 0, 0, 0), Ok(()), 0),
        (md(16, 16, 0, 0), Ok(()), 0),
        (md(0, 65, 0, 0), einval, 0),
        (md(20, 16, 0, 0), einval, 0),
        (md(0, 64, 1, 0), Ok(()), 64),
        (md(0, 64, 99, 0), Err(Errno::ENODEV), 0),
        (md(0, 64, 99, 7), Err(Errno::ENODEV), 0),
        (md(0, 64, 1, 1), einval, 0),
        (md(0, 64, 0, 1), einval, 0),
    ] {
        let run = run_with(&engine, fd, &count(), Some(&ctx), |_| {});
        assert_eq!(run.result, answer, "{ctx:?}");
        if answer.is_ok() {
            assert_eq!((run.retval, run.size, run.ctx_size), (linear, 64, 24));
            assert_eq!(run.ctx, ctx);
            assert_eq!(run.out[..64], count());
        }
    }
    let big = vec![0; 4096];
    let run = run_with(&engine, fd, &big, Some(&md(216, 4096, 0, 0)), |_| {});
    assert_eq!((run.result, run.retval), (Ok(()), 3520));
    assert_eq!(run.ctx, md(216, 3736, 0, 0));
    let run = run_with(&engine, fd, &big, Some(&md(220, 4096, 0, 0)), |_| {});
    assert_eq!(run.result, einval);
}

#[test]
fn a_context_may_be_shorter_or_longer_with_zeros() {
    let engine = Engine::new();
    let fd = xdp(&engine, &linear_len());
    let whole = md(0, 64, 0, 0);
    for len in [4, 8, 23, 24] {
        let run = run_with(&engine, fd, &count(), Some(&whole[..len]), |cmd| {
            cmd.ctx_size_out = 0;
            cmd.ctx_out = UserOut::null();
        });
        assert_eq!(run.result, Ok(()), "{len}");
        assert_eq!(run.retval, if len < 8 { 0 } else { 64 });
    }
    let mut long = whole.clone();
    long.resize(100, 0);
    assert_eq!(
        run_with(&engine, fd, &count(), Some(&long), |_| {}).result,
        Ok(())
    );
    long[99] = 1;
    let run = run_with(&engine, fd, &count(), Some(&long), |_| {});
    assert_eq!(run.result, Err(Errno::E2BIG));
    let page = vec![0; 4097];
    let run = run_with(&engine, fd, &count(), Some(&page), |_| {});
    assert_eq!(run.result, Err(Errno::E2BIG));
    let run = run_with(&engine, fd, &count(), Some(&whole), |cmd| {
        cmd.ctx_size_out = 8
    });
    assert_eq!((run.result, run.ctx_size), (Err(Errno::ENOSPC), 24));
    assert_eq!(run.ctx[..9], [0, 0, 0, 0, 64, 0, 0, 0, 0xee]);
}

/// `return helper(ctx, delta)`.
fn adjust(helper: i32, delta: i32) -> Code {
    [set(2, delta), call_helper(helper), exit()].concat()
}

#[test]
fn bounds_move_as_far_as_on_linux() {
    let engine = Engine::new();
    let (head, meta, tail) = (44, 54, 65);
    for (helper, delta, answer, size, ctx) in [
        (head, -217, -22, 64, (0, 64)),
        (head, -216, 0, 280, (0, 280)),
        (head, 50, 0, 14, (0, 14)),
        (head, 51, -22, 64, (0, 64)),
        (head, 65, -22, 64, (0, 64)),
        (meta, -217, -22, 64, (0, 64)),
        (meta, -216, 0, 280, (216, 280)),
        (meta, -215, -13, 64, (0, 64)),
        (meta, -1, -13, 64, (0, 64)),
        (meta, 0, 0, 64, (0, 64)),
        (meta, 4, -22, 64, (0, 64)),
        (tail, -50, 0, 14, (0, 14)),
        (tail, -51, -22, 64, (0, 64)),
        (tail, 3456, 0, 3520, (0, 3520)),
        (tail, 3457, -22, 64, (0, 64)),
        (tail, i32::MIN, -22, 64, (0, 64)),
        (head, i32::MIN, -22, 64, (0, 64)),
        (meta, i32::MIN, -22, 64, (0, 64)),
        (meta, i32::MAX, -22, 64, (0, 64)),
    ] {
        let fd = xdp(&engine, &adjust(helper, delta));
        let run = run_with(&engine, fd, &count(), Some(&md(0, 64, 0, 0)), |_| {});
        assert_eq!(run.result, Ok(()));
        let seen = (run.retval as i32, run.size, &run.ctx);
        assert_eq!(
            seen,
            (answer, size, &md(ctx.0, ctx.1, 0, 0)),
            "{helper} {delta}"
        );
    }
}

#[test]
fn metadata_moves_with_the_head() {
    let engine = Engine::new();
    let ctx = md(8, 64, 0, 0);
    for (helper, delta, answer, size, after) in [
        (44, -208, 0, 272, (8, 272)),
        (44, -209, -22, 64, (8, 64)),
        (44, 42, 0, 22, (8, 22)),
        (44, 43, -22, 64, (8, 64)),
        (54, -208, 0, 272, (216, 272)),
        (54, 8, 0, 56, (0, 56)),
        (54, 12, -22, 64, (8, 64)),
        (65, 3464, 0, 3528, (8, 3528)),
        (65, 3465, -22, 64, (8, 64)),
    ] {
        let fd = xdp(&engine, &adjust(helper, delta));
        let run = run_with(&engine, fd, &count(), Some(&ctx), |_| {});
        assert_eq!(
            (run.retval as i32, run.size),
            (answer, size),
            "{helper} {delta}"
        );
        assert_eq!(run.ctx, md(after.0, after.1, 0, 0));
        if helper == 44 && answer == 0 {
            assert_eq!(run.out[..8], count()[..8]);
        }
    }
}

#[test]
fn the_tail_moves_through_fragments() {
    let engine = Engine::new();
    for (len, delta, answer, size) in [
        (4424, -905, 0, 3519),
        (4424, -4411, -22, 4424),
        (4424, -4410, 0, 14),
        (4424, 3192, 0, 7616),
        (4424, 3193, -22, 4424),
        (7616, 1, -22, 7616),
        (7617, 1, 0, 7618),
    ] {
        let data: Vec<u8> = (0..len).map(|at: u32| (at % 251) as u8).collect();
        let fd = xdp(&engine, &adjust(65, delta));
        let run = run(&engine, fd, &data);
        assert_eq!(
            (run.retval as i32, run.size),
            (answer, size),
            "{len} {delta}"
        );
        let kept = size.min(len) as usize;
        assert_eq!(run.out[..kept], data[..kept]);
        assert!(run.out[kept..size as usize].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn repeats_go_on_with_the_packet_and_are_timed() {
    let engine = Engine::builder().seed(1).build();
    let fd = xdp(&engine, &adjust(44, 4));
    let run = run_with(&engine, fd, &count(), None, |cmd| cmd.repeat = 3);
    assert_eq!((run.retval, run.size), (0, 52));
    let twice = [call_helper(5), call_helper(5), ret(0)].concat();
    let fd = xdp(&engine, &twice);
    // Each reading of a deterministic clock is 100 ns after the one before: two a
    // run, and one more for them all.
    let run = run_with(&engine, fd, &count(), None, |cmd| cmd.repeat = 10);
    assert_eq!(run.duration, 210);
}

#[test]
fn any_number_may_be_returned() {
    let engine = Engine::new();
    for value in [0, 1, 77, -1] {
        let fd = xdp(&engine, &ret(value));
        assert_eq!(returned(&engine, fd), value as u32);
    }
    let kind = engine.program(xdp(&engine, &ret(2))).unwrap().kind();
    assert_eq!(kind.return_name(2), Some("XDP_PASS"));
    assert_eq!(kind.return_name(77), None);
}
