//! From a specification to objects of a system, whichever system it is.
//!
//! In order: the type information, the maps with their first contents, the
//! programs. A system without type information is given maps and programs
//! without it; a map that is refused with types is tried without them. A
//! refused program is loaded once more for the verifier's log. Everything made
//! before a failure is closed again.
//!
//! Answers to: libbpf's bpf_object__load, bpf_object__create_map,
//! bpf_object_load_prog.

use crate::error::{LoadError, Problem};
use crate::missing::missing;
use crate::object::{LoadedMap, LoadedProgram, Object};
use crate::spec::{Contents, DataKind, InnerMap, MapSource, MapSpec, ObjectSpec, ProgramSpec};
use skep_abi::insn::Insn;
use skep_abi::{
    Bpf, BtfLoad, Errno, Fd, MapCreate, MapFreeze, MapType, MapUpdateElem, Name, OwnedFd, ProgLoad,
    ProgType, UserIn, UserOut,
};
use skep_btf::core::{CoreTarget, Relocator};
use skep_btf::{Btf, ProgInfo, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Room for a log at first; a program that needs more is loaded again.
const LOG_SIZE: usize = 64 << 10;
/// Most room for a log.
const MAX_LOG_SIZE: usize = 16 << 20;
/// How often a load is tried that a signal interrupts.
const ATTEMPTS: usize = 5;
/// Bytes of a page, of which a ring buffer takes a power of two.
const PAGE_SIZE: u32 = 4096;

/// Map types whose keys and values are not described by BTF.
const WITHOUT_TYPES: [MapType; 12] = [
    MapType::PERF_EVENT_ARRAY,
    MapType::CGROUP_ARRAY,
    MapType::STACK_TRACE,
    MapType::ARRAY_OF_MAPS,
    MapType::HASH_OF_MAPS,
    MapType::DEVMAP,
    MapType::DEVMAP_HASH,
    MapType::CPUMAP,
    MapType::XSKMAP,
    MapType::SOCKMAP,
    MapType::SOCKHASH,
    MapType::QUEUE,
];

/// How an object is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    log_level: u32,
    max_entries: BTreeMap<String, u32>,
    autoload: BTreeMap<String, bool>,
    only: Option<String>,
    target: Option<Arc<CoreTarget>>,
}

impl LoadOptions {
    /// As the object says.
    pub fn new() -> LoadOptions {
        LoadOptions::default()
    }

    /// Keeps the verifier's log of every program, as detailed as this; without
    /// it there is a log only of a program that is refused.
    pub fn log_level(mut self, level: u32) -> LoadOptions {
        self.log_level = level;
        self
    }

    /// Makes a map with room for this many elements.
    pub fn max_entries(mut self, map: impl Into<String>, max_entries: u32) -> LoadOptions {
        self.max_entries.insert(map.into(), max_entries);
        self
    }

    /// Loads a program, or leaves it out, whatever the object says.
    pub fn autoload(mut self, program: impl Into<String>, load: bool) -> LoadOptions {
        self.autoload.insert(program.into(), load);
        self
    }

    /// Loads this program and no other.
    pub fn only(mut self, program: impl Into<String>) -> LoadOptions {
        self.only = Some(program.into());
        self
    }

    /// Adapts programs to these types, those of the system they run on (Linux
    /// gives its own in `/sys/kernel/btf/vmlinux`). Only an object whose
    /// [`ObjectSpec::needs_target`] is true takes them.
    #[doc(alias = "btf_custom_path")]
    pub fn btf(self, target: Arc<Btf>) -> LoadOptions {
        self.target(Arc::new(CoreTarget::new(target)))
    }

    /// As [`LoadOptions::btf`], with the types indexed once for many objects, or
    /// with those of modules.
    pub fn target(mut self, target: Arc<CoreTarget>) -> LoadOptions {
        self.target = Some(target);
        self
    }

    /// Refuses options about what the object does not have.
    fn check(&self, spec: &ObjectSpec) -> Result<(), LoadError> {
        let maps = || spec.maps().iter().map(|map| map.name.clone()).collect();
        let programs = || spec.programs().iter().map(|p| p.name.clone()).collect();
        let no_such = |what, name: &String, known| LoadError::NoSuch {
            what,
            name: name.clone(),
            known,
        };
        if let Some(name) = self.max_entries.keys().find(|n| spec.map(n).is_none()) {
            return Err(no_such("map", name, maps()));
        }
        let mut named = self.autoload.keys().chain(&self.only);
        match named.find(|name| spec.program(name).is_none()) {
            Some(name) => Err(no_such("program", name, programs())),
            None => Ok(()),
        }
    }

    fn loads(&self, program: &ProgramSpec) -> bool {
        if let Some(only) = &self.only {
            return *only == program.name;
        }
        let chosen = self.autoload.get(&program.name);
        chosen.copied().unwrap_or(program.autoload)
    }
}

impl ObjectSpec {
    /// Makes the maps and loads the programs.
    pub fn load(&self, bpf: &Arc<dyn Bpf>) -> Result<Object, LoadError> {
        self.load_with(bpf, &LoadOptions::new())
    }

    /// Makes the maps and loads the programs, but for what the options change.
    pub fn load_with(
        &self,
        bpf: &Arc<dyn Bpf>,
        options: &LoadOptions,
    ) -> Result<Object, LoadError> {
        options.check(self)?;
        if let Some(unsupported) = &self.unsupported {
            return Err(unsupported.clone());
        }
        let mut relocator = self.relocator(options.target.as_deref());
        if let Some(relocator) = &mut relocator {
            self.resolve_core(relocator, |program| options.loads(program))?;
        }
        // What cannot be put together is found before anything is made.
        for program in self.programs().iter().filter(|p| options.loads(p)) {
            if program.prog_type == ProgType::UNSPEC {
                return Err(LoadError::NoProgramType {
                    at: Box::new(self.place_of(program)),
                });
            }
            self.link_by(program, relocator.as_mut())?;
        }
        let mut loader = Loader {
            spec: self,
            bpf,
            options,
            btf: None,
            warnings: self.warnings().to_vec(),
        };
        loader.load_btf();
        let maps: Vec<LoadedMap> = self
            .maps()
            .iter()
            .map(|map| loader.load_map(map))
            .collect::<Result<_, _>>()?;
        let programs = self
            .programs()
            .iter()
            .filter(|program| options.loads(program))
            .map(|program| loader.load_program(program, &maps, relocator.as_mut()))
            .collect::<Result<_, _>>()?;
        Ok(Object {
            name: self.name().to_owned(),
            bpf: bpf.clone(),
            btf: self.shared_btf().cloned(),
            btf_fd: loader.btf,
            maps,
            programs,
            warnings: loader.warnings,
        })
    }
}

struct Loader<'a> {
    spec: &'a ObjectSpec,
    bpf: &'a Arc<dyn Bpf>,
    options: &'a LoadOptions,
    btf: Option<OwnedFd>,
    warnings: Vec<LoadError>,
}

impl Loader<'_> {
    fn own(&self, fd: Fd) -> OwnedFd {
        OwnedFd::new(self.bpf.clone(), fd)
    }

    fn btf_fd(&self) -> Fd {
        self.btf.as_ref().map_or(Fd(0), OwnedFd::fd)
    }

    /// Loads the type information; that it is refused is a warning.
    fn load_btf(&mut self) {
        let Some(btf) = self.spec.btf() else {
            return;
        };
        let bytes = btf.to_bytes();
        let load = |log: &mut [u8]| {
            self.bpf.btf_load(&mut BtfLoad {
                btf: UserIn::new(&bytes),
                btf_size: size32(bytes.len()),
                log_level: u32::from(!log.is_empty()),
                log_size: size32(log.len()),
                log_buf: log_out(log),
                ..BtfLoad::default()
            })
        };
        let mut log = vec![0; LOG_SIZE];
        match load(&mut []).or_else(|_| load(&mut log)) {
            Ok(fd) => self.btf = Some(self.own(fd)),
            Err(errno) => self.warnings.push(LoadError::BtfLoad {
                errno,
                log: log_text(&log),
            }),
        }
    }

    fn load_map(&mut self, spec: &MapSpec) -> Result<LoadedMap, LoadError> {
        if let Some(InnerMap::Map(_)) = spec.inner {
            return Err(spec.place().error(Problem::NotYet("maps of maps")));
        }
        if spec.pinning != 0 {
            let pins = Problem::NotYet("pins by name");
            self.warnings.push(spec.place().error(pins));
        }
        let mut spec = spec.clone();
        self.adjust(&mut spec)?;
        let fd = self.create(&mut spec)?;
        let failed = |action: &'static str| {
            let name = spec.name.clone();
            move |errno| LoadError::Map {
                name,
                action,
                errno,
            }
        };
        if let Contents::Bytes(value) = std::mem::take(&mut spec.contents) {
            let mut update = MapUpdateElem {
                map: fd.fd(),
                key: UserIn::new(&[0; 4]),
                value: UserIn::new(&value),
                flags: 0,
            };
            let set = self.bpf.map_update_elem(&mut update);
            set.map_err(failed("setting its first contents"))?;
        }
        if spec.source == MapSource::Data(DataKind::Rodata) {
            let frozen = self.bpf.map_freeze(&mut MapFreeze { map: fd.fd() });
            frozen.map_err(failed("freezing it"))?;
        }
        let map = self.bpf.resolve(fd.fd());
        let map = map.map_err(failed("looking it up"))?;
        Ok(LoadedMap { spec, fd, map })
    }

    /// What the options and the system change in a map's definition.
    fn adjust(&self, spec: &mut MapSpec) -> Result<(), LoadError> {
        let mut chosen = self.options.max_entries.iter();
        if let Some((_, max_entries)) = chosen.find(|(name, _)| spec.is_named(name)) {
            spec.max_entries = *max_entries;
        }
        match spec.map_type {
            MapType::PERF_EVENT_ARRAY if spec.max_entries == 0 => {
                let cpus = self.bpf.possible_cpus();
                spec.max_entries = cpus.map_err(|errno| LoadError::map_create(spec, errno))?;
            }
            MapType::RINGBUF | MapType::USER_RINGBUF if spec.max_entries != 0 => {
                let pages = spec
                    .max_entries
                    .div_ceil(PAGE_SIZE)
                    .checked_next_power_of_two();
                let size = pages.and_then(|pages| pages.checked_mul(PAGE_SIZE));
                spec.max_entries = size.unwrap_or(spec.max_entries);
            }
            _ => {}
        }
        let has_none = WITHOUT_TYPES.contains(&spec.map_type) || spec.map_type == MapType::STACK;
        if has_none {
            (spec.key_type, spec.value_type) = (TypeId::VOID, TypeId::VOID);
        }
        Ok(())
    }

    /// Makes the map, with its types or, where those are refused, without.
    fn create(&mut self, spec: &mut MapSpec) -> Result<OwnedFd, LoadError> {
        let create = |typed: bool| {
            let (btf_fd, key, value) = if typed {
                (self.btf_fd(), spec.key_type.0, spec.value_type.0)
            } else {
                (Fd(0), 0, 0)
            };
            self.bpf.map_create(&mut MapCreate {
                map_type: spec.map_type,
                key_size: spec.key_size,
                value_size: spec.value_size,
                max_entries: spec.max_entries,
                map_flags: spec.map_flags,
                numa_node: spec.numa_node,
                map_name: spec.system_name,
                map_extra: spec.map_extra,
                btf_fd,
                btf_key_type_id: key,
                btf_value_type_id: value,
                ..MapCreate::default()
            })
        };
        let typed = self.btf.is_some() && (spec.key_type.0 != 0 || spec.value_type.0 != 0);
        let made = match create(typed) {
            Err(refused) if typed => {
                let made = create(false);
                if made.is_ok() {
                    self.warnings.push(LoadError::Map {
                        name: spec.name.clone(),
                        action: "creating it with its types (it was made without)",
                        errno: refused,
                    });
                }
                made
            }
            made => made,
        };
        made.map(|fd| self.own(fd))
            .map_err(|errno| LoadError::map_create(spec, errno))
    }

    fn load_program(
        &self,
        program: &ProgramSpec,
        maps: &[LoadedMap],
        relocator: Option<&mut Relocator<'_>>,
    ) -> Result<LoadedProgram, LoadError> {
        let mut linked = self.spec.link_by(program, relocator)?;
        for used in &linked.map_uses {
            let map = maps.get(used.map);
            if let Some((insn, map)) = linked.insns.get_mut(used.insn).zip(map) {
                insn.imm = map.fd.fd().0;
            }
        }
        let request = Request {
            program,
            insns: Insn::encode_all(&linked.insns),
            license: license(&self.spec.license),
            version: self.spec.version.unwrap_or(0),
            btf: self.btf_fd(),
            funcs: linked.info.func_info_bytes(),
            lines: linked.info.line_info_bytes(),
        };
        let loaded = match request.load(self.bpf, self.options.log_level) {
            // Only the log tells why.
            Err((_, log)) if log.is_empty() && self.options.log_level == 0 => {
                request.load(self.bpf, 1)
            }
            loaded => loaded,
        };
        match loaded {
            Ok((fd, log)) => Ok(LoadedProgram {
                spec: program.clone(),
                fd: self.own(fd),
                linked,
                log,
            }),
            Err((errno, log)) => Err(LoadError::ProgLoad {
                name: program.name.clone(),
                section: program.section.clone(),
                errno,
                missing: missing(&linked, self.spec.btf(), &log),
                log,
            }),
        }
    }
}

/// What PROG_LOAD is given.
struct Request<'a> {
    program: &'a ProgramSpec,
    insns: Vec<u8>,
    license: Vec<u8>,
    version: u32,
    btf: Fd,
    funcs: Vec<u8>,
    lines: Vec<u8>,
}

impl Request<'_> {
    /// Loads with room enough for the log that `level` asks for.
    fn load(&self, bpf: &Arc<dyn Bpf>, level: u32) -> Result<(Fd, String), (Errno, String)> {
        let mut room = if level == 0 { 0 } else { LOG_SIZE };
        loop {
            let mut log = vec![0; room];
            let (answer, needed) = self.try_load(bpf, level, &mut log);
            match answer {
                Err(Errno::ENOSPC) if level != 0 && room < MAX_LOG_SIZE => {
                    let needed = usize::try_from(needed).unwrap_or(0);
                    room = needed.max(room * 4).min(MAX_LOG_SIZE);
                }
                Ok(fd) => return Ok((fd, log_text(&log))),
                Err(errno) => return Err((errno, log_text(&log))),
            }
        }
    }

    fn try_load(&self, bpf: &Arc<dyn Bpf>, level: u32, log: &mut [u8]) -> (Result<Fd, Errno>, u32) {
        let mut attempt = 1;
        loop {
            let has_info = self.btf != Fd(0);
            let info = |bytes| if has_info { bytes } else { &[][..] };
            let (funcs, lines) = (info(&self.funcs), info(&self.lines));
            let records = |bytes: &[u8], size: u32| size32(bytes.len()) / size;
            let size = |bytes: &[u8], size| if bytes.is_empty() { 0 } else { size };
            let mut load = ProgLoad {
                prog_type: self.program.prog_type,
                insn_cnt: size32(self.insns.len() / Insn::SIZE),
                insns: UserIn::new(&self.insns),
                license: UserIn::new(&self.license),
                log_level: level,
                log_size: size32(log.len()),
                log_buf: log_out(log),
                kern_version: self.version,
                prog_flags: self.program.flags,
                prog_name: Name::cut(&self.program.name),
                expected_attach_type: self.program.attach_type,
                prog_btf_fd: self.btf,
                func_info_rec_size: size(funcs, ProgInfo::FUNC_INFO_SIZE),
                func_info: in_or_null(funcs),
                func_info_cnt: records(funcs, ProgInfo::FUNC_INFO_SIZE),
                line_info_rec_size: size(lines, ProgInfo::LINE_INFO_SIZE),
                line_info: in_or_null(lines),
                line_info_cnt: records(lines, ProgInfo::LINE_INFO_SIZE),
                ..ProgLoad::default()
            };
            match bpf.prog_load(&mut load) {
                Err(Errno::EAGAIN) if attempt < ATTEMPTS => attempt += 1,
                answer => return (answer, load.log_true_size),
            }
        }
    }
}

/// The license with the end that C wants.
fn license(text: &str) -> Vec<u8> {
    text.bytes().chain([0]).collect()
}

fn in_or_null(bytes: &[u8]) -> UserIn<'_> {
    UserIn::from((!bytes.is_empty()).then_some(bytes))
}

fn log_out(log: &mut [u8]) -> UserOut<'_> {
    if log.is_empty() {
        UserOut::null()
    } else {
        UserOut::new(log)
    }
}

fn log_text(log: &[u8]) -> String {
    let text = log.split(|&b| b == 0).next().unwrap_or(&[]);
    String::from_utf8_lossy(text).into_owned()
}

/// A size that was bounded long before; what could not be is refused as too large.
fn size32(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
