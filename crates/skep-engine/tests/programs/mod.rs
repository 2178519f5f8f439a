//! What the tests of programs share: instructions by hand, loading, running.
#![allow(dead_code)]

use skep_abi::insn::{op, pseudo};
use skep_abi::*;
use skep_engine::Engine;

/// A program: instructions one after the other.
pub type Code = Vec<Insn>;

/// `dst = imm`, sign-extended.
pub fn set(dst: u8, imm: i32) -> Code {
    vec![Insn::new(op::ALU64 | op::MOV, dst, 0, 0, imm)]
}

/// `dst = number`, all 64 bits.
pub fn set64(dst: u8, number: u64) -> Code {
    wide(dst, 0, number as i32, (number >> 32) as i32)
}

/// A 64-bit immediate of some kind.
pub fn wide(dst: u8, kind: u8, low: i32, high: i32) -> Code {
    vec![
        Insn::new(op::LD | op::DW, dst, kind, 0, low),
        Insn::new(0, 0, 0, 0, high),
    ]
}

/// `dst = map`.
pub fn map(dst: u8, fd: Fd) -> Code {
    wide(dst, pseudo::MAP_FD, fd.0, 0)
}

/// `dst = src`.
pub fn copy(dst: u8, src: u8) -> Code {
    vec![Insn::new(op::ALU64 | op::MOV | op::X, dst, src, 0, 0)]
}

/// `dst = r10 + offset`.
pub fn stack(dst: u8, offset: i32) -> Code {
    let mut code = copy(dst, 10);
    code.push(Insn::new(op::ALU64 | op::ADD, dst, 0, 0, offset));
    code
}

/// `dst = *(size *)(src + offset)`.
pub fn load(size: u8, dst: u8, src: u8, offset: i16) -> Code {
    vec![Insn::new(op::LDX | op::MEM | size, dst, src, offset, 0)]
}

/// `*(size *)(dst + offset) = src`.
pub fn store(size: u8, dst: u8, offset: i16, src: u8) -> Code {
    vec![Insn::new(op::STX | op::MEM | size, dst, src, offset, 0)]
}

/// Puts bytes at `r10 + offset`, by way of register 1.
pub fn put(offset: i16, bytes: &[u8]) -> Code {
    let mut code = Code::new();
    for (index, chunk) in bytes.chunks(8).enumerate() {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        code.extend(set64(1, u64::from_le_bytes(word)));
        code.extend(store(op::DW, 10, offset + 8 * index as i16, 1));
    }
    code
}

/// Calls a helper.
pub fn call_helper(id: i32) -> Code {
    vec![Insn::new(op::JMP | op::CALL, 0, 0, 0, id)]
}

/// Returns.
pub fn exit() -> Code {
    vec![Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0)]
}

/// `return imm`.
pub fn ret(imm: i32) -> Code {
    [set(0, imm), exit()].concat()
}

/// Loads a program with changes to the usual attributes.
pub fn load_with(
    engine: &Engine,
    prog_type: ProgType,
    code: &[Insn],
    change: impl FnOnce(&mut ProgLoad<'_>),
) -> Result<Fd> {
    let bytes = Insn::encode_all(code);
    let mut cmd = ProgLoad {
        prog_type,
        insn_cnt: code.len() as u32,
        insns: UserIn::new(&bytes),
        license: UserIn::new(b"GPL\0"),
        ..ProgLoad::default()
    };
    change(&mut cmd);
    engine.prog_load(&mut cmd)
}

/// Loads a program.
pub fn load_prog(engine: &Engine, prog_type: ProgType, code: &[Insn]) -> Result<Fd> {
    load_with(engine, prog_type, code, |_| {})
}

/// Loads an XDP program that has to load.
pub fn xdp(engine: &Engine, code: &[Insn]) -> Fd {
    load_prog(engine, ProgType::XDP, code).unwrap()
}

/// Loads a traffic-control program that has to load.
pub fn tc(engine: &Engine, code: &[Insn]) -> Fd {
    load_prog(engine, ProgType::SCHED_CLS, code).unwrap()
}

/// Makes a map.
pub fn new_map(engine: &Engine, map_type: MapType, value_size: u32, flags: u32) -> Fd {
    let mut cmd = MapCreate {
        map_type,
        key_size: 4,
        value_size,
        max_entries: 4,
        map_flags: flags,
        ..MapCreate::default()
    };
    engine.map_create(&mut cmd).unwrap()
}

/// What a test run answers.
#[derive(Debug)]
pub struct Answer {
    pub result: Result<()>,
    pub retval: u32,
    pub size: u32,
    pub out: Vec<u8>,
    pub ctx_size: u32,
    pub ctx: Vec<u8>,
    pub duration: u32,
}

/// A number that a run writes over, so that it shows whether it did.
pub const UNTOUCHED: u32 = 0xaaaa;

/// Runs a program with changes to the usual attributes: 64 bytes in, room for 8192 out.
pub fn run_with(
    engine: &Engine,
    fd: Fd,
    data: &[u8],
    ctx: Option<&[u8]>,
    change: impl FnOnce(&mut ProgTestRun<'_>),
) -> Answer {
    let mut out = vec![0xee; 80_000];
    let mut ctx_out = ctx.map(|ctx| vec![0xee; ctx.len()]);
    let mut cmd = ProgTestRun {
        prog: fd,
        retval: UNTOUCHED,
        duration: UNTOUCHED,
        data_size_in: data.len() as u32,
        data_in: UserIn::new(data),
        data_size_out: out.len() as u32,
        data_out: UserOut::new(&mut out),
        ..ProgTestRun::default()
    };
    if let (Some(ctx), Some(out)) = (ctx, &mut ctx_out) {
        cmd.ctx_size_in = ctx.len() as u32;
        cmd.ctx_size_out = ctx.len() as u32;
        cmd.ctx_in = UserIn::new(ctx);
        cmd.ctx_out = UserOut::new(out);
    }
    change(&mut cmd);
    let result = engine.prog_test_run(&mut cmd);
    let (retval, size, ctx_size, duration) = (
        cmd.retval,
        cmd.data_size_out,
        cmd.ctx_size_out,
        cmd.duration,
    );
    Answer {
        result,
        retval,
        size,
        out,
        ctx_size,
        ctx: ctx_out.unwrap_or_default(),
        duration,
    }
}

/// Runs a program over `data` without a context.
pub fn run(engine: &Engine, fd: Fd, data: &[u8]) -> Answer {
    run_with(engine, fd, data, None, |_| {})
}

/// What a program returns over 64 bytes that count up.
pub fn returned(engine: &Engine, fd: Fd) -> u32 {
    let answer = run(engine, fd, &count());
    assert_eq!(answer.result, Ok(()), "{:?}", engine.last_violation(fd));
    answer.retval
}

/// 64 bytes that count up.
pub fn count() -> Vec<u8> {
    (0..64).collect()
}

/// A `struct xdp_md`.
pub fn md(data: u32, data_end: u32, ingress_ifindex: u32, rx_queue_index: u32) -> Vec<u8> {
    let words = [data, data_end, 0, ingress_ifindex, rx_queue_index, 0];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
