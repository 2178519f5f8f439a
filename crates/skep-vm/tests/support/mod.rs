//! A small host for the tests: one object of bytes behind handle 1, one map, and
//! a few helpers; and builders of instructions.

#![allow(dead_code)]

use skep_abi::Insn;
use skep_abi::MapType;
use skep_abi::insn::op;
use skep_verifier::{
    Access, Arg, ContextField, ContextTable, FieldKind, HelperProto, MapDesc, Ret,
};
use skep_vm::*;

/// The handle of the object that may be written, and of the one that may not.
pub const OBJECT: u16 = 1;
pub const CONSTANT: u16 = 2;
/// Where the object's first byte lies in its window.
pub const OBJECT_BASE: u64 = 1 << 20;
pub const MAP: u32 = 3;

pub const HELPER_LOOKUP: u32 = 1;
pub const HELPER_NUMBER: u32 = 2;
pub const HELPER_FILL: u32 = 3;
pub const HELPER_MOVE: u32 = 4;
pub const HELPER_VOID: u32 = 5;
pub const HELPER_CONTEXT: u32 = 6;
pub const HELPER_READ: u32 = 7;
pub const HELPER_CALLBACK: u32 = 8;
pub const HELPER_UPDATE: u32 = 9;

const fn proto(id: u32, name: &'static str, ret: Ret, args: [Arg; 5]) -> HelperProto {
    HelperProto {
        id,
        name,
        gpl_only: false,
        changes_packet: id == HELPER_MOVE,
        ret,
        args,
    }
}

const N: Arg = Arg::None;
static PROTOS: [HelperProto; 9] = [
    proto(
        HELPER_LOOKUP,
        "bpf_lookup",
        Ret::MapValueOrNull,
        [Arg::Map, Arg::MapKey, N, N, N],
    ),
    proto(
        HELPER_NUMBER,
        "bpf_number",
        Ret::Integer,
        [Arg::Anything, N, N, N, N],
    ),
    proto(
        HELPER_FILL,
        "bpf_fill",
        Ret::Integer,
        [Arg::MemOut, Arg::Size, N, N, N],
    ),
    proto(
        HELPER_MOVE,
        "bpf_move",
        Ret::Integer,
        [Arg::Context, Arg::Anything, N, N, N],
    ),
    proto(HELPER_VOID, "bpf_void", Ret::Void, [N, N, N, N, N]),
    proto(
        HELPER_CONTEXT,
        "bpf_context",
        Ret::Integer,
        [Arg::Context, N, N, N, N],
    ),
    proto(
        HELPER_READ,
        "bpf_read",
        Ret::Integer,
        [Arg::MemOrNull, Arg::SizeOrZero, N, N, N],
    ),
    proto(
        HELPER_CALLBACK,
        "bpf_callback",
        Ret::Integer,
        [Arg::Func, N, N, N, N],
    ),
    proto(
        HELPER_UPDATE,
        "bpf_update",
        Ret::Integer,
        [Arg::Map, Arg::MapKey, Arg::MapValue, Arg::Anything, N],
    ),
];

/// The host.
#[derive(Clone, Default, Debug)]
pub struct Host {
    /// The object's bytes.
    pub object: Vec<u8>,
    /// What helpers were given.
    pub log: Vec<String>,
}

impl Host {
    pub fn new() -> Host {
        Host {
            object: (0..16).collect(),
            log: Vec::new(),
        }
    }

    fn span(&self, place: Place, len: u64, write: bool) -> Result<core::ops::Range<usize>, Fault> {
        let offset = place.offset as i64 - OBJECT_BASE as i64;
        let fault = |kind| Fault {
            kind,
            what: "the test's object".to_owned(),
            offset,
            allowed: 0..self.object.len() as i64,
        };
        match place.handle {
            OBJECT => {}
            CONSTANT if !write => {}
            CONSTANT => return Err(fault(FaultKind::ReadOnly)),
            _ => return Err(fault(FaultKind::NoObject)),
        }
        if offset < 0 || offset as u64 + len > self.object.len() as u64 {
            return Err(fault(FaultKind::OutOfBounds));
        }
        Ok(offset as usize..offset as usize + len as usize)
    }
}

fn word(bytes: &[u8]) -> u64 {
    let mut all = [0; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(all)
}

impl Env for Host {
    fn load(&mut self, place: Place, width: Width) -> Result<u64, Fault> {
        let span = self.span(place, width.bytes() as u64, false)?;
        Ok(word(&self.object[span]))
    }

    fn store(&mut self, place: Place, width: Width, value: u64) -> Result<(), Fault> {
        let span = self.span(place, width.bytes() as u64, true)?;
        assert_eq!(width.truncate(value), value, "a value has its width");
        self.object[span].copy_from_slice(&value.to_le_bytes()[..width.bytes()]);
        Ok(())
    }

    fn atomic(
        &mut self,
        place: Place,
        width: Width,
        op: AtomicOp,
        operand: u64,
    ) -> Result<u64, Fault> {
        assert!(place.offset.is_multiple_of(width.bytes() as u64));
        let old = self.load(place, width)?;
        let new = match op {
            AtomicOp::Add => old.wrapping_add(operand),
            AtomicOp::Or => old | operand,
            AtomicOp::And => old & operand,
            AtomicOp::Xor => old ^ operand,
            AtomicOp::Exchange | AtomicOp::StoreRelease => operand,
            AtomicOp::CompareExchange { expected } if expected == old => operand,
            AtomicOp::CompareExchange { .. } => old,
            AtomicOp::LoadAcquire => return Ok(old),
        };
        self.store(place, width, width.truncate(new))?;
        Ok(old)
    }

    fn check(&mut self, place: Place, len: u64, write: bool) -> Result<(), Fault> {
        self.span(place, len, write).map(drop)
    }

    fn read(&mut self, place: Place, to: &mut [u8]) -> Result<(), Fault> {
        let span = self.span(place, to.len() as u64, false)?;
        to.copy_from_slice(&self.object[span]);
        Ok(())
    }

    fn write(&mut self, place: Place, from: &[u8]) -> Result<(), Fault> {
        let span = self.span(place, from.len() as u64, true)?;
        self.object[span].copy_from_slice(from);
        Ok(())
    }

    fn proto(&self, helper: u32) -> Option<&'static HelperProto> {
        PROTOS.get((helper as usize).checked_sub(1)?)
    }

    fn map(&self, handle: u32) -> Option<MapDesc> {
        (handle == MAP).then_some(MapDesc {
            map_type: MapType::HASH,
            key_size: 8,
            value_size: 16,
            max_entries: 1,
            map_flags: 0,
        })
    }

    fn call(
        &mut self,
        helper: u32,
        args: &mut Args<'_>,
        memory: &mut RunMemory<'_>,
    ) -> Result<HelperOut, CallError> {
        self.log.push(format!("{helper} {args:?}"));
        match (helper, args) {
            (HELPER_LOOKUP, [Value::Map(MAP), Value::In(key), ..]) => Ok(match key[0] {
                1 => HelperOut::Object(Place {
                    handle: OBJECT,
                    offset: OBJECT_BASE,
                }),
                _ => HelperOut::Null,
            }),
            (HELPER_FILL, [Value::Out(out), ..]) => {
                out.fill(0xab);
                Ok(HelperOut::Number(out.len() as u64))
            }
            (HELPER_MOVE, [Value::Context, Value::Number(delta), ..]) => {
                match memory.packet.adjust_head(*delta as i32 as isize) {
                    Some(()) => Ok(HelperOut::Number(0)),
                    None => Ok(HelperOut::Number(-22i64 as u64)),
                }
            }
            (HELPER_NUMBER, [Value::Number(13), ..]) => Err(CallError {
                argument: Some(1),
                message: "13 is not taken here".to_owned(),
            }),
            (HELPER_NUMBER, [Value::Number(number), ..]) => {
                Ok(HelperOut::Number(number.wrapping_add(1)))
            }
            (HELPER_READ, [Value::In(bytes), ..]) => Ok(HelperOut::Number(
                bytes.iter().map(|&byte| u64::from(byte)).sum(),
            )),
            _ => Ok(HelperOut::Number(0)),
        }
    }
}

const fn field(
    name: &'static str,
    offset: u16,
    size: u16,
    kind: FieldKind,
    access: Access,
    narrow: bool,
) -> ContextField {
    ContextField {
        name,
        offset,
        size,
        width: 4,
        narrow,
        kind,
        access,
        native_offset: offset,
        native_width: 4,
    }
}

/// A context with a field of every sort.
pub const CONTEXT: ContextTable = ContextTable {
    name: "test_md",
    size: 64,
    native_size: 64,
    fields: &[
        field("data", 0, 4, FieldKind::Packet, Access::Read, false),
        field("data_end", 4, 4, FieldKind::PacketEnd, Access::Read, false),
        field(
            "data_meta",
            8,
            4,
            FieldKind::PacketMeta,
            Access::Read,
            false,
        ),
        field("mark", 12, 4, FieldKind::Scalar, Access::ReadWrite, true),
        field("ifindex", 16, 4, FieldKind::Scalar, Access::Read, false),
        field("cb", 20, 20, FieldKind::Bytes, Access::ReadWrite, true),
        ContextField {
            name: "short",
            offset: 40,
            size: 8,
            width: 4,
            narrow: true,
            kind: FieldKind::Scalar,
            access: Access::ReadWrite,
            native_offset: 48,
            native_width: 2,
        },
    ],
};

/// Where packets begin in their buffer.
pub const HEADROOM: usize = 32;

/// A packet of these bytes.
pub fn packet(data: &[u8]) -> Packet {
    let mut packet = Packet::new();
    packet.fill(HEADROOM, data, 16);
    packet
}

/// A program of these slots; 64-bit immediates with a mark mean the object of
/// their immediate, or the map.
pub fn program(insns: &[Insn]) -> Program {
    let resolved: Result<Program, ()> = Program::new(insns, CONTEXT, |_, insn, offset| {
        Ok(match insn.src {
            1 => Address::map(insn.imm as u32),
            _ => Address::object(
                insn.imm as u16,
                OBJECT_BASE.wrapping_add(offset as i64 as u64),
            ),
        })
    });
    resolved.expect("resolving does not fail")
}

/// Runs a program on a fresh machine.
pub fn run_with(insns: &[Insn], host: &mut Host, packet: &mut Packet) -> Outcome {
    let mut context: Vec<u8> = (0..64).collect();
    let mut memory = RunMemory {
        packet,
        context: &mut context,
    };
    Machine::new().run(&program(insns), host, &mut memory, 100_000)
}

/// Runs a program over a packet of 14 bytes, 0 to 13.
pub fn run(insns: &[Insn]) -> Outcome {
    let data: Vec<u8> = (0..14).collect();
    run_with(insns, &mut Host::new(), &mut packet(&data))
}

pub const EXIT: Insn = Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0);

pub fn mov(dst: u8, imm: i32) -> Insn {
    Insn::new(op::ALU64 | op::MOV | op::K, dst, 0, 0, imm)
}

pub fn mov_reg(dst: u8, src: u8) -> Insn {
    Insn::new(op::ALU64 | op::MOV | op::X, dst, src, 0, 0)
}

pub fn add(dst: u8, imm: i32) -> Insn {
    Insn::new(op::ALU64 | op::ADD | op::K, dst, 0, 0, imm)
}

pub fn load(width: u8, dst: u8, src: u8, off: i16) -> Insn {
    Insn::new(op::LDX | op::MEM | width, dst, src, off, 0)
}

pub fn store(width: u8, dst: u8, src: u8, off: i16) -> Insn {
    Insn::new(op::STX | op::MEM | width, dst, src, off, 0)
}

pub fn store_imm(width: u8, dst: u8, off: i16, imm: i32) -> Insn {
    Insn::new(op::ST | op::MEM | width, dst, 0, off, imm)
}

pub fn atomic(width: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn::new(op::STX | op::ATOMIC | width, dst, src, off, imm)
}

pub fn call(helper: u32) -> Insn {
    Insn::new(op::JMP | op::CALL, 0, 0, 0, helper as i32)
}

pub fn call_sub(delta: i32) -> Insn {
    Insn::new(op::JMP | op::CALL, 0, 1, 0, delta)
}

/// A 64-bit immediate, or with a mark a map (1) or an object at an offset (2).
pub fn imm64(dst: u8, mark: u8, low: i32, high: i32) -> [Insn; 2] {
    [
        Insn::new(op::LD | op::IMM | op::DW, dst, mark, 0, low),
        Insn::new(0, 0, 0, 0, high),
    ]
}
