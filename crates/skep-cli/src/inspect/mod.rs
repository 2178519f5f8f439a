//! `skep inspect`: what an object file holds.
//!
//! Here is what both [`text`] and [`json`] say of programs, maps and variables.

mod json;
mod text;

use crate::Done;
use crate::args::InspectArgs;
use crate::error::Failure;
use skep::abi::flags::map as flag;
use skep::abi::{AttachType, MapType, ProgType};
use skep::btf::{Btf, Decoder, Def, TypeId, Value, VarSecInfo};
use skep::loader::spec::{Contents, MapSource};
use skep::loader::{MapSpec, ObjectSpec, ProgramSpec};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// Largest object file that is read; the largest known have a few megabytes.
const MAX_OBJECT: u64 = 256 << 20;
/// Largest variable whose initial value is shown.
const MAX_VARIABLE: u32 = 64 << 10;

/// Reads an object file into its specification.
pub fn read_object(path: &Path) -> Result<ObjectSpec, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_OBJECT + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
    if bytes.len() as u64 > MAX_OBJECT {
        return Err(Failure::new(format!(
            "{} is no BPF object: it has more than {MAX_OBJECT} bytes",
            path.display()
        )));
    }
    ObjectSpec::parse_named(&bytes, &path.to_string_lossy())
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// Runs the command.
pub fn inspect(args: &InspectArgs) -> Result<Done, Failure> {
    let spec = read_object(&args.object)?;
    let file = args.object.display().to_string();
    let text = if args.json {
        json::render(&file, &spec)
    } else {
        text::render(&file, &spec)
    };
    Ok(Done {
        text,
        complaint: None,
        code: ExitCode::SUCCESS,
    })
}

/// A program's type; `None` when its section does not tell.
fn type_of(program: &ProgramSpec) -> Option<String> {
    (program.prog_type != ProgType::UNSPEC).then(|| program.prog_type.to_string())
}

/// What a program attaches to, for types that are told apart by it. Number 0 is
/// a type of its own for those of cgroups only, and nothing for others.
fn attach_of(program: &ProgramSpec) -> Option<String> {
    let zero_counts = program.prog_type == ProgType::CGROUP_SKB;
    let is_set = program.attach_type != AttachType(0) || zero_counts;
    is_set.then(|| program.attach_type.to_string())
}

/// How many instructions a program has with all functions it calls.
fn instructions(spec: &ObjectSpec, program: &ProgramSpec) -> Result<usize, String> {
    let linked = spec.link(program).map_err(|error| error.to_string())?;
    Ok(linked.insns.len())
}

/// A map's type; `None` when its definition does not tell.
fn kind_of(map: &MapSpec) -> Option<String> {
    (map.map_type != MapType::UNSPEC).then(|| map.map_type.to_string())
}

/// How the object defines a map.
fn defined(map: &MapSpec) -> &'static str {
    match map.source {
        MapSource::Legacy => "legacy",
        MapSource::Btf => "btf",
        MapSource::Data(_) => "data",
    }
}

/// Creation flags by the names of the interface, prefix dropped, lower case.
fn flags(bits: u32) -> Vec<String> {
    const NAMES: [(u32, &str); 13] = [
        (flag::NO_PREALLOC, "no_prealloc"),
        (flag::NO_COMMON_LRU, "no_common_lru"),
        (flag::NUMA_NODE, "numa_node"),
        (flag::RDONLY, "rdonly"),
        (flag::WRONLY, "wronly"),
        (flag::STACK_BUILD_ID, "stack_build_id"),
        (flag::ZERO_SEED, "zero_seed"),
        (flag::RDONLY_PROG, "rdonly_prog"),
        (flag::WRONLY_PROG, "wronly_prog"),
        (flag::CLONE, "clone"),
        (flag::MMAPABLE, "mmapable"),
        (flag::PRESERVE_ELEMS, "preserve_elems"),
        (flag::INNER_MAP, "inner_map"),
    ];
    let set = NAMES.iter().filter(|(bit, _)| bits & bit != 0);
    let mut names: Vec<String> = set.map(|(_, name)| (*name).to_owned()).collect();
    let left = NAMES.iter().fold(bits, |left, (bit, _)| left & !bit);
    if left != 0 {
        names.push(format!("{left:#x}"));
    }
    names
}

/// A type as C names it, of what has one; what is wrong where it cannot be followed.
fn type_name(btf: Option<&Btf>, id: TypeId) -> Option<String> {
    let btf = btf.filter(|_| id != TypeId::VOID)?;
    let name = btf.type_name(id);
    Some(name.unwrap_or_else(|why| format!("? ({why})")))
}

/// A variable of a data map.
struct Variable<'a> {
    name: &'a str,
    type_name: String,
    offset: u32,
    size: u32,
    initial: Value<'a>,
}

/// The variables of a data map's section; `None` where nothing describes them.
fn variables<'a>(btf: Option<&'a Btf>, map: &MapSpec) -> Option<Vec<Variable<'a>>> {
    let btf = btf.filter(|_| map.is_data())?;
    let section = btf.find_datasec(&map.section)?;
    Some(section.vars().map(|var| variable(btf, map, var)).collect())
}

fn variable<'a>(btf: &'a Btf, map: &MapSpec, var: VarSecInfo) -> Variable<'a> {
    let (name, ty) = match btf.type_by_id(var.ty).map(|ty| (ty.name(), ty.def())) {
        Some((name, Def::Var { ty, .. })) => (name, ty),
        _ => ("?", TypeId::VOID),
    };
    let initial = match &map.contents {
        _ if var.size > MAX_VARIABLE => None,
        Contents::Zero => Some(vec![0; var.size as usize]),
        Contents::Bytes(bytes) => {
            let tail = bytes.get(var.offset as usize..).unwrap_or_default();
            Some(tail[..tail.len().min(var.size as usize)].to_vec())
        }
    };
    let initial = initial.and_then(|bytes| Decoder::new(btf).decode(ty, &bytes).ok());
    Variable {
        name,
        type_name: type_name(Some(btf), ty).unwrap_or_default(),
        offset: var.offset,
        size: var.size,
        initial: initial.unwrap_or(Value::Omitted),
    }
}
