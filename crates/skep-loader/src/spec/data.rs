//! Global variables: `.data`, `.rodata` and `.bss` as maps of one element.
//!
//! Also gives the BTF of every section of variables what the compiler leaves
//! to the loader: the section's size, and where global variables lie in it.
//!
//! Answers to: libbpf's bpf_object__init_internal_map, internal_map_name and
//! btf_fixup_datasec.

use super::code::EXTERNS;
use super::map::{Contents, MapSource, MapSpec};
use crate::elf::{Elf, Home, Section, Symbol};
use crate::error::{LoadError, Problem};
use skep_abi::flags::map::{MMAPABLE, RDONLY_PROG};
use skep_abi::{MapType, Name};
use skep_btf::{Btf, Def, Linkage, TypeId, VarSecInfo};
use std::collections::{HashMap, HashSet};

/// What a section of variables is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Variables with a value.
    Data,
    /// Constants: the map is frozen once they are set.
    Rodata,
    /// Variables that begin as zero.
    Bss,
}

/// Largest value of an array map: what Linux can describe in 31 bits.
const MAX_VALUE: u64 = i32::MAX as u64;

impl DataKind {
    /// What the section is, if it is one of variables.
    pub(crate) fn of(section: &Section<'_>) -> Option<DataKind> {
        let is = |stem: &str| {
            let rest = section.name.strip_prefix(stem);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if section.has_data() && is(".data") {
            Some(DataKind::Data)
        } else if section.has_data() && is(".rodata") {
            Some(DataKind::Rodata)
        } else if section.is_zero() && is(".bss") {
            Some(DataKind::Bss)
        } else {
            None
        }
    }
}

/// The maps of all sections of variables, in the order of the sections.
pub(super) fn maps(
    elf: &Elf<'_>,
    object: &str,
    btf: Option<&Btf>,
) -> Result<Vec<MapSpec>, LoadError> {
    let mut names = HashSet::new();
    let sections = elf.sections.iter();
    sections
        .filter_map(|section| Some((section, DataKind::of(section)?)))
        .map(|(section, kind)| {
            // Maps and types are told apart by the sections' names.
            if !names.insert(section.name) {
                return Err(section.place().error(Problem::SameName));
            }
            data_map(section, kind, object, btf)
        })
        .collect()
}

fn data_map(
    section: &Section<'_>,
    kind: DataKind,
    object: &str,
    btf: Option<&Btf>,
) -> Result<MapSpec, LoadError> {
    let value_size = u32::try_from(section.size)
        .ok()
        .filter(|_| section.size <= MAX_VALUE)
        .ok_or_else(|| section.place().error(Problem::DataSize(section.size)))?;
    let vars = btf.and_then(|btf| btf.find_datasec(section.name));
    // Linux maps a whole section into a process only if it is of use there.
    let is_shared = btf.zip(vars).is_some_and(|(btf, vars)| {
        vars.vars().any(|var| {
            let var = btf.type_by_id(var.ty).map(|ty| ty.def());
            matches!(var, Some(Def::Var { linkage, .. }) if linkage != Linkage::Static)
        })
    });
    let mut map = MapSpec::new(section.name, MapSource::Data(kind), section.name, 0);
    map.system_name = system_name(object, section.name);
    map.map_type = MapType::ARRAY;
    map.key_size = 4;
    map.value_size = value_size;
    map.max_entries = 1;
    map.map_flags = if is_shared { MMAPABLE } else { 0 };
    if kind == DataKind::Rodata {
        map.map_flags |= RDONLY_PROG;
    }
    map.value_type = vars.map_or(TypeId::VOID, |vars| vars.ty().id());
    let data = section.data()?;
    if data.iter().any(|&b| b != 0) {
        map.contents = Contents::Bytes(data.to_vec());
    }
    Ok(map)
}

/// Warns of variables that begin with the address of another, which has none
/// before it is loaded; libbpf leaves them zero as well.
pub(super) fn warn_of_pointers(
    bytes: &[u8],
    elf: &Elf<'_>,
    warnings: &mut Vec<LoadError>,
) -> Result<(), LoadError> {
    let sections = elf.sections.iter();
    for section in sections.filter(|section| DataKind::of(section).is_some()) {
        // One a section says enough.
        if let Some(first) = elf.relocations(bytes, section)?.first() {
            let symbol = elf.symbols.get(first.symbol);
            let name = symbol.map_or("", |symbol| elf.symbol_name(symbol));
            let at = section.place().offset(first.offset);
            warnings.push(at.error(Problem::DataPointer(name.to_owned())));
        }
    }
    Ok(())
}

/// The name of a data map in the system: as much of the object's name as fits
/// before the section's, and none of it before a section with two dots.
fn system_name(object: &str, section: &str) -> Name {
    const MOST: usize = Name::LEN - 1;
    let suffix = section.get(..section.len().min(MOST)).unwrap_or(section);
    let has_own_name = section.get(1..).is_some_and(|rest| rest.contains('.'));
    let room = if has_own_name {
        0
    } else {
        MOST - suffix.len().clamp(7, MOST)
    };
    let prefix: String = object.bytes().take(room).map(name_char).collect();
    Name::cut(&(prefix + suffix))
}

fn name_char(byte: u8) -> char {
    if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' {
        char::from(byte)
    } else {
        '_'
    }
}

/// Gives each DATASEC its section's size and its global variables their places.
pub(super) fn place_variables(elf: &Elf<'_>, btf: &mut Btf) -> Result<(), LoadError> {
    let globals: HashMap<&str, &Symbol<'_>> = elf
        .symbols
        .iter()
        .filter(|s| !s.is_local() && matches!(s.home, Home::Section(_)))
        .map(|s| (s.name, s))
        .collect();
    let by_name: HashMap<&str, &Section<'_>> = elf
        .sections
        .iter()
        .rev()
        .map(|section| (section.name, section))
        .collect();
    let ids: Vec<TypeId> = btf
        .types()
        .filter(|ty| matches!(ty.def(), Def::DataSec(_)))
        .map(|ty| ty.id())
        .collect();
    for id in ids {
        place_section(id, &by_name, &globals, btf)?;
    }
    Ok(())
}

fn place_section(
    id: TypeId,
    sections: &HashMap<&str, &Section<'_>>,
    globals: &HashMap<&str, &Symbol<'_>>,
    btf: &mut Btf,
) -> Result<(), LoadError> {
    let Some(Def::DataSec(datasec)) = btf.type_by_id(id).map(|ty| ty.def()) else {
        return Ok(());
    };
    let name = datasec.ty().name();
    let mut vars: Vec<VarSecInfo> = datasec.vars().collect();
    let mut hidden = Vec::new();
    let mut size = datasec.size();
    let at = crate::Place::section(name);
    // Sections of what the system provides are not in the file.
    if size == 0 && !EXTERNS.contains(&name) {
        let section = sections.get(name);
        let section = section.ok_or_else(|| at.clone().error(Problem::NoDataSection))?;
        size = u32::try_from(section.size)
            .map_err(|_| at.clone().error(Problem::DataSize(section.size)))?;
        for var in &mut vars {
            let Some(ty) = btf.type_by_id(var.ty) else {
                continue;
            };
            // The compiler places static variables itself.
            let Def::Var { linkage, .. } = ty.def() else {
                continue;
            };
            if linkage == Linkage::Static {
                continue;
            }
            let symbol = globals.get(ty.name());
            let symbol = symbol.filter(|s| s.home == Home::Section(section.index));
            let missing = || at.clone().symbol(ty.name()).error(Problem::NoVariable);
            let symbol = symbol.ok_or_else(missing)?;
            var.offset = u32::try_from(symbol.value).map_err(|_| missing())?;
            if symbol.is_hidden() {
                hidden.push(var.ty);
            }
        }
    }
    let fail = |source| at.clone().btf_error(source);
    btf.set_datasec(id, size, &vars).map_err(fail)?;
    for var in hidden {
        btf.set_var_linkage(var, Linkage::Static).map_err(fail)?;
    }
    Ok(())
}
