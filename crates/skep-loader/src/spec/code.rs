//! Instructions, the functions they belong to, and what they refer to.
//!
//! Invariants: functions are sorted by section and offset, have at least one
//! instruction, lie within their section and share no instruction; a
//! relocation is of an instruction within a function, a 64-bit load's second
//! slot included, and names a map or function that exists.
//!
//! Answers to: libbpf's bpf_object__add_programs and bpf_program__record_reloc.

use super::data::DataKind;
use super::map::MapSpec;
use super::{ProgramSpec, btf_map, legacy};
use crate::elf::{Elf, Home, Relocation, Section, Symbol};
use crate::error::{LoadError, Place, Problem};
use skep_abi::insn::{Insn, op, pseudo};
use skep_btf::core::Relocator;
use skep_btf::{
    Btf, BtfExt, CoreRelo, CoreReloKind, Def, ExtSection, FuncInfo, Kind, LineInfo, Linkage, TypeId,
};
use std::collections::{HashMap, HashSet};

/// The section of functions that are not programs.
const TEXT: &str = ".text";
/// A call instruction.
pub(super) const CALL: u8 = op::JMP | op::CALL;
/// Sections, in BTF, of what the system provides.
pub(super) const EXTERNS: [&str; 2] = [".ksyms", ".kconfig"];
/// How often the size of the file the names of its functions and of their
/// sections may be together; no compiler comes near.
const NAMES_PER_FILE: usize = 4;
/// Relocation types that instructions have: of a 64-bit load, of a call.
const R_BPF_64_64: u32 = 1;
const R_BPF_64_32: u32 = 10;

/// A function of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Whether only this object sees it.
    pub is_static: bool,
    /// How many instruction slots it has.
    pub len: u32,
    /// Its first slot in its section.
    pub(super) start: u32,
    /// Its section, among those with code.
    pub(super) section: usize,
    is_hidden: bool,
}

/// A section with code.
#[derive(Clone, Debug)]
pub(super) struct CodeSection {
    pub(super) name: String,
    pub(super) insns: Vec<Insn>,
    /// Sorted by slot.
    pub(super) relocations: Vec<Reference>,
    /// Sorted by offset.
    pub(super) funcs: Vec<FuncInfo>,
    /// Sorted by offset.
    pub(super) lines: Vec<LineInfo>,
    /// Sorted by offset, with their kinds.
    pub(super) core: Vec<CoreRelo>,
}

/// What an instruction refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) slot: u32,
    pub(super) target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A map.
    Map(usize),
    /// A variable: a data map and an offset in its value.
    Value(usize, u32),
    /// A function.
    Function(usize),
    /// What is not defined here.
    Extern(usize),
}

/// A symbol that is not defined here.
#[derive(Clone, Debug)]
pub(super) struct Extern {
    pub(super) name: String,
    /// The BTF section that says the system provides it.
    pub(super) section: Option<&'static str>,
}

/// All code of an object.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) sections: Vec<CodeSection>,
    pub(super) functions: Vec<Function>,
    pub(super) externs: Vec<Extern>,
    /// The sections that have relocations by type, in the order of `.BTF.ext`.
    core_order: Vec<usize>,
}

impl Code {
    /// Reads the code of an object whose maps are known.
    pub(super) fn read(
        bytes: &[u8],
        elf: &Elf<'_>,
        maps: &[MapSpec],
        btf: Option<&Btf>,
        ext: BtfExt,
    ) -> Result<Code, LoadError> {
        let with_code: Vec<&Section<'_>> = elf.sections.iter().filter(|s| s.has_code()).collect();
        let mut code = Code {
            sections: Vec::with_capacity(with_code.len()),
            functions: functions(elf, &with_code, bytes.len())?,
            externs: Vec::new(),
            core_order: Vec::new(),
        };
        let mut ext = ext;
        let [mut funcs, mut lines, mut core] = [HashMap::new(), HashMap::new(), HashMap::new()];
        if let Some(btf) = btf {
            number(&mut funcs, btf, &ext.func_info);
            number(&mut lines, btf, &ext.line_info);
            number(&mut core, btf, &ext.core_relo);
        }
        let mut core_order = Vec::new();
        for (number, section) in with_code.iter().enumerate() {
            let name = section.name;
            core_order.extend(core.get(name).map(|&table| (table, number)));
            code.sections.push(CodeSection {
                name: name.to_owned(),
                insns: Insn::decode_all(section.data()?),
                relocations: Vec::new(),
                funcs: take(&mut ext.func_info, &funcs, name, |r| r.insn_off),
                lines: take(&mut ext.line_info, &lines, name, |r| r.insn_off),
                core: take(&mut ext.core_relo, &core, name, |r| r.insn_off),
            });
        }
        core_order.sort_unstable();
        code.core_order = core_order.into_iter().map(|(_, number)| number).collect();
        Resolver::new(elf, &with_code, maps, btf).resolve_all(bytes, &mut code)?;
        Ok(code)
    }

    pub(super) fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The programs among the functions: those of sections of their own, and
    /// one in `.text` if it is the only function.
    pub(super) fn programs(&self) -> Vec<ProgramSpec> {
        let only = self.functions.len() == 1;
        let functions = self.functions.iter().enumerate();
        functions
            .filter_map(|(index, function)| {
                let section = self.sections.get(function.section)?;
                let is_program = section.name != TEXT || only;
                (is_program && !function.is_static)
                    .then(|| ProgramSpec::new(&function.name, &section.name, index))
            })
            .collect()
    }

    /// The function that begins at this slot of this section.
    pub(super) fn function_at(&self, section: usize, slot: u64) -> Option<usize> {
        let index = self
            .functions
            .binary_search_by_key(&(section, slot), |f| (f.section, f.start.into()));
        index.ok()
    }

    /// The function that this slot of this section belongs to.
    fn function_around(&self, section: usize, slot: u32) -> Option<&Function> {
        self.functions.get(self.number_around(section, slot)?)
    }

    /// The number of the function that this slot of this section belongs to.
    fn number_around(&self, section: usize, slot: u32) -> Option<usize> {
        let after = self
            .functions
            .partition_point(|f| (f.section, f.start) <= (section, slot));
        let number = after.checked_sub(1)?;
        let function = self.functions.get(number)?;
        (function.section == section && slot - function.start < function.len).then_some(number)
    }

    /// The relocations by type of all functions, in the order of the file.
    fn core_relos(&self) -> impl Iterator<Item = (usize, &CodeSection, &CoreRelo)> {
        self.core_order.iter().flat_map(move |&number| {
            let section = self.sections.get(number).into_iter();
            let relos = section.flat_map(|s| s.core.iter().map(move |relo| (s, relo)));
            relos.filter_map(move |(section, relo)| {
                let slot = relo.insn_off / Insn::SIZE as u32;
                Some((self.number_around(number, slot)?, section, relo))
            })
        })
    }

    /// Whether a function is to be adapted to the target's types.
    pub(super) fn needs_target(&self) -> bool {
        let mut relos = self.core_relos();
        relos.any(|(_, _, relo)| relo.kind() != Some(CoreReloKind::TypeIdLocal))
    }

    /// Resolves the relocations by type of all functions but those `skipped`.
    pub(super) fn resolve_core(
        &self,
        relocator: &mut Relocator<'_>,
        skipped: &HashSet<usize>,
    ) -> Result<(), LoadError> {
        for (number, section, relo) in self.core_relos() {
            if skipped.contains(&number) {
                continue;
            }
            relocator.resolve(relo).map_err(|error| {
                let name = self.functions.get(number).map_or("", |f| &f.name);
                let at = Place::section(&section.name).symbol(name);
                at.offset(relo.insn_off.into()).core_error(error)
            })?;
        }
        Ok(())
    }

    /// Makes functions that ELF hides static in the BTF, so that the system
    /// verifies them together with their callers.
    pub(super) fn hide_functions(&self, btf: &mut Btf) {
        let hidden: Vec<TypeId> = self
            .functions
            .iter()
            .filter(|function| function.is_hidden && !function.is_static)
            .filter_map(|function| btf.find_by_name(&function.name, Kind::Func))
            .map(|ty| ty.id())
            .collect();
        for id in hidden {
            // The type was found just now and is a FUNC.
            let _ = btf.set_func_linkage(id, Linkage::Static);
        }
    }
}

/// The tables of `.BTF.ext` by section name; of two the first counts.
fn number<R>(numbers: &mut HashMap<String, usize>, btf: &Btf, tables: &[ExtSection<R>]) {
    for (number, table) in tables.iter().enumerate() {
        let name = table.name(btf);
        if name.len() <= crate::elf::MAX_NAME {
            numbers.entry(name.to_owned()).or_insert(number);
        }
    }
}

/// Takes a section's records out of its table, sorted.
fn take<R>(
    tables: &mut [ExtSection<R>],
    numbers: &HashMap<String, usize>,
    section: &str,
    offset: impl Fn(&R) -> u32,
) -> Vec<R> {
    let table = numbers.get(section).and_then(|&at| tables.get_mut(at));
    let mut records = table.map_or(Vec::new(), |table| std::mem::take(&mut table.records));
    records.sort_by_key(offset);
    records
}

/// All functions, sorted by section and offset.
fn functions(
    elf: &Elf<'_>,
    sections: &[&Section<'_>],
    file_size: usize,
) -> Result<Vec<Function>, LoadError> {
    let numbers: HashMap<usize, usize> = sections
        .iter()
        .enumerate()
        .map(|(number, section)| (section.index, number))
        .collect();
    let mut functions = Vec::new();
    // Many symbols may have one name, so names could take far more than the file.
    let mut room = file_size.saturating_mul(NAMES_PER_FILE);
    for symbol in elf.symbols.iter().filter(|symbol| symbol.is_function()) {
        if let Home::Section(index) = symbol.home
            && let Some(&number) = numbers.get(&index)
            && let Some(section) = sections.get(number)
        {
            let names = symbol.name.len() + section.name.len();
            room = room.checked_sub(names).ok_or_else(|| {
                let at = section.place().symbol(symbol.name);
                at.error(Problem::TooManyNames(file_size))
            })?;
            functions.push(function(symbol, number, section)?);
        }
    }
    functions.sort_by_key(|function| (function.section, function.start));
    for pair in functions.windows(2) {
        if let [first, second] = pair
            && first.section == second.section
            && second.start - first.start < first.len
        {
            let section = sections.get(second.section).map_or("", |s| s.name);
            return Err(Place::section(section)
                .symbol(&second.name)
                .offset(u64::from(second.start) * Insn::SIZE as u64)
                .error(Problem::FunctionOverlap(first.name.clone())));
        }
    }
    Ok(functions)
}

fn function(
    symbol: &Symbol<'_>,
    number: usize,
    section: &Section<'_>,
) -> Result<Function, LoadError> {
    let at = || section.place().symbol(symbol.name).offset(symbol.value);
    let slot = |what, found: u64| {
        let whole = found.is_multiple_of(Insn::SIZE as u64);
        let slots = u32::try_from(found / Insn::SIZE as u64).ok();
        slots
            .filter(|_| whole)
            .ok_or_else(|| at().error(Problem::NotInstructions { what, found }))
    };
    let end = symbol.value.checked_add(symbol.size);
    if end.is_none_or(|end| end > section.size) {
        return Err(at().error(Problem::OutsideSection {
            value: symbol.value,
            size: symbol.size,
            section: section.size,
        }));
    }
    let (start, len) = (
        slot("its offset", symbol.value)?,
        slot("its size", symbol.size)?,
    );
    if len == 0 {
        return Err(at().error(Problem::EmptyFunction));
    }
    Ok(Function {
        name: symbol.name.to_owned(),
        is_static: symbol.is_local(),
        len,
        start,
        section: number,
        is_hidden: symbol.is_hidden(),
    })
}

/// Finds what relocations refer to.
struct Resolver<'a, 'd> {
    elf: &'a Elf<'d>,
    sections: &'a [&'a Section<'d>],
    /// Numbers of the sections with code, by their numbers in the file.
    code: HashMap<usize, usize>,
    /// Maps by section name and offset; data maps at offset 0.
    maps: HashMap<(&'a str, u64), usize>,
    /// Names that the system provides.
    provided: HashMap<&'a str, &'static str>,
    /// Externs met so far, by symbol.
    externs: HashMap<usize, usize>,
}

impl<'a, 'd> Resolver<'a, 'd> {
    fn new(
        elf: &'a Elf<'d>,
        sections: &'a [&'a Section<'d>],
        maps: &'a [MapSpec],
        btf: Option<&'a Btf>,
    ) -> Resolver<'a, 'd> {
        let mut provided = HashMap::new();
        for name in EXTERNS {
            let section = btf.and_then(|btf| btf.find_datasec(name));
            for var in section.iter().flat_map(|section| section.vars()) {
                if let Some(ty) = btf.and_then(|btf| btf.type_by_id(var.ty))
                    && matches!(ty.def(), Def::Var { .. } | Def::Func { .. })
                {
                    provided.insert(ty.name(), name);
                }
            }
        }
        let maps = maps.iter().enumerate();
        let code = sections.iter().enumerate();
        Resolver {
            elf,
            sections,
            code: code.map(|(number, s)| (s.index, number)).collect(),
            maps: maps
                .map(|(number, map)| ((map.section.as_str(), map.offset), number))
                .collect(),
            provided,
            externs: HashMap::new(),
        }
    }

    fn resolve_all(mut self, bytes: &[u8], code: &mut Code) -> Result<(), LoadError> {
        for (number, section) in self.sections.iter().enumerate() {
            if !section.size.is_multiple_of(Insn::SIZE as u64) {
                return Err(section.place().error(Problem::NotInstructions {
                    what: "its size",
                    found: section.size,
                }));
            }
            let mut found = Vec::new();
            for relocation in self.elf.relocations(bytes, section)? {
                found.extend(self.resolve(code, number, section, relocation)?);
            }
            found.sort_by_key(|reference: &Reference| reference.slot);
            if let Some(section) = code.sections.get_mut(number) {
                section.relocations = found;
            }
        }
        Ok(())
    }

    /// What one relocation refers to; nothing if it is of no function.
    fn resolve(
        &mut self,
        code: &mut Code,
        number: usize,
        section: &Section<'_>,
        relocation: Relocation,
    ) -> Result<Option<Reference>, LoadError> {
        let at = section.place().offset(relocation.offset);
        if relocation.kind != R_BPF_64_64 && relocation.kind != R_BPF_64_32 {
            return Err(at.error(Problem::RelocationType(relocation.kind)));
        }
        if !relocation.offset.is_multiple_of(Insn::SIZE as u64) {
            let what = "the relocation's offset";
            let found = relocation.offset;
            return Err(at.error(Problem::NotInstructions { what, found }));
        }
        let outside = || at.clone().error(Problem::RelocationOffset(section.size));
        let slot = u32::try_from(relocation.offset / Insn::SIZE as u64).map_err(|_| outside())?;
        let insns = code.sections.get(number).map_or(&[][..], |s| &s.insns);
        let insn = *insns.get(slot as usize).ok_or_else(outside)?;
        let Some(function) = code.function_around(number, slot) else {
            return Ok(None);
        };
        let at = at.clone().symbol(&function.name);
        let symbol = self.elf.symbols.get(relocation.symbol).ok_or_else(|| {
            at.clone().error(Problem::RelocationSymbol {
                symbol: relocation.symbol,
                count: self.elf.symbols.len(),
            })
        })?;
        let has_next = slot + 1 < function.start + function.len;
        let target = if symbol.home == Home::Undefined {
            Target::Extern(self.extern_symbol(code, relocation.symbol, symbol))
        } else if insn.code == CALL {
            self.call(code, insn, symbol, &at)?
        } else if insn.is_ld_imm64() && has_next {
            self.address(code, insn, symbol, &at)?
        } else {
            return Err(at.error(Problem::RelocationInsn(insn.code)));
        };
        Ok(Some(Reference { slot, target }))
    }

    fn extern_symbol(&mut self, code: &mut Code, index: usize, symbol: &Symbol<'_>) -> usize {
        let next = code.externs.len();
        let number = *self.externs.entry(index).or_insert(next);
        if number == next {
            code.externs.push(Extern {
                name: symbol.name.to_owned(),
                section: self.provided.get(symbol.name).copied(),
            });
        }
        number
    }

    /// The section a symbol is in.
    fn home(&self, symbol: &Symbol<'d>, at: &Place) -> Result<&Section<'d>, LoadError> {
        let section = match symbol.home {
            Home::Section(index) => self.elf.sections.get(index),
            _ => None,
        };
        section.ok_or_else(|| {
            let name = self.elf.symbol_name(symbol).to_owned();
            at.clone().error(Problem::Undefined(name))
        })
    }

    /// The function that a relocated call calls.
    fn call(
        &self,
        code: &Code,
        insn: Insn,
        symbol: &Symbol<'d>,
        at: &Place,
    ) -> Result<Target, LoadError> {
        let section = self.home(symbol, at)?;
        if insn.src != pseudo::CALL_SUBPROG {
            return Err(at.clone().error(Problem::CallMark(insn.src)));
        }
        let Some(&number) = self.code.get(&section.index) else {
            let name = section.name.to_owned();
            return Err(at.clone().error(Problem::CallTarget(name)));
        };
        let offset = i128::from(symbol.value) + (i128::from(insn.imm) + 1) * Insn::SIZE as i128;
        self.function(code, number, section, offset, at)
    }

    /// The function at an offset of a section.
    fn function(
        &self,
        code: &Code,
        number: usize,
        section: &Section<'_>,
        offset: i128,
        at: &Place,
    ) -> Result<Target, LoadError> {
        let found = u64::try_from(offset).ok().and_then(|offset| {
            let slot = offset / Insn::SIZE as u64;
            let whole = offset.is_multiple_of(Insn::SIZE as u64);
            code.function_at(number, slot).filter(|_| whole)
        });
        found.map(Target::Function).ok_or_else(|| {
            at.clone().error(Problem::NoTarget {
                section: section.name.to_owned(),
                offset: u64::try_from(offset).unwrap_or(u64::MAX),
                expected: "function begins",
            })
        })
    }

    /// What a relocated 64-bit load loads the address of.
    fn address(
        &self,
        code: &Code,
        insn: Insn,
        symbol: &Symbol<'d>,
        at: &Place,
    ) -> Result<Target, LoadError> {
        let section = self.home(symbol, at)?;
        let offset = i128::from(symbol.value) + i128::from(insn.imm);
        if let Some(&number) = self.code.get(&section.index) {
            return self.function(code, number, section, offset, at);
        }
        let wrong = |expected| {
            at.clone().error(Problem::NoTarget {
                section: section.name.to_owned(),
                offset: u64::try_from(offset).unwrap_or(u64::MAX),
                expected,
            })
        };
        if DataKind::of(section).is_some() {
            let map = self.maps.get(&(section.name, 0));
            let offset = u32::try_from(offset).ok();
            return map
                .zip(offset)
                .map(|(&map, offset)| Target::Value(map, offset))
                .ok_or_else(|| wrong("variable"));
        }
        if section.name == btf_map::SECTION || section.name == legacy::SECTION {
            let offset = u64::try_from(offset).ok();
            let map = offset.and_then(|offset| self.maps.get(&(section.name, offset)));
            return map.map(|&map| Target::Map(map)).ok_or_else(|| wrong("map"));
        }
        let name = section.name.to_owned();
        Err(at.clone().error(Problem::TargetSection(name)))
    }
}
