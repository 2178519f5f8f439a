//! What an object file asks for, read without touching any system.
//!
//! [`ObjectSpec::parse`] reads everything that loading needs and checks it
//! once: maps, programs, functions, type information, relocations resolved to
//! map and function numbers. What can be changed before loading (a map's size,
//! a program's type) are public fields; what other parts refer to by number
//! is reached through slices, so that the numbers stay valid.
//!
//! Functions are kept once, however many programs call them; a program with
//! the functions it needs is put together by [`ObjectSpec::link`], one at a
//! time, so memory stays a small multiple of the file.
//!
//! Answers to: libbpf's bpf_object__open (the order and names of maps, the
//! order of programs) and, for `SEC("maps")`, libbpf 0.x.

mod btf_map;
mod code;
mod data;
mod legacy;
mod link;
mod map;
mod section;

pub use code::Function;
pub use data::DataKind;
pub use link::{InvalidAccess, LinkedFunction, LinkedProgram, MapUse};
pub use map::{Contents, InnerMap, MapSource, MapSpec, PIN_BY_NAME};
pub use section::{SectionDef, section_def, section_defs};

use crate::elf::Elf;
use crate::error::{LoadError, Place, Problem};
use code::Code;
use skep_abi::{AttachType, ProgType};
use skep_btf::core::{CoreTarget, Relocator};
use skep_btf::{Btf, BtfExt};
use std::path::Path;
use std::sync::Arc;

/// What an object file asks for.
#[derive(Clone, Debug)]
pub struct ObjectSpec {
    /// The object's name: what libbpf makes of the file's, up to its first dot.
    name: String,
    /// The license; empty when the object states none.
    pub license: String,
    /// What the section `version` says, which old kernels wanted of kprobes.
    pub version: Option<u32>,
    maps: Vec<MapSpec>,
    programs: Vec<ProgramSpec>,
    btf: Option<Arc<Btf>>,
    code: Code,
    warnings: Vec<LoadError>,
    /// What keeps the object from being loaded, though it can be looked at.
    pub(crate) unsupported: Option<LoadError>,
}

/// A program that an object holds.
#[derive(Clone, Debug)]
pub struct ProgramSpec {
    /// The name of its function.
    pub name: String,
    /// The section it is in, without the `?` of those that are not loaded by themselves.
    pub section: String,
    /// What it is; [`ProgType::UNSPEC`] when the section does not tell.
    pub prog_type: ProgType,
    /// Where it will be attached, for types that are verified by it.
    pub attach_type: AttachType,
    /// Flags of loading ([`skep_abi::flags::prog`]).
    pub flags: u32,
    /// What the section's name says after its slash: what to attach to.
    pub attach_target: Option<String>,
    /// Whether it is loaded when nobody says otherwise.
    pub autoload: bool,
    /// Its function.
    function: usize,
}

/// Longest name of an object, as libbpf cuts it.
const OBJECT_NAME_LEN: usize = 15;

impl ObjectSpec {
    /// Reads an object file from memory.
    ///
    /// The object's name, of which the names of its data maps are made, is
    /// `object`; see [`ObjectSpec::parse_named`].
    pub fn parse(bytes: &[u8]) -> Result<ObjectSpec, LoadError> {
        ObjectSpec::parse_named(bytes, "object")
    }

    /// Reads an object file from memory; `file_name` is where it came from. Of
    /// its last part, what stands before the first dot names the object.
    pub fn parse_named(bytes: &[u8], file_name: &str) -> Result<ObjectSpec, LoadError> {
        let elf = Elf::parse(bytes)?;
        let name = object_name(file_name);
        let mut btf = parse_btf(&elf)?;
        if let Some(btf) = &mut btf {
            data::place_variables(&elf, btf)?;
        }
        let ext = match (&btf, elf.section(".BTF.ext")?) {
            (Some(btf), Some(section)) => BtfExt::parse(section.data()?, btf)
                .map_err(|source| section.place().btf_error(source))?,
            _ => BtfExt::default(),
        };
        let mut warnings = Vec::new();
        let mut maps = legacy::maps(&elf, btf.as_ref(), &mut warnings)?;
        maps.extend(btf_map::maps(&elf, btf.as_ref())?);
        maps.extend(data::maps(&elf, &name, btf.as_ref())?);
        data::warn_of_pointers(bytes, &elf, &mut warnings)?;
        let code = Code::read(bytes, &elf, &maps, btf.as_ref(), ext)?;
        if let Some(btf) = &mut btf {
            code.hide_functions(btf);
        }
        Ok(ObjectSpec {
            license: license(&elf)?,
            version: version(&elf)?,
            programs: code.programs(),
            name,
            unsupported: btf_map::initial_values(bytes, &elf)?,
            maps,
            btf: btf.map(Arc::new),
            code,
            warnings,
        })
    }

    /// The object's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The maps, in the order in which they are made.
    #[doc(alias = "map_data")]
    pub fn maps(&self) -> &[MapSpec] {
        &self.maps
    }

    /// The maps, to be changed before loading.
    pub fn maps_mut(&mut self) -> &mut [MapSpec] {
        &mut self.maps
    }

    /// The map of this name: the variable's, or a data map's section or the
    /// name libbpf gives it.
    pub fn map(&self, name: &str) -> Option<&MapSpec> {
        self.maps.iter().find(|map| map.is_named(name))
    }

    /// The map of this name, to be changed before loading.
    pub fn map_mut(&mut self, name: &str) -> Option<&mut MapSpec> {
        self.maps.iter_mut().find(|map| map.is_named(name))
    }

    /// The programs, by section and place in it.
    pub fn programs(&self) -> &[ProgramSpec] {
        &self.programs
    }

    /// The programs, to be changed before loading.
    pub fn programs_mut(&mut self) -> &mut [ProgramSpec] {
        &mut self.programs
    }

    /// The program of this name.
    pub fn program(&self, name: &str) -> Option<&ProgramSpec> {
        self.programs.iter().find(|program| program.name == name)
    }

    /// The program of this name, to be changed before loading.
    pub fn program_mut(&mut self, name: &str) -> Option<&mut ProgramSpec> {
        self.programs
            .iter_mut()
            .find(|program| program.name == name)
    }

    /// All functions, programs included, by section and place in it.
    pub fn functions(&self) -> &[Function] {
        self.code.functions()
    }

    /// The type information as it will be loaded: sections sized, variables placed.
    pub fn btf(&self) -> Option<&Btf> {
        self.btf.as_deref()
    }

    pub(crate) fn shared_btf(&self) -> Option<&Arc<Btf>> {
        self.btf.as_ref()
    }

    /// What is odd in the file but no reason to refuse it.
    pub fn warnings(&self) -> &[LoadError] {
        &self.warnings
    }

    /// Puts a program together with the functions it calls. One that is to be
    /// adapted to the target's types is refused; see [`ObjectSpec::link_for`].
    pub fn link(&self, program: &ProgramSpec) -> Result<LinkedProgram, LoadError> {
        self.link_by(program, self.relocator(None).as_mut())
    }

    /// Puts a program together with the functions it calls, adapted to a target.
    pub fn link_for(
        &self,
        program: &ProgramSpec,
        target: &CoreTarget,
    ) -> Result<LinkedProgram, LoadError> {
        self.link_by(program, self.relocator(Some(target)).as_mut())
    }

    /// Whether programs of the object depend on the types of the system they run
    /// on, so that loading them takes those types
    /// ([`crate::LoadOptions::btf`]).
    #[doc(alias = "obj_needs_vmlinux_btf")]
    pub fn needs_target(&self) -> bool {
        self.code.needs_target()
    }

    /// What adapts the object's instructions, if it has types.
    pub(crate) fn relocator<'a>(&'a self, target: Option<&'a CoreTarget>) -> Option<Relocator<'a>> {
        self.btf().map(|btf| Relocator::new(btf, target))
    }

    /// Puts a program together, adapted by `relocator`.
    pub(crate) fn link_by(
        &self,
        program: &ProgramSpec,
        relocator: Option<&mut Relocator<'_>>,
    ) -> Result<LinkedProgram, LoadError> {
        link::link(&self.code, program.function, relocator)
    }

    /// Resolves the relocations by type of all functions but the programs that
    /// are not loaded, in the order of the file: that order has a say in which
    /// of several types of one name count.
    pub(crate) fn resolve_core(
        &self,
        relocator: &mut Relocator<'_>,
        loads: impl Fn(&ProgramSpec) -> bool,
    ) -> Result<(), LoadError> {
        let skipped = self.programs.iter().filter(|program| !loads(program));
        let skipped = skipped.map(|program| program.function).collect();
        self.code.resolve_core(relocator, &skipped)
    }

    /// Where a program is, for messages.
    pub(crate) fn place_of(&self, program: &ProgramSpec) -> Place {
        Place::section(&program.section).symbol(&program.name)
    }
}

impl ProgramSpec {
    /// A program whose function is number `function`, in the section `section`.
    fn new(name: &str, section: &str, function: usize) -> ProgramSpec {
        let autoload = !section.starts_with('?');
        let section = section.strip_prefix('?').unwrap_or(section);
        let def = section_def(section);
        let target = section.split_once('/').map(|(_, target)| target);
        ProgramSpec {
            name: name.to_owned(),
            section: section.to_owned(),
            prog_type: def.map_or(ProgType::UNSPEC, |def| def.prog_type),
            attach_type: def.map_or(AttachType::default(), |def| def.attach_type),
            flags: def.map_or(0, |def| def.flags),
            attach_target: def
                .filter(|def| def.takes_target())
                .and(target)
                .map(str::to_owned),
            autoload,
            function,
        }
    }
}

/// What libbpf calls an object that came from this file.
fn object_name(file_name: &str) -> String {
    let base = Path::new(file_name).file_name().and_then(|n| n.to_str());
    let base = base.unwrap_or(file_name);
    let mut end = base.len().min(OBJECT_NAME_LEN);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let cut = base.get(..end).unwrap_or("");
    cut.split('.').next().unwrap_or("").to_owned()
}

fn parse_btf(elf: &Elf<'_>) -> Result<Option<Btf>, LoadError> {
    let Some(section) = elf.section(".BTF")? else {
        return Ok(None);
    };
    Btf::parse(section.data()?)
        .map(Some)
        .map_err(|source| section.place().btf_error(source))
}

/// The license, up to its end.
fn license(elf: &Elf<'_>) -> Result<String, LoadError> {
    let Some(section) = elf.section("license")? else {
        return Ok(String::new());
    };
    let data = section.data()?;
    let text = data.split(|&b| b == 0).next().unwrap_or(&[]);
    // Longer than any license that is known, and libbpf cuts it here too.
    let text = text.get(..text.len().min(63)).unwrap_or(text);
    Ok(String::from_utf8_lossy(text).into_owned())
}

fn version(elf: &Elf<'_>) -> Result<Option<u32>, LoadError> {
    let Some(section) = elf.section("version")? else {
        return Ok(None);
    };
    match section.data()?.try_into() {
        Ok(word) => Ok(Some(u32::from_le_bytes(word))),
        Err(_) => Err(section.place().error(Problem::SectionSize {
            expected: "a 32-bit version number",
            found: section.size,
        })),
    }
}
