//! What can be wrong with an object, and where.
//!
//! Invariant: whatever is refused in a file is refused with a [`Place`], as far
//! as there is one, and a [`Problem`] that says what was found and what was
//! expected. What a system answered keeps its errno and, of a program, its log.

use crate::spec::MapSpec;
use skep_abi::Errno;
use skep_btf::BtfError;
use skep_btf::core::CoreError;
use std::fmt;

/// Where in an object file something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The section's name.
    pub section: Option<String>,
    /// The symbol's name: a map, a program, a function, a variable.
    pub symbol: Option<String>,
    /// Bytes from the start of the section (of the file, where there is none).
    pub offset: Option<u64>,
}

impl Place {
    /// Somewhere in a section.
    pub fn section(name: &str) -> Place {
        Place {
            section: Some(name.to_owned()),
            ..Place::default()
        }
    }

    /// The same, at a symbol.
    pub fn symbol(mut self, name: &str) -> Place {
        self.symbol = (!name.is_empty()).then(|| name.to_owned());
        self
    }

    /// The same, at an offset.
    pub fn offset(mut self, offset: u64) -> Place {
        self.offset = Some(offset);
        self
    }

    /// The error that something is wrong here.
    pub(crate) fn error(self, problem: Problem) -> LoadError {
        LoadError::Object {
            at: Box::new(self),
            problem: Box::new(problem),
        }
    }

    /// The error that an instruction here cannot be adapted.
    pub(crate) fn core_error(self, error: CoreError) -> LoadError {
        self.error(Problem::CoRe(Box::new(error)))
    }

    /// The error that the type information is wrong here.
    pub(crate) fn btf_error(self, source: BtfError) -> LoadError {
        LoadError::Btf {
            at: Box::new(self),
            source: Box::new(source),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sep = "";
        if let Some(section) = &self.section {
            write!(f, "section {section}")?;
            sep = ", ";
        }
        if let Some(symbol) = &self.symbol {
            write!(f, "{sep}symbol {symbol}")?;
            sep = ", ";
        }
        match (self.offset, sep) {
            (Some(offset), _) => write!(f, "{sep}offset {offset:#x}"),
            (None, "") => f.write_str("file"),
            (None, _) => Ok(()),
        }
    }
}

/// Why an object was not read or not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is no BPF object.
    #[error("not a BPF object for this loader: {0}")]
    File(FileProblem),
    /// Something in the file is wrong.
    #[error("{at}: {problem}")]
    Object {
        /// Where.
        at: Box<Place>,
        /// What.
        problem: Box<Problem>,
    },
    /// The type information is wrong.
    #[error("{at}: {source}")]
    Btf {
        /// Where.
        at: Box<Place>,
        /// What.
        source: Box<BtfError>,
    },
    /// An option names something the object does not have.
    #[error("there is no {what} {name:?} in the object; it has {}", listed(known))]
    NoSuch {
        /// A map or a program.
        what: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A program whose section does not tell what it is.
    #[error(
        "{at}: the section's name says no program type, so it must be given (ProgramSpec::prog_type)"
    )]
    NoProgramType {
        /// Where the program is.
        at: Box<Place>,
    },
    /// The system did not make a map.
    #[error("map {name}: the system refused to create {shape}: {errno}")]
    MapCreate {
        /// The map.
        name: String,
        /// What was asked for, in words.
        shape: String,
        /// What the system answered.
        errno: Errno,
    },
    /// A map was made but not made ready.
    #[error("map {name}: {action} failed: {errno}")]
    Map {
        /// The map.
        name: String,
        /// What was tried.
        action: &'static str,
        /// What the system answered.
        errno: Errno,
    },
    /// The system did not take a program.
    #[error(
        "program {name} (section {section}): the system refused to load it: {errno}{}{}",
        after(log),
        lines(missing)
    )]
    ProgLoad {
        /// The program.
        name: String,
        /// The section it comes from.
        section: String,
        /// What the system answered.
        errno: Errno,
        /// What the verifier wrote; empty when it wrote nothing.
        log: String,
        /// What instructions access that the target does not have; if the
        /// verifier named one of them, that.
        missing: Vec<String>,
    },
    /// The system did not take the type information, and the object needs it
    /// only to be shown; a warning.
    #[error(
        "the system refused the object's type information: {errno}{}",
        after(log)
    )]
    BtfLoad {
        /// What the system answered.
        errno: Errno,
        /// What it wrote; empty when it wrote nothing.
        log: String,
    },
}

impl LoadError {
    /// What the system answered, if it was the system that refused.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            LoadError::MapCreate { errno, .. }
            | LoadError::Map { errno, .. }
            | LoadError::ProgLoad { errno, .. }
            | LoadError::BtfLoad { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// What the verifier wrote, if it refused a program.
    pub fn log(&self) -> Option<&str> {
        match self {
            LoadError::ProgLoad { log, .. } | LoadError::BtfLoad { log, .. } => Some(log),
            _ => None,
        }
    }

    pub(crate) fn map_create(spec: &MapSpec, errno: Errno) -> LoadError {
        LoadError::MapCreate {
            name: spec.name.clone(),
            shape: format!(
                "{} map, keys of {} and values of {} bytes, {} entries, flags {:#x}",
                spec.map_type, spec.key_size, spec.value_size, spec.max_entries, spec.map_flags
            ),
            errno,
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn lines(texts: &[String]) -> String {
    texts.iter().map(|text| format!("\n{text}")).collect()
}

fn after(log: &str) -> String {
    match log.trim_end() {
        "" => String::new(),
        log => format!("\n{log}"),
    }
}

/// Why a file is no BPF object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// Too short.
    #[error("the file has {have} bytes, and an ELF header alone takes {need}")]
    Short {
        /// Bytes of the file.
        have: usize,
        /// Bytes of the header.
        need: usize,
    },
    /// Not ELF.
    #[error("it begins with {0:02x?} instead of ELF's 7f 45 4c 46")]
    Magic([u8; 4]),
    /// Not ELF64.
    #[error("ELF class {0} is not 64-bit (class 2)")]
    Class(u8),
    /// Big-endian.
    #[error("it is big-endian (clang -target bpfeb); build it with -target bpfel")]
    BigEndian,
    /// An unknown byte order or version.
    #[error("ELF byte order {order} and version {version} are not 1 and 1")]
    Ident {
        /// The byte order.
        order: u8,
        /// The version.
        version: u8,
    },
    /// For another processor.
    #[error("it is for machine {0}, not for BPF (247): build it with clang -target bpf")]
    Machine(u16),
    /// An executable or library.
    #[error("ELF file type {0} is not a relocatable object (1): use what clang -c makes")]
    Type(u16),
    /// The section headers cannot be read.
    #[error("its section headers are broken: {0}")]
    Headers(&'static str),
    /// There are two of what there can be one of.
    #[error("it has more than one section {0}")]
    Twice(&'static str),
}

/// What is wrong at a place of an object file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Data that is not in the file.
    #[error("its {size:#x} bytes at {offset:#x} of the file go past the file's end at {end:#x}")]
    OutsideFile {
        /// Where the section begins in the file.
        offset: u64,
        /// Its size.
        size: u64,
        /// The file's size.
        end: u64,
    },
    /// Two sections or two maps share bytes.
    #[error("its bytes overlap those of {0}")]
    Overlap(String),
    /// Compressed.
    #[error("it is compressed, which nothing but debugging information may be")]
    Compressed,
    /// A name that is none.
    #[error("name at {0:#x} of the string table: expected text with an end, of at most 511 bytes")]
    Name(u32),
    /// A table that cannot be read.
    #[error("the {what} cannot be read: {why}")]
    Table {
        /// Which.
        what: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A symbol in a section that does not exist.
    #[error("it is in section number {section}, and there are {count}")]
    NoSection {
        /// The number.
        section: usize,
        /// How many there are.
        count: usize,
    },
    /// A symbol that is not within its section.
    #[error("its {size:#x} bytes at {value:#x} are not within the section's {section:#x}")]
    OutsideSection {
        /// Where it begins.
        value: u64,
        /// How long it is.
        size: u64,
        /// How long the section is.
        section: u64,
    },
    /// Not whole instructions.
    #[error("{what} is {found:#x}, which is not a multiple of an instruction's 8 bytes")]
    NotInstructions {
        /// What.
        what: &'static str,
        /// How much.
        found: u64,
    },
    /// A function without instructions.
    #[error("the function has no instructions")]
    EmptyFunction,
    /// Names that are copied over and over.
    #[error("the names of the functions up to here are far longer than the file's {0} bytes")]
    TooManyNames(usize),
    /// Functions that share instructions.
    #[error("the function shares instructions with {0}")]
    FunctionOverlap(String),
    /// A relocation with addends, which BPF objects do not have.
    #[error("relocations of a BPF object must be in a section of type REL, not RELA")]
    Rela,
    /// A relocation of a kind that instructions cannot have.
    #[error("relocation type {0} is none of R_BPF_64_64 (1) and R_BPF_64_32 (10)")]
    RelocationType(u32),
    /// A relocation to no symbol.
    #[error("the relocation is against symbol number {symbol}, and there are {count}")]
    RelocationSymbol {
        /// The number.
        symbol: usize,
        /// How many there are.
        count: usize,
    },
    /// A relocation past the instructions.
    #[error("the relocation is outside the section's {0:#x} bytes")]
    RelocationOffset(u64),
    /// A relocation of an instruction that cannot have one.
    #[error(
        "opcode {0:#04x} cannot be relocated: expected a call (0x85) or a whole 64-bit immediate load (0x18)"
    )]
    RelocationInsn(u8),
    /// A call to what is no function.
    #[error("a call must be to a function, but the symbol is in section {0}")]
    CallTarget(String),
    /// A call that is not marked as one to a function.
    #[error("a relocated call must be marked as one to a function (source 1), not {0}")]
    CallMark(u8),
    /// An address that no map or function has.
    #[error("refers to {offset:#x} of section {section}, where no {expected} is")]
    NoTarget {
        /// The section.
        section: String,
        /// The offset in it.
        offset: u64,
        /// What should be there.
        expected: &'static str,
    },
    /// A section that holds nothing a program may refer to.
    #[error("refers to section {0}, which holds neither maps nor data nor functions")]
    TargetSection(String),
    /// A reference to nothing at all.
    #[error("refers to {0:?}, which is not defined in the object")]
    Undefined(String),
    /// A reference to what the system is to provide.
    #[error("refers to {name:?}, which the system is to provide ({section}): not supported yet")]
    Extern {
        /// The name.
        name: String,
        /// `.ksyms` or `.kconfig`.
        section: String,
    },
    /// A CO-RE relocation: an instruction cannot be adapted to the types of the
    /// system.
    #[error("the instruction cannot be adapted to the target's types: {0}")]
    CoRe(Box<CoreError>),
    /// A descriptor number in the file.
    #[error("a 64-bit load marked {0} holds a number where a relocation was expected")]
    Unrelocated(u8),
    /// More instructions than Linux takes.
    #[error("with this function the program has more than the {0} instructions Linux takes")]
    TooLong(usize),
    /// More functions than Linux takes.
    #[error("with this function the program has more than the {0} functions Linux takes")]
    TooManyFunctions(usize),
    /// Two sections of one name.
    #[error("there is more than one section of this name")]
    SameName,
    /// A license or version section of a wrong size.
    #[error("expected {expected}, found {found} bytes")]
    SectionSize {
        /// What was expected.
        expected: &'static str,
        /// How long it is.
        found: u64,
    },
    /// Map definitions whose size is not to be found out.
    #[error("{size} bytes cannot be shared evenly by {symbols} map definitions")]
    MapDefinitions {
        /// The section's size.
        size: u64,
        /// The symbols in it.
        symbols: usize,
    },
    /// A map definition with something in fields that nobody knows.
    #[error(
        "byte {at} of the map definition is {found:#x}: past the five known fields all must be 0"
    )]
    MapDefinitionTail {
        /// Where in the definition.
        at: usize,
        /// What is there.
        found: u8,
    },
    /// A map that only this file can see.
    #[error("a map must not be static")]
    StaticMap,
    /// Maps without type information.
    #[error(
        "its maps are described by BTF, and the object has none for them (build with clang -g)"
    )]
    NoMapBtf,
    /// A BTF-defined map whose definition is no struct.
    #[error("expected a global variable of a struct type, found {0}")]
    MapVariable(String),
    /// A field of a map definition.
    #[error("map field {field}: expected {expected}, found {found}")]
    MapField {
        /// The field.
        field: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// Two fields that say different things.
    #[error("map field {field} gives {second} bytes, but {first} were given before")]
    MapFieldConflict {
        /// The second field.
        field: &'static str,
        /// What the first said.
        first: u32,
        /// What the second says.
        second: u32,
    },
    /// A map of no type.
    #[error("the map definition has no type")]
    NoMapType,
    /// A struct that tells a legacy map's types tells the wrong ones.
    #[error("{what} has {declared} bytes in {annotation}, and {defined} in the definition")]
    Annotation {
        /// The struct's name.
        annotation: String,
        /// Key or value.
        what: &'static str,
        /// Bytes by the struct.
        declared: u32,
        /// Bytes by the definition.
        defined: u32,
    },
    /// What this version cannot do yet.
    #[error("{0} are not supported yet")]
    NotYet(&'static str),
    /// More than a map can hold.
    #[error("{0:#x} bytes of data are too large for a map value")]
    DataSize(u64),
    /// A variable that begins with the address of another; a warning.
    #[error("a variable begins with the address of {0}; programs will see the bytes in the file")]
    DataPointer(String),
    /// A variable of a section's BTF that the section does not have.
    #[error("BTF places the variable in this section, but no symbol of it is there")]
    NoVariable,
    /// BTF of a section that is not there.
    #[error("BTF describes the section, but the object does not have it")]
    NoDataSection,
}
