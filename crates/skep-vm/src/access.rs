//! Loads, stores and atomics: by the class of the address to the memory it means.
//!
//! Answers to: check_mem_access, check_atomic in kernel/bpf/verifier.c.

use crate::address::{Address, Class};
use crate::alu::sign_extend;
use crate::call::place;
use crate::context;
use crate::decode::{Op, Rmw};
use crate::denied::{Allowed, Denied};
use crate::env::{AtomicOp, Env, Width};
use crate::machine::{Run, Stop, Stopped};
use crate::violation::{AccessInfo, ViolationKind};

/// What an atomic operation makes of a word.
fn combine(op: AtomicOp, old: u64, operand: u64, width: Width) -> u64 {
    match op {
        AtomicOp::Add => old.wrapping_add(operand),
        AtomicOp::Or => old | operand,
        AtomicOp::And => old & operand,
        AtomicOp::Xor => old ^ operand,
        AtomicOp::Exchange | AtomicOp::StoreRelease => operand,
        AtomicOp::CompareExchange { expected } => {
            if old == width.truncate(expected) {
                operand
            } else {
                old
            }
        }
        AtomicOp::LoadAcquire => old,
    }
}

impl<E: Env + ?Sized> Run<'_, '_, E> {
    #[inline]
    fn load_at(&mut self, at: Address, width: Width, signed: bool) -> Allowed<u64> {
        let value = match at.class() {
            Class::Stack => self.machine.stack.load(at, width)?,
            Class::Packet => self.memory.packet.load(at, width)?,
            Class::Context => {
                let table = &self.program.context;
                context::load(table, self.memory, at.offset(), width, signed)?
            }
            Class::Object => return Ok(self.env.load(place(at), width)?),
            _ => return Denied::not_memory(at),
        };
        Ok(value)
    }

    #[inline]
    fn store_at(&mut self, at: Address, width: Width, value: u64) -> Allowed<()> {
        match at.class() {
            Class::Stack => self.machine.stack.store(at, width, value),
            Class::Packet => self.memory.packet.store(at, width, value),
            Class::Context => {
                let table = &self.program.context;
                context::store(table, self.memory, at.offset(), width, value)
            }
            Class::Object => Ok(self.env.store(place(at), width, width.truncate(value))?),
            _ => Denied::not_memory(at),
        }
    }

    fn atomic_at(&mut self, at: Address, width: Width, op: AtomicOp, by: u64) -> Allowed<u64> {
        match at.class() {
            Class::Stack => {
                let old = self.machine.stack.load(at, width)?;
                let new = combine(op, old, by, width);
                self.machine.stack.store(at, width, new)?;
                Ok(old)
            }
            Class::Object if at.0.is_multiple_of(width.bytes() as u64) => {
                let op = match op {
                    AtomicOp::CompareExchange { expected } => AtomicOp::CompareExchange {
                        expected: width.truncate(expected),
                    },
                    op => op,
                };
                Ok(self.env.atomic(place(at), width, op, width.truncate(by))?)
            }
            Class::Object => Denied::new(
                ViolationKind::Misaligned,
                format!("address {:#x}", at.0),
                format!("atomically that has to be a multiple of {}", width.bytes()),
            ),
            Class::Packet => Denied::new(
                ViolationKind::AtomicAccess,
                "the packet",
                "there only plain loads and stores are allowed",
            ),
            Class::Context => Denied::new(
                ViolationKind::AtomicAccess,
                "the context",
                "there only plain loads and stores are allowed",
            ),
            _ => Denied::not_memory(at),
        }
    }

    /// The address that a register and the instruction's offset make.
    #[inline]
    fn address(&self, reg: u8, off: i16) -> Address {
        let base = self.machine.regs[usize::from(reg & 15)];
        Address(base.wrapping_add(off as i64 as u64))
    }

    /// A plain load.
    #[inline]
    pub(crate) fn load(&mut self, op: &Op, width: Width, signed: bool) -> Stopped<()> {
        let at = self.address(op.src, op.off);
        match self.load_at(at, width, signed) {
            Ok(value) => {
                let value = if signed {
                    sign_extend(width, value)
                } else {
                    value
                };
                self.machine.regs[usize::from(op.dst & 15)] = value;
                Ok(())
            }
            Err(denied) => Err(refused(at, width, Way::Read, *denied)),
        }
    }

    /// A plain store.
    #[inline]
    pub(crate) fn store(&mut self, op: &Op, width: Width) -> Stopped<()> {
        let at = self.address(op.dst, op.off);
        let value = self.source(op);
        match self.store_at(at, width, value) {
            Ok(()) => Ok(()),
            Err(denied) => Err(refused(at, width, Way::Write, *denied)),
        }
    }

    /// A load with acquire order.
    pub(crate) fn load_acquire(&mut self, op: &Op, width: Width) -> Stopped<()> {
        let at = self.address(op.src, op.off);
        let value = self
            .atomic_at(at, width, AtomicOp::LoadAcquire, 0)
            .map_err(|denied| refused(at, width, Way::Read, *denied))?;
        self.machine.regs[usize::from(op.dst & 15)] = value;
        Ok(())
    }

    /// A store with release order.
    pub(crate) fn store_release(&mut self, op: &Op, width: Width) -> Stopped<()> {
        let at = self.address(op.dst, op.off);
        let value = self.source(op);
        match self.atomic_at(at, width, AtomicOp::StoreRelease, value) {
            Ok(_) => Ok(()),
            Err(denied) => Err(refused(at, width, Way::Write, *denied)),
        }
    }

    /// An atomic operation that changes a word.
    pub(crate) fn read_modify_write(
        &mut self,
        op: &Op,
        width: Width,
        rmw: Rmw,
        fetch: bool,
    ) -> Stopped<()> {
        let at = self.address(op.dst, op.off);
        let operand = self.source(op);
        let how = match rmw {
            Rmw::Add => AtomicOp::Add,
            Rmw::Or => AtomicOp::Or,
            Rmw::And => AtomicOp::And,
            Rmw::Xor => AtomicOp::Xor,
            Rmw::Exchange => AtomicOp::Exchange,
            Rmw::CompareExchange => AtomicOp::CompareExchange {
                expected: self.machine.regs[0],
            },
        };
        let old = self
            .atomic_at(at, width, how, operand)
            .map_err(|denied| refused(at, width, Way::Change, *denied))?;
        if rmw == Rmw::CompareExchange {
            self.machine.regs[0] = old;
        } else if fetch {
            self.machine.regs[usize::from(op.src & 15)] = old;
        }
        Ok(())
    }
}

/// What an access does to memory.
#[derive(Clone, Copy)]
enum Way {
    Read,
    Write,
    Change,
}

/// A refused access as the end of the run.
#[cold]
fn refused(at: Address, width: Width, way: Way, denied: Denied) -> Box<Stop> {
    let bytes = width.bytes();
    let (verb, write) = match way {
        Way::Read => ("reads", false),
        Way::Write => ("writes", true),
        Way::Change => ("changes", true),
    };
    let plural = if bytes == 1 { "" } else { "s" };
    let mut stop = Stop::new(
        denied.kind,
        format!(
            "{verb} {bytes} byte{plural} at {}, but {}",
            denied.place, denied.problem
        ),
    );
    stop.access = Some(AccessInfo {
        address: at,
        bytes: bytes as u64,
        write,
    });
    stop
}
