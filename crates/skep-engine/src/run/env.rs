//! The engine as the machine's host: maps behind handles, helpers, the world.
//!
//! Answers to: struct bpf_verifier_ops (get_func_proto); the values of
//! kernel/bpf/verifier.c's check_map_access.

use skep_verifier::{HelperProto, MapDesc};
use skep_vm::{
    Args, AtomicOp, CallError, Env, Fault, FaultKind, HelperOut, Place, RunMemory, Width,
};

use super::UsedMap;
use crate::helper::Helper;
use crate::map::ValueRef;
use crate::program::Program;
use crate::world::World;

/// What a program finds outside of itself during one run.
pub(crate) struct RunEnv<'a> {
    program: &'a Program,
    world: &'a dyn World,
    cpu: u32,
    cpus: u32,
    /// What of the packet lies behind its linear part.
    pub(crate) fragments: &'a mut Vec<u8>,
}

/// What an access does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Read,
    Write,
    Both,
}

impl<'a> RunEnv<'a> {
    pub(super) fn new(
        program: &'a Program,
        world: &'a dyn World,
        cpu: u32,
        cpus: u32,
        fragments: &'a mut Vec<u8>,
    ) -> RunEnv<'a> {
        RunEnv {
            program,
            world,
            cpu,
            cpus,
            fragments,
        }
    }

    /// The outside.
    pub(crate) fn world(&self) -> &'a dyn World {
        self.world
    }

    /// The cpu the program runs on.
    pub(crate) fn cpu(&self) -> u32 {
        self.cpu
    }

    /// How many there are.
    pub(crate) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// The map behind a handle.
    #[inline]
    pub(crate) fn used_map(&self, handle: u32) -> Option<&'a UsedMap> {
        self.program.maps.get(handle as usize)
    }

    #[inline]
    fn helper(&self, id: u32) -> Option<&'static Helper> {
        let table = self.program.kind.helpers;
        table.get(id as usize).copied().flatten()
    }

    /// The value a place means, where in it, and its map.
    #[inline]
    fn locate(&self, place: Place, does: Does) -> Result<(&'a UsedMap, ValueRef, i64), Fault> {
        let Some(map) = self.used_map(u32::from(place.handle)) else {
            return Err(no_object(place));
        };
        let (value, offset) = map.locate(place.offset);
        if does != Does::Write && !map.readable {
            return Err(map.fault(FaultKind::WriteOnly, offset));
        }
        if does != Does::Read && !map.writable {
            return Err(map.fault(FaultKind::ReadOnly, offset));
        }
        Ok((map, value, offset))
    }
}

#[cold]
fn no_object(place: Place) -> Fault {
    Fault {
        kind: FaultKind::NoObject,
        what: format!(
            "map {} of the program, which it does not have",
            place.handle
        ),
        offset: 0,
        allowed: 0..0,
    }
}

impl Env for RunEnv<'_> {
    #[inline]
    fn load(&mut self, place: Place, width: Width) -> Result<u64, Fault> {
        let (map, value, offset) = self.locate(place, Does::Read)?;
        let word = map.map().values().load(value, offset, width);
        word.map_err(|fault| map.value_fault(fault, offset))
    }

    #[inline]
    fn store(&mut self, place: Place, width: Width, word: u64) -> Result<(), Fault> {
        let (map, value, offset) = self.locate(place, Does::Write)?;
        let done = map.map().values().store(value, offset, width, word);
        done.map_err(|fault| map.value_fault(fault, offset))
    }

    fn atomic(
        &mut self,
        place: Place,
        width: Width,
        op: AtomicOp,
        operand: u64,
    ) -> Result<u64, Fault> {
        let does = match op {
            AtomicOp::LoadAcquire => Does::Read,
            AtomicOp::StoreRelease => Does::Write,
            _ => Does::Both,
        };
        let (map, value, offset) = self.locate(place, does)?;
        let before = map.map().values().atomic(value, offset, width, op, operand);
        before.map_err(|fault| map.value_fault(fault, offset))
    }

    fn check(&mut self, place: Place, len: u64, write: bool) -> Result<(), Fault> {
        let does = if write { Does::Write } else { Does::Read };
        let (map, value, offset) = self.locate(place, does)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let inside = map.map().values().check(value, offset, len);
        inside.map_err(|fault| map.value_fault(fault, offset))
    }

    fn read(&mut self, place: Place, to: &mut [u8]) -> Result<(), Fault> {
        // Who may read was judged by `check`: what is only written is read first too.
        let Some(map) = self.used_map(u32::from(place.handle)) else {
            return Err(no_object(place));
        };
        let (value, offset) = map.locate(place.offset);
        let done = map.map().values().read(value, offset, to);
        done.map_err(|fault| map.value_fault(fault, offset))
    }

    fn write(&mut self, place: Place, from: &[u8]) -> Result<(), Fault> {
        let (map, value, offset) = self.locate(place, Does::Write)?;
        let done = map.map().values().write(value, offset, from);
        done.map_err(|fault| map.value_fault(fault, offset))
    }

    #[inline]
    fn proto(&self, helper: u32) -> Option<&'static HelperProto> {
        let helper = self.helper(helper)?;
        if helper.proto.gpl_only && !self.program.gpl_compatible {
            return None;
        }
        Some(&helper.proto)
    }

    fn map(&self, handle: u32) -> Option<MapDesc> {
        self.used_map(handle).map(UsedMap::desc)
    }

    fn call(
        &mut self,
        helper: u32,
        args: &mut Args<'_>,
        memory: &mut RunMemory<'_>,
    ) -> Result<HelperOut, CallError> {
        match self.helper(helper) {
            Some(helper) => (helper.run)(self, args, memory),
            None => Err(CallError {
                argument: None,
                message: format!("helper {helper} is not there"),
            }),
        }
    }
}
