//! `SEC(".maps")`: maps as variables whose types describe them.
//!
//! Each is a struct whose members say one thing each, in their types: a number
//! is the length of an array that a pointer points to (`__uint`) or the first
//! value of an enumeration (`__ulong`); a type is what a pointer points to
//! (`__type`); an inner map what an array of pointers points to (`__array`).
//!
//! Answers to: libbpf's parse_btf_map_def and bpf_object__init_user_btf_map.

use super::map::{InnerMap, MapSource, MapSpec, PIN_BY_NAME};
use crate::elf::{Elf, MAX_NAME, Section};
use crate::error::{LoadError, Place, Problem};
use skep_abi::MapType;
use skep_btf::{Btf, Composite, Def, Kind, Linkage, Member, TypeId, VarSecInfo};

/// The section of BTF-defined maps.
pub(super) const SECTION: &str = ".maps";

/// The maps of the section, by offset.
pub(super) fn maps(elf: &Elf<'_>, btf: Option<&Btf>) -> Result<Vec<MapSpec>, LoadError> {
    let Some(section) = elf.section(SECTION)?.filter(|section| section.has_data()) else {
        return Ok(Vec::new());
    };
    let no_btf = || section.place().error(Problem::NoMapBtf);
    let btf = btf.ok_or_else(no_btf)?;
    let vars = btf.find_datasec(SECTION).ok_or_else(no_btf)?;
    let mut maps: Vec<MapSpec> = Vec::new();
    let mut end = 0;
    for var in vars.vars() {
        let map = map(section, btf, var)?;
        if let Some(last) = maps.last()
            && map.offset < end
        {
            return Err(map.place().error(Problem::Overlap(last.name.clone())));
        }
        // No definition is shorter than one of its members, a pointer.
        end = map.offset + u64::from(var.size.max(8));
        maps.push(map);
    }
    Ok(maps)
}

/// What keeps an object from being loaded: maps that begin with something in
/// them (`.values = {...}`).
pub(super) fn initial_values(bytes: &[u8], elf: &Elf<'_>) -> Result<Option<LoadError>, LoadError> {
    let Some(section) = elf.section(SECTION)?.filter(|section| section.size > 0) else {
        return Ok(None);
    };
    let first = elf.relocations(bytes, section)?.into_iter().next();
    Ok(first.map(|first| {
        let symbol = elf.symbols.get(first.symbol);
        let name = symbol.map_or("", |symbol| elf.symbol_name(symbol));
        let at = section.place().symbol(name).offset(first.offset);
        at.error(Problem::NotYet("first values of a map"))
    }))
}

/// One map: the variable `var`.
fn map(section: &Section<'_>, btf: &Btf, var: VarSecInfo) -> Result<MapSpec, LoadError> {
    let at = section.place().offset(var.offset.into());
    let fail = |source| at.clone().btf_error(source);
    let variable = btf.expect_type(var.ty).map_err(fail)?;
    if variable.name_bytes().len() > MAX_NAME {
        return Err(at.error(Problem::Name(variable.name_off())));
    }
    let at = at.symbol(variable.name());
    let not = |what: String| at.clone().error(Problem::MapVariable(what));
    let fail = |source| at.clone().btf_error(source);
    let Def::Var { ty, linkage } = variable.def() else {
        return Err(not(format!("a {}", variable.kind())));
    };
    if linkage != Linkage::Global {
        return Err(not("one that is not global, or not defined here".to_owned()));
    }
    let definition = btf.resolve(ty).map_err(fail)?;
    let Def::Struct(fields) = definition.def() else {
        return Err(not(format!("a {}", definition.kind())));
    };
    let end = u64::from(var.offset) + u64::from(var.size);
    if fields.size() > var.size || end > section.size {
        return Err(at.error(Problem::OutsideSection {
            value: var.offset.into(),
            size: fields.size().max(var.size).into(),
            section: section.size,
        }));
    }
    let mut map = MapSpec::new(
        variable.name(),
        MapSource::Btf,
        section.name,
        var.offset.into(),
    );
    Fields::new(btf, &at, false).read(fields, &mut map)?;
    Ok(map)
}

/// The members of one definition, and what they have said so far.
struct Fields<'a> {
    btf: &'a Btf,
    at: &'a Place,
    is_inner: bool,
    key_size: Option<u32>,
    value_size: Option<u32>,
}

impl<'a> Fields<'a> {
    fn new(btf: &'a Btf, at: &'a Place, is_inner: bool) -> Fields<'a> {
        Fields {
            btf,
            at,
            is_inner,
            key_size: None,
            value_size: None,
        }
    }

    fn read(mut self, fields: Composite<'_>, map: &mut MapSpec) -> Result<(), LoadError> {
        let last = fields.iter().len().saturating_sub(1);
        for (index, field) in fields.iter().enumerate() {
            if field.name == "values" {
                if index != last {
                    return Err(self.wrong(field.name, "the last member", "others after it"));
                }
                map.inner = Some(self.inner(field, map)?);
            } else {
                self.field(field, map)?;
            }
        }
        map.key_size = self.key_size.unwrap_or(0);
        map.value_size = self.value_size.unwrap_or(0);
        if map.inner.is_some() && map.value_size == 0 {
            map.value_size = 4;
        }
        if map.map_type == MapType::UNSPEC {
            return Err(self.at.clone().error(Problem::NoMapType));
        }
        Ok(())
    }

    /// One member that is not `values`.
    fn field(&mut self, field: Member<'_>, map: &mut MapSpec) -> Result<(), LoadError> {
        match field.name {
            "type" => map.map_type = MapType(self.number(field)?),
            "max_entries" => map.max_entries = self.number(field)?,
            "map_flags" => map.map_flags = self.number(field)?,
            "numa_node" => map.numa_node = self.number(field)?,
            "map_extra" => map.map_extra = self.long(field)?,
            "key_size" => {
                let size = self.number(field)?;
                self.key_size = self.agree("key_size", self.key_size, size)?;
            }
            "value_size" => {
                let size = self.number(field)?;
                self.value_size = self.agree("value_size", self.value_size, size)?;
            }
            "key" => {
                let (ty, size) = self.pointee(field)?;
                self.key_size = self.agree("key", self.key_size, size)?;
                map.key_type = ty;
            }
            "value" => {
                let (ty, size) = self.pointee(field)?;
                self.value_size = self.agree("value", self.value_size, size)?;
                map.value_type = ty;
            }
            "pinning" => {
                let pinning = self.number(field)?;
                if self.is_inner {
                    return Err(self.wrong("pinning", "no pinning of an inner map", "it"));
                }
                if pinning > PIN_BY_NAME {
                    let found = pinning.to_string();
                    return Err(self.wrong("pinning", "0 or 1 (LIBBPF_PIN_BY_NAME)", &found));
                }
                map.pinning = pinning;
            }
            other => {
                return Err(self.wrong(other, "a field that is known", "one that is not"));
            }
        }
        Ok(())
    }

    fn wrong(&self, field: &str, expected: &'static str, found: &str) -> LoadError {
        self.at.clone().error(Problem::MapField {
            field: field.to_owned(),
            expected,
            found: found.to_owned(),
        })
    }

    fn btf_error(&self, source: skep_btf::BtfError) -> LoadError {
        self.at.clone().btf_error(source)
    }

    /// A size that two members may give, if they give the same.
    fn agree(
        &self,
        field: &'static str,
        known: Option<u32>,
        size: u32,
    ) -> Result<Option<u32>, LoadError> {
        match known {
            Some(first) if first != 0 && first != size => {
                Err(self.at.clone().error(Problem::MapFieldConflict {
                    field,
                    first,
                    second: size,
                }))
            }
            _ => Ok(Some(size)),
        }
    }

    fn number(&self, field: Member<'_>) -> Result<u32, LoadError> {
        let number = self.long(field)?;
        u32::try_from(number)
            .map_err(|_| self.wrong(field.name, "a number of 32 bits", &number.to_string()))
    }

    /// The number that a member's type stands for.
    fn long(&self, field: Member<'_>) -> Result<u64, LoadError> {
        let expected = "a pointer to an array of that many (__uint) or an enum (__ulong)";
        let ty = self.btf.resolve(field.ty).map_err(|e| self.btf_error(e))?;
        match ty.def() {
            Def::Enum(values) => {
                let value = values.iter().next().map(|value| value.value);
                value
                    .and_then(|value| u64::try_from(value).ok())
                    .ok_or_else(|| self.wrong(field.name, expected, "an enum without one"))
            }
            Def::Ptr(to) => {
                let array = self.btf.resolve(to).map_err(|e| self.btf_error(e))?;
                match array.def() {
                    Def::Array(array) => Ok(array.nelems.into()),
                    _ => {
                        let found = format!("a pointer to {}", array.kind());
                        Err(self.wrong(field.name, expected, &found))
                    }
                }
            }
            _ => Err(self.wrong(field.name, expected, ty.kind().name())),
        }
    }

    /// The type that a member points to, and its size.
    fn pointee(&self, field: Member<'_>) -> Result<(TypeId, u32), LoadError> {
        let ty = self.btf.resolve(field.ty).map_err(|e| self.btf_error(e))?;
        let Def::Ptr(to) = ty.def() else {
            let expected = "a pointer to the type (__type)";
            return Err(self.wrong(field.name, expected, ty.kind().name()));
        };
        let size = self.btf.size_of(to).map_err(|e| self.btf_error(e))?;
        Ok((to, size))
    }

    /// What `values` says the values refer to.
    fn inner(&self, field: Member<'_>, map: &MapSpec) -> Result<InnerMap, LoadError> {
        let of_maps =
            map.map_type == MapType::ARRAY_OF_MAPS || map.map_type == MapType::HASH_OF_MAPS;
        let expected = "a map of maps or of programs";
        if self.is_inner {
            return Err(self.wrong("values", "no inner map of an inner map", "one"));
        }
        if !of_maps && map.map_type != MapType::PROG_ARRAY {
            return Err(self.wrong("values", expected, &map.map_type.to_string()));
        }
        let resolve = |id| self.btf.resolve(id).map_err(|e| self.btf_error(e));
        let array = "an array of pointers (__array)";
        let Def::Array(pointers) = resolve(field.ty)?.def() else {
            return Err(self.wrong("values", array, "another type"));
        };
        let Def::Ptr(to) = resolve(pointers.element)?.def() else {
            return Err(self.wrong("values", array, "an array of something else"));
        };
        let target = resolve(to)?;
        match (target.def(), target.kind()) {
            (Def::Struct(fields), _) if of_maps => {
                let name = format!("{}.inner", map.name);
                let mut inner = MapSpec::new(&name, MapSource::Btf, &map.section, map.offset);
                Fields::new(self.btf, self.at, true).read(fields, &mut inner)?;
                Ok(InnerMap::Map(Box::new(inner)))
            }
            (_, Kind::FuncProto) if !of_maps => Ok(InnerMap::Programs(target.id())),
            (_, kind) => Err(self.wrong(
                "values",
                "pointers to a map definition or to functions",
                kind.name(),
            )),
        }
    }
}
