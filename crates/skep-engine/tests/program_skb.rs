//! PROG_TEST_RUN of traffic-control programs: what Linux 6.18 was seen to answer.

mod programs;

use programs::*;
use skep_abi::insn::op;
use skep_abi::*;
use skep_engine::Engine;

/// An Ethernet header of this type, and `rest` bytes of 0x45 each.
fn frame(protocol: u16, rest: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..12).collect();
    bytes.extend(protocol.to_be_bytes());
    bytes.resize(14 + rest, 0x45);
    bytes
}

/// Returns the four bytes of the context at `offset`.
fn field(offset: i16) -> Code {
    [load(op::W, 0, 1, offset), exit()].concat()
}

#[test]
fn a_packet_has_its_headers_and_fits_a_page() {
    let engine = Engine::new();
    let fd = tc(&engine, &field(0));
    let einval = Err(Errno::EINVAL);
    for (data, answer) in [
        (frame(0x1234, 0), Ok(())),
        (frame(0x1234, 0)[..13].to_vec(), einval),
        (frame(0x1234, 3698), Ok(())),
        (frame(0x1234, 3699), einval),
        (frame(0x0800, 19), einval),
        (frame(0x0800, 20), Ok(())),
        (frame(0x86dd, 39), einval),
        (frame(0x86dd, 40), Ok(())),
    ] {
        let run = run(&engine, fd, &data);
        assert_eq!(run.result, answer, "{} bytes", data.len());
        if answer.is_ok() {
            assert_eq!(
                (run.retval, run.size),
                (data.len() as u32, data.len() as u32)
            );
            assert_eq!(run.out[..data.len()], data);
        }
    }
}

#[test]
fn attributes_are_judged_in_linux_order() {
    let engine = Engine::new();
    let fd = tc(&engine, &ret(0));
    let answer = |change: fn(&mut ProgTestRun<'_>)| {
        run_with(&engine, fd, &frame(0x0800, 51), None, change).result
    };
    let einval = Err(Errno::EINVAL);
    assert_eq!(answer(|cmd| cmd.cpu = 1), einval);
    assert_eq!(answer(|cmd| cmd.batch_size = 1), einval);
    assert_eq!(answer(|cmd| cmd.flags = 1), einval);
    assert_eq!(answer(|cmd| cmd.flags = 2), einval);
    assert_eq!(answer(|cmd| cmd.data_in = UserIn::NULL), Err(Errno::EFAULT));
    // A packet that is too short is found before a context that cannot be read.
    let both = |cmd: &mut ProgTestRun<'_>| {
        cmd.data_size_in = 13;
        cmd.ctx_size_in = 8;
        cmd.ctx_in = UserIn::new(&[0; 4]);
    };
    assert_eq!(answer(both), einval);
}

#[test]
fn the_context_takes_some_fields_and_gives_them_back() {
    let engine = Engine::new();
    let fd = tc(&engine, &ret(0));
    let data = frame(0x0800, 51);
    for (offset, value, answer) in [
        (0, 1, Err(Errno::EINVAL)),
        (4, 1, Err(Errno::EINVAL)),
        (8, 7, Ok(7)),
        (12, 1, Err(Errno::EINVAL)),
        (16, 1, Err(Errno::EINVAL)),
        (32, u32::MAX, Ok(u32::MAX)),
        (36, 2, Ok(2)),
        (40, 1, Ok(1)),
        (40, 99, Err(Errno::ENODEV)),
        (44, 1, Err(Errno::EINVAL)),
        (48, 5, Ok(5)),
        (64, 5, Ok(5)),
        (68, 1, Err(Errno::EINVAL)),
        (76, 1, Err(Errno::EINVAL)),
        (80, 65, Err(Errno::EINVAL)),
        (116, 1, Err(Errno::EINVAL)),
        (152, 9, Ok(9)),
        (156, 9, Ok(9)),
        (160, 64, Err(Errno::EINVAL)),
        (160, 65, Ok(65)),
        (160, 65536, Ok(65536)),
        (160, 65537, Err(Errno::EINVAL)),
        (164, 65535, Ok(65535)),
        (164, 65536, Err(Errno::EINVAL)),
        (168, 1, Err(Errno::EINVAL)),
        (176, u32::MAX, Ok(u32::MAX)),
        (180, 1, Err(Errno::EINVAL)),
        (184, 3, Ok(3)),
    ] {
        let mut ctx = vec![0; 192];
        ctx[offset..offset + 4].copy_from_slice(&u32::to_le_bytes(value));
        let run = run_with(&engine, fd, &data, Some(&ctx), |_| {});
        let seen = run
            .result
            .map(|()| u32::from_le_bytes(run.ctx[offset..offset + 4].try_into().unwrap()));
        assert_eq!(seen, answer, "{offset}");
    }
    let run = run_with(&engine, fd, &data, Some(&[0; 192]), |_| {});
    let mut expected = vec![0; 192];
    (expected[40], expected[160]) = (1, 65);
    assert_eq!(run.ctx, expected);
}

#[test]
fn programs_see_what_the_packet_says() {
    let engine = Engine::new();
    let sees = |offset, data: &[u8]| {
        let answer = run(&engine, tc(&engine, &field(offset)), data);
        assert_eq!(answer.result, Ok(()));
        answer.retval
    };
    let (pkt_type, protocol, ifindex) = (4, 16, 40);
    // The loopback device has no broadcast address but its own.
    for (to, expected) in [(0xff, 2), (1, 2), (0, 0), (2, 3)] {
        let mut data = frame(0x1234, 40);
        data[..6].fill(to);
        assert_eq!(sees(pkt_type, &data), expected, "{to}");
    }
    assert_eq!(sees(protocol, &frame(0x0800, 40)), 0x0008);
    assert_eq!(sees(protocol, &frame(0x0040, 40)), 0x0400);
    assert_eq!(sees(protocol, &frame(0x0600, 40)), 0x0006);
    let mut raw = frame(0x0040, 40);
    raw[14..16].fill(0xff);
    assert_eq!(sees(protocol, &raw), 0x0100);
    assert_eq!(sees(ifindex, &raw), 1);
}

#[test]
fn fields_are_read_and_written_by_their_width() {
    let engine = Engine::new();
    let runs = |code: Code| {
        let fd = tc(&engine, &code);
        run(&engine, fd, &frame(0x0800, 51)).result
    };
    let denied = Err(Errno::EACCES);
    let reads = |size, offset| runs([load(size, 0, 1, offset), exit()].concat());
    let writes = |size, offset| runs([set(2, 7), store(size, 1, offset, 2), ret(0)].concat());
    for (size, offset, read, write) in [
        (op::W, 8, Ok(()), Ok(())),
        (op::B, 11, Ok(()), denied),
        (op::H, 10, Ok(()), denied),
        (op::H, 9, denied, denied),
        (op::DW, 8, denied, denied),
        (op::W, 0, Ok(()), denied),
        (op::W, 12, Ok(()), Ok(())),
        (op::W, 72, Ok(()), Ok(())),
        (op::DW, 48, Ok(()), Ok(())),
        (op::DW, 52, denied, denied),
        (op::DW, 64, denied, denied),
        (op::B, 49, Ok(()), Ok(())),
        (op::H, 76, denied, denied),
        (op::W, 88, denied, denied),
        (op::DW, 152, Ok(()), Ok(())),
        (op::W, 152, denied, denied),
        (op::W, 160, Ok(()), denied),
        (op::B, 180, Ok(()), denied),
        (op::W, 180, denied, denied),
        (op::DW, 184, Ok(()), denied),
        (op::W, 192, denied, denied),
    ] {
        assert_eq!(reads(size, offset), read, "read at {offset}");
        assert_eq!(writes(size, offset), write, "write at {offset}");
    }
}

#[test]
fn what_is_written_comes_out_where_linux_gives_it_out() {
    let engine = Engine::new();
    let mut code = set(2, 0x12345);
    for offset in [8, 12, 32, 44, 64, 72] {
        code.extend(store(op::W, 1, offset, 2));
    }
    code.extend(store(op::DW, 1, 152, 2));
    // Fields of 16 bits keep the lower half.
    code.extend([load(op::W, 0, 1, 44), exit()].concat());
    let fd = tc(&engine, &code);
    let run = run_with(&engine, fd, &frame(0x1234, 40), Some(&[0; 192]), |_| {});
    assert_eq!((run.result, run.retval), (Ok(()), 0x2345));
    let word = |at: usize| u32::from_le_bytes(run.ctx[at..at + 4].try_into().unwrap());
    for (offset, expected) in [
        (8, 0x12345),
        (12, 0),
        (32, 0x12345),
        (44, 0),
        (64, 0x12345),
        (72, 0),
        (152, 0x12345),
    ] {
        assert_eq!(word(offset), expected, "{offset}");
    }
}
