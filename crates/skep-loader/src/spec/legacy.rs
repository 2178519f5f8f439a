//! `SEC("maps")`: maps as `struct bpf_map_def` variables.
//!
//! The struct's length differs from object to object; the section is shared
//! evenly by its symbols. Five 32-bit fields are known, absent ones are zero,
//! and what lies beyond must be zero. Keys and values have types when a
//! `struct ____btf_map_NAME` names them.
//!
//! Answers to: libbpf 0.x's bpf_object__init_user_maps, btf__get_map_kv_tids.

use super::map::{MapSource, MapSpec};
use crate::elf::{Elf, Section, Symbol};
use crate::error::{LoadError, Problem};
use skep_abi::MapType;
use skep_btf::{Btf, Kind, TypeId};

/// The fields everybody knows: type, key_size, value_size, max_entries, map_flags.
#[doc(alias = "bpf_map_def")]
const FIELDS: usize = 5;

/// The section of legacy map definitions.
pub(super) const SECTION: &str = "maps";

/// The maps of the section, by offset.
pub(super) fn maps(
    elf: &Elf<'_>,
    btf: Option<&Btf>,
    warnings: &mut Vec<LoadError>,
) -> Result<Vec<MapSpec>, LoadError> {
    let Some(section) = elf.section(SECTION)? else {
        return Ok(Vec::new());
    };
    let data = section.data()?;
    let mut symbols: Vec<&Symbol<'_>> = elf
        .symbols_in(section.index)
        .filter(|symbol| symbol.is_object())
        .collect();
    symbols.sort_by_key(|symbol| symbol.value);
    if data.is_empty() && symbols.is_empty() {
        return Ok(Vec::new());
    }
    let size = data.len().checked_div(symbols.len()).unwrap_or(0);
    if size == 0 || size * symbols.len() != data.len() {
        return Err(section.place().error(Problem::MapDefinitions {
            size: section.size,
            symbols: symbols.len(),
        }));
    }
    let mut maps = Vec::with_capacity(symbols.len());
    for symbol in symbols {
        let mut map = map(section, symbol, data, size)?;
        if let Some(btf) = btf
            && let Err(warning) = annotate(&mut map, section, btf)
        {
            warnings.push(warning);
        }
        maps.push(map);
    }
    Ok(maps)
}

/// One definition: `size` bytes at the symbol.
fn map(
    section: &Section<'_>,
    symbol: &Symbol<'_>,
    data: &[u8],
    size: usize,
) -> Result<MapSpec, LoadError> {
    let at = || section.place().symbol(symbol.name).offset(symbol.value);
    if symbol.is_local() {
        return Err(at().error(Problem::StaticMap));
    }
    let start = usize::try_from(symbol.value).ok();
    let definition = start.and_then(|start| data.get(start..start.checked_add(size)?));
    let definition = definition.ok_or_else(|| {
        at().error(Problem::OutsideSection {
            value: symbol.value,
            size: size as u64,
            section: section.size,
        })
    })?;
    let mut words = [[0u8; 4]; FIELDS];
    let known = words.as_flattened_mut();
    for (to, from) in known.iter_mut().zip(definition) {
        *to = *from;
    }
    let tail = definition.iter().enumerate().skip(FIELDS * 4);
    if let Some((index, &found)) = tail.into_iter().find(|(_, byte)| **byte != 0) {
        let at = at().offset(symbol.value + index as u64);
        return Err(at.error(Problem::MapDefinitionTail { at: index, found }));
    }
    let [kind, key_size, value_size, max_entries, map_flags] = words.map(u32::from_le_bytes);
    Ok(MapSpec {
        map_type: MapType(kind),
        key_size,
        value_size,
        max_entries,
        map_flags,
        ..MapSpec::new(symbol.name, MapSource::Legacy, section.name, symbol.value)
    })
}

/// Takes the types of key and value from `struct ____btf_map_NAME`, if there is one.
#[doc(alias = "BPF_ANNOTATE_KV_PAIR")]
fn annotate(map: &mut MapSpec, section: &Section<'_>, btf: &Btf) -> Result<(), LoadError> {
    let name = format!("____btf_map_{}", map.name);
    let Some(pair) = btf.find_by_name(&name, Kind::Struct) else {
        return Ok(());
    };
    let Some(members) = pair.members() else {
        return Ok(());
    };
    let at = || section.place().symbol(&map.name).offset(map.offset);
    let type_of = |what: &'static str, defined: u32| -> Result<TypeId, LoadError> {
        let member = members.find(what).ok_or_else(|| {
            at().error(Problem::MapField {
                field: what.to_owned(),
                expected: "a member of the struct that tells the map's types",
                found: format!("none in {name}"),
            })
        })?;
        let declared = btf
            .size_of(member.ty)
            .map_err(|source| at().btf_error(source))?;
        if declared != defined {
            return Err(at().error(Problem::Annotation {
                annotation: name.clone(),
                what,
                declared,
                defined,
            }));
        }
        Ok(member.ty)
    };
    let key = type_of("key", map.key_size)?;
    let value = type_of("value", map.value_size)?;
    (map.key_type, map.value_type) = (key, value);
    Ok(())
}
