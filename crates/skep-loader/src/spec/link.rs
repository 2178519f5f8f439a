//! One program with the functions it calls, as PROG_LOAD takes it.
//!
//! The program's own function comes first, then each function when it is first
//! referred to, depth first; every function stands there once, however often
//! and however recursively it is called, so a program has at most all code of
//! the object. Calls between them become relative; function and line records
//! move along. CO-RE relocations are applied as functions are placed.
//!
//! Answers to: libbpf's bpf_object__reloc_code, adjust_prog_btf_ext_info.

use super::code::{CALL, Code, CodeSection, Function, Target};
use crate::error::{LoadError, Place, Problem};
use skep_abi::insn::{Insn, pseudo};
use skep_btf::core::{Patched, Relocator};
use skep_btf::{CoreRelo, FuncInfo, LineInfo, ProgInfo};
use std::collections::HashMap;
use std::ops::Range;

/// Most instructions of a program.
#[doc(alias = "BPF_COMPLEXITY_LIMIT_INSNS")]
const MAX_INSNS: usize = 1_000_000;
/// Most functions of a program.
#[doc(alias = "BPF_MAX_SUBPROGS")]
const MAX_FUNCTIONS: usize = 256;

/// A program ready to be loaded but for the numbers of its maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkedProgram {
    /// The instructions; loads of maps and variables still hold no descriptor.
    pub insns: Vec<Insn>,
    /// The loads of maps and variables, in order.
    pub map_uses: Vec<MapUse>,
    /// The functions, in order; the first is the program.
    pub functions: Vec<LinkedFunction>,
    /// Function and line records; either is empty unless it covers every function.
    pub info: ProgInfo,
    /// Instructions that access what the target does not have, and were made
    /// invalid: no system takes the program unless they cannot be reached.
    pub invalid: Vec<InvalidAccess>,
}

/// An instruction that was made invalid by its CO-RE relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAccess {
    /// The instruction's first slot.
    pub insn: usize,
    /// What it was to be adapted to; in words by [`skep_btf::core::describe`].
    pub relo: CoreRelo,
    /// Why it could not.
    pub why: Patched,
}

/// A 64-bit load of a map, or of an address in the value of a data map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapUse {
    /// The load's first slot.
    pub insn: usize,
    /// The map's number in the object.
    pub map: usize,
    /// Where in the value, if it is a variable.
    pub value_offset: Option<u32>,
}

/// Where a function stands in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedFunction {
    /// Its name.
    pub name: String,
    /// Its slots.
    pub insns: Range<usize>,
}

/// Links the function numbered `entry`. There is a relocator if the object has
/// types, without which there are no relocations by type.
pub(super) fn link(
    code: &Code,
    entry: usize,
    relocator: Option<&mut Relocator<'_>>,
) -> Result<LinkedProgram, LoadError> {
    let mut linker = Linker {
        code,
        relocator,
        out: LinkedProgram::default(),
        placed: HashMap::new(),
        has_funcs: true,
        has_lines: true,
    };
    linker.place(entry)?;
    // A stack of our own: how deep calls go is up to the file.
    let mut stack = vec![(entry, 0)];
    while let Some((function, slot)) = stack.pop() {
        if let Some(Step { slot, next, callee }) = linker.advance(function, slot)? {
            stack.push((function, next));
            if !linker.placed.contains_key(&callee) {
                linker.place(callee)?;
                stack.push((callee, 0));
            }
            linker.point(function, slot, callee)?;
        }
    }
    if !linker.has_funcs {
        linker.out.info.func_info.clear();
    }
    if !linker.has_lines {
        linker.out.info.line_info.clear();
    }
    Ok(linker.out)
}

struct Linker<'a, 'r, 't> {
    code: &'a Code,
    relocator: Option<&'r mut Relocator<'t>>,
    out: LinkedProgram,
    /// Where functions stand, by number.
    placed: HashMap<usize, usize>,
    has_funcs: bool,
    has_lines: bool,
}

/// A reference from one function to another.
struct Step {
    slot: u32,
    next: u32,
    callee: usize,
}

/// The records of `all` that lie in the bytes `range`.
fn within<R>(all: &[R], range: Range<u64>, offset: impl Fn(&R) -> u32) -> &[R] {
    let start = all.partition_point(|r| u64::from(offset(r)) < range.start);
    let end = all.partition_point(|r| u64::from(offset(r)) < range.end);
    all.get(start..end).unwrap_or(&[])
}

impl<'a> Linker<'a, '_, '_> {
    fn get(&self, number: usize) -> Result<(&'a Function, &'a CodeSection), LoadError> {
        let function = self.code.functions.get(number);
        let section = function.and_then(|f| self.code.sections.get(f.section));
        function.zip(section).ok_or_else(|| {
            Place::default().error(Problem::NoTarget {
                section: String::new(),
                offset: number as u64,
                expected: "function begins",
            })
        })
    }

    /// A place in the file, from one in a function.
    fn at(function: &Function, section: &CodeSection, slot: u32) -> Place {
        let offset = (u64::from(function.start) + u64::from(slot)) * Insn::SIZE as u64;
        Place::section(&section.name)
            .symbol(&function.name)
            .offset(offset)
    }

    /// Appends a function with all that belongs to it.
    fn place(&mut self, number: usize) -> Result<(), LoadError> {
        let (function, section) = self.get(number)?;
        let base = self.out.insns.len();
        let (start, len) = (function.start as usize, function.len as usize);
        let refuse = |problem| Err(Self::at(function, section, 0).error(problem));
        if self.placed.len() >= MAX_FUNCTIONS {
            return refuse(Problem::TooManyFunctions(MAX_FUNCTIONS));
        }
        if len > MAX_INSNS - base {
            return refuse(Problem::TooLong(MAX_INSNS));
        }
        // Within the limit just checked, so it fits.
        let base_slot = base as u32;
        let insns = section.insns.get(start..start + len).unwrap_or(&[]);
        self.out.insns.extend_from_slice(insns);
        self.out.functions.push(LinkedFunction {
            name: function.name.clone(),
            insns: base..base + len,
        });
        self.placed.insert(number, base);
        let slots = function.start..function.start + function.len;
        let size = Insn::SIZE as u64;
        let bytes = u64::from(slots.start) * size..u64::from(slots.end) * size;
        for relo in within(&section.core, bytes.clone(), |r| r.insn_off) {
            self.relocate(function, section, base, relo)?;
        }
        self.place_info(function, section, bytes, base_slot);
        self.place_references(function, section, base)
    }

    /// Adapts an instruction of a function that begins at slot `base`.
    fn relocate(
        &mut self,
        function: &Function,
        section: &CodeSection,
        base: usize,
        relo: &CoreRelo,
    ) -> Result<(), LoadError> {
        let Some(relocator) = &mut self.relocator else {
            return Ok(());
        };
        let slot = relo.insn_off / Insn::SIZE as u32 - function.start;
        let insn = base + slot as usize;
        let insns = self.out.insns.get_mut(insn..).unwrap_or(&mut []);
        let patched = relocator.relocate(relo, insns);
        let why = patched.map_err(|e| Self::at(function, section, slot).core_error(e))?;
        if why != Patched::Value {
            let relo = *relo;
            self.out.invalid.push(InvalidAccess { insn, relo, why });
        }
        Ok(())
    }

    /// Moves a function's records along.
    fn place_info(
        &mut self,
        function: &Function,
        section: &CodeSection,
        bytes: Range<u64>,
        base: u32,
    ) {
        let shift = |offset: u32| offset / Insn::SIZE as u32 - function.start + base;
        let info = &mut self.out.info;
        let (funcs, lines) = (info.func_info.len(), info.line_info.len());
        let found = within(&section.funcs, bytes.clone(), |r| r.insn_off).iter();
        info.func_info.extend(found.map(|record| FuncInfo {
            insn_off: shift(record.insn_off),
            ..*record
        }));
        let found = within(&section.lines, bytes, |r| r.insn_off).iter();
        info.line_info.extend(found.map(|record| LineInfo {
            insn_off: shift(record.insn_off),
            ..*record
        }));
        // A system takes one record for each function or none at all.
        let funcs = info.func_info.get(funcs..).unwrap_or(&[]);
        self.has_funcs &= matches!(funcs, [only] if only.insn_off == base);
        let line = info.line_info.get(lines);
        self.has_lines &= line.is_some_and(|line| line.insn_off == base);
    }

    /// Marks a function's references to maps and functions.
    fn place_references(
        &mut self,
        function: &Function,
        section: &CodeSection,
        base: usize,
    ) -> Result<(), LoadError> {
        let references = within(
            &section.relocations,
            u64::from(function.start)..u64::from(function.start) + u64::from(function.len),
            |reference| reference.slot,
        );
        for reference in references {
            let slot = reference.slot - function.start;
            let at = || Self::at(function, section, slot);
            let insn = base + slot as usize;
            let (map, value_offset) = match reference.target {
                Target::Map(map) => (map, None),
                Target::Value(map, offset) => (map, Some(offset)),
                Target::Function(_) => continue,
                Target::Extern(number) => {
                    return Err(at().error(match self.code.externs.get(number) {
                        Some(found) => match found.section {
                            Some(section) => Problem::Extern {
                                name: found.name.clone(),
                                section: section.to_owned(),
                            },
                            None => Problem::Undefined(found.name.clone()),
                        },
                        None => Problem::Undefined(String::new()),
                    }));
                }
            };
            let mark = match value_offset {
                None => pseudo::MAP_FD,
                Some(_) => pseudo::MAP_VALUE,
            };
            if let Some([first, second]) = self.out.insns.get_mut(insn..insn + 2) {
                (first.src, first.imm) = (mark, 0);
                second.imm = value_offset.unwrap_or(0).cast_signed();
            }
            self.out.map_uses.push(MapUse {
                insn,
                map,
                value_offset,
            });
        }
        Ok(())
    }

    /// The next reference to a function from slot `slot` on.
    fn advance(&self, number: usize, slot: u32) -> Result<Option<Step>, LoadError> {
        let (function, section) = self.get(number)?;
        let mut slot = slot;
        while slot < function.len {
            let in_section = function.start + slot;
            let Some(&insn) = section.insns.get(in_section as usize) else {
                break;
            };
            let is_call = insn.code == CALL && insn.src == pseudo::CALL_SUBPROG;
            let is_load = insn.is_ld_imm64();
            let next = slot + if is_load { 2 } else { 1 };
            let step = |callee| Ok(Some(Step { slot, next, callee }));
            if is_call || is_load {
                let found = section
                    .relocations
                    .binary_search_by_key(&in_section, |reference| reference.slot)
                    .ok()
                    .and_then(|index| section.relocations.get(index));
                let at = || Self::at(function, section, slot);
                match found.map(|reference| reference.target) {
                    Some(Target::Function(callee)) => return step(callee),
                    Some(_) => {}
                    None if is_call => {
                        return step(self.callee(function, in_section, insn, at)?);
                    }
                    None if insn.src != 0 => {
                        return Err(at().error(Problem::Unrelocated(insn.src)));
                    }
                    None => {}
                }
            }
            slot = next;
        }
        Ok(None)
    }

    /// The function that a call without relocation calls: one of its own section.
    fn callee(
        &self,
        function: &Function,
        slot: u32,
        insn: Insn,
        at: impl Fn() -> Place,
    ) -> Result<usize, LoadError> {
        let target = i64::from(slot) + i64::from(insn.imm) + 1;
        let found = u64::try_from(target).ok();
        found
            .and_then(|slot| self.code.function_at(function.section, slot))
            .ok_or_else(|| {
                at().error(Problem::NoTarget {
                    section: at().section.unwrap_or_default(),
                    offset: found.map_or(u64::MAX, |slot| slot.saturating_mul(8)),
                    expected: "function begins",
                })
            })
    }

    /// Makes the reference at a slot of a function point to `callee`.
    fn point(&mut self, number: usize, slot: u32, callee: usize) -> Result<(), LoadError> {
        let (function, section) = self.get(number)?;
        let places = self.placed.get(&number).zip(self.placed.get(&callee));
        let too_long = || Self::at(function, section, slot).error(Problem::TooLong(MAX_INSNS));
        let (&base, &target) = places.ok_or_else(too_long)?;
        let here = base + slot as usize;
        let distance = target as i64 - here as i64 - 1;
        let distance = i32::try_from(distance).map_err(|_| too_long())?;
        if let Some(insn) = self.out.insns.get_mut(here) {
            insn.imm = distance;
            if insn.is_ld_imm64() {
                insn.src = pseudo::FUNC;
                if let Some(second) = self.out.insns.get_mut(here + 1) {
                    second.imm = 0;
                }
            }
        }
        Ok(())
    }
}
