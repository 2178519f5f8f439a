//! The ELF file: sections, symbols and relocations, with what they refer to checked.
//!
//! Invariants after [`Elf::parse`]: the file is a little-endian relocatable
//! BPF object; a section's data lies within the file, and no two sections
//! share a byte, so whoever copies every section copies at most the file;
//! names are text of at most [`MAX_NAME`] bytes; a defined symbol names a
//! section that exists. Memory is a small multiple of the headers and symbols.
//!
//! Answers to: the ELF64 format; EM_BPF relocations (LLVM).

use crate::error::{FileProblem, LoadError, Place, Problem};
use object::LittleEndian;
use object::elf;
use object::read::elf::{FileHeader, Rel, SectionHeader, SectionTable, Sym, SymbolTable};

type Header = elf::FileHeader64<LittleEndian>;
const LE: LittleEndian = LittleEndian;

/// Longest name of a section or symbol; the longest a function has in Linux.
pub(crate) const MAX_NAME: usize = 511;

/// An object file taken apart.
pub(crate) struct Elf<'d> {
    /// By number; number 0 is the empty section that every file has.
    pub(crate) sections: Vec<Section<'d>>,
    /// By number; number 0 is the empty symbol that every table has.
    pub(crate) symbols: Vec<Symbol<'d>>,
}

/// A section of the file.
#[derive(Clone)]
pub(crate) struct Section<'d> {
    pub(crate) index: usize,
    pub(crate) name: &'d str,
    pub(crate) size: u64,
    kind: elf::SectionType,
    flags: elf::SectionFlags,
    target: usize,
    data: &'d [u8],
}

/// Where a symbol is defined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Home {
    /// Nowhere here.
    Undefined,
    /// In this section.
    Section(usize),
    /// In none that can be read: absolute, common.
    Other,
}

/// A symbol of the file.
#[derive(Clone, Copy)]
pub(crate) struct Symbol<'d> {
    pub(crate) name: &'d str,
    pub(crate) value: u64,
    pub(crate) size: u64,
    pub(crate) home: Home,
    kind: elf::SymbolType,
    bind: elf::SymbolBind,
    visibility: elf::SymbolVisibility,
}

/// A relocation of a place in a section.
#[derive(Clone, Copy)]
pub(crate) struct Relocation {
    pub(crate) offset: u64,
    pub(crate) symbol: usize,
    pub(crate) kind: u32,
}

impl<'d> Section<'d> {
    /// The section's bytes; none for one that is all zero.
    pub(crate) fn data(&self) -> Result<&'d [u8], LoadError> {
        if self.flags.contains(elf::SHF_COMPRESSED) {
            return Err(self.place().error(Problem::Compressed));
        }
        Ok(self.data)
    }

    pub(crate) fn place(&self) -> Place {
        Place::section(self.name)
    }

    pub(crate) fn has_code(&self) -> bool {
        self.kind == elf::SHT_PROGBITS && self.flags.contains(elf::SHF_EXECINSTR) && self.size > 0
    }

    pub(crate) fn has_data(&self) -> bool {
        self.kind == elf::SHT_PROGBITS && !self.flags.contains(elf::SHF_EXECINSTR) && self.size > 0
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.kind == elf::SHT_NOBITS && self.size > 0
    }
}

impl Symbol<'_> {
    pub(crate) fn is_function(&self) -> bool {
        self.kind == elf::STT_FUNC
    }

    pub(crate) fn is_section(&self) -> bool {
        self.kind == elf::STT_SECTION
    }

    /// An object, or a symbol of an assembler that did not say what it is.
    pub(crate) fn is_object(&self) -> bool {
        self.kind == elf::STT_OBJECT || self.kind == elf::STT_NOTYPE
    }

    pub(crate) fn is_local(&self) -> bool {
        self.bind == elf::STB_LOCAL
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.visibility == elf::STV_HIDDEN || self.visibility == elf::STV_INTERNAL
    }
}

impl<'d> Elf<'d> {
    /// Takes the file apart.
    pub(crate) fn parse(bytes: &'d [u8]) -> Result<Elf<'d>, LoadError> {
        check_header(bytes).map_err(LoadError::File)?;
        let broken = |e: object::read::Error| LoadError::File(FileProblem::Headers(error_text(e)));
        let header = Header::parse(bytes).map_err(broken)?;
        let table = header.sections(LE, bytes).map_err(broken)?;
        let names = header.shstrndx(LE, bytes).map_err(broken)?;
        let names = table
            .section(object::SectionIndex(names as usize))
            .and_then(|section| section.data(LE, bytes))
            .map_err(broken)?;
        let mut sections = Vec::with_capacity(table.len());
        for (index, header) in table.enumerate() {
            let name = if index.0 == 0 {
                ""
            } else {
                name_at(names, header.sh_name(LE)).ok_or_else(|| {
                    Place::section(&format!("number {}", index.0))
                        .error(Problem::Name(header.sh_name(LE)))
                })?
            };
            sections.push(section(index.0, name, header, bytes)?);
        }
        check_overlap(&table, &sections)?;
        let symbols = symbols(bytes, &table, &sections)?;
        Ok(Elf { sections, symbols })
    }

    /// The only section of this name.
    pub(crate) fn section(&self, name: &'static str) -> Result<Option<&Section<'d>>, LoadError> {
        let mut found = self.sections.iter().filter(|s| s.name == name);
        let first = found.next();
        match found.next() {
            Some(_) => Err(LoadError::File(FileProblem::Twice(name))),
            None => Ok(first),
        }
    }

    /// The symbols defined in a section, those that stand for a section left out.
    pub(crate) fn symbols_in(&self, section: usize) -> impl Iterator<Item = &Symbol<'d>> {
        self.symbols
            .iter()
            .filter(move |s| s.home == Home::Section(section) && !s.is_section())
    }

    /// The name a message gives a symbol: its own, or that of the section it stands for.
    pub(crate) fn symbol_name(&self, symbol: &Symbol<'d>) -> &'d str {
        match symbol.home {
            Home::Section(index) if symbol.name.is_empty() => {
                self.sections.get(index).map_or("", |s| s.name)
            }
            _ => symbol.name,
        }
    }

    /// The relocations of a section, from every table there is for it.
    pub(crate) fn relocations(
        &self,
        bytes: &'d [u8],
        target: &Section<'d>,
    ) -> Result<Vec<Relocation>, LoadError> {
        let mut all = Vec::new();
        for table in self.sections.iter().filter(|s| s.target == target.index) {
            if table.kind == elf::SHT_RELA {
                return Err(target.place().error(Problem::Rela));
            }
            if table.kind != elf::SHT_REL {
                continue;
            }
            let unreadable = |e| table.place().error(unreadable("relocations", e));
            let header = Header::parse(bytes).map_err(unreadable)?;
            let headers = header.sections(LE, bytes).map_err(unreadable)?;
            let section = headers
                .section(object::SectionIndex(table.index))
                .map_err(unreadable)?;
            let Some((entries, _)) = section.rel(LE, bytes).map_err(unreadable)? else {
                continue;
            };
            all.extend(entries.iter().map(|entry| Relocation {
                offset: entry.r_offset(LE),
                symbol: entry.r_sym(LE) as usize,
                kind: entry.r_type(LE).0,
            }));
        }
        Ok(all)
    }
}

/// Refuses what is not a little-endian relocatable BPF object, in words.
fn check_header(bytes: &[u8]) -> Result<(), FileProblem> {
    if let Some(&magic) = bytes.first_chunk::<4>()
        && magic != elf::ELFMAG
    {
        return Err(FileProblem::Magic(magic));
    }
    let need = size_of::<Header>();
    let Some(&[_, _, _, _, class, order, version, ..]) = bytes.get(..need) else {
        return Err(FileProblem::Short {
            have: bytes.len(),
            need,
        });
    };
    let half = |at: usize| match bytes.get(at..at + 2) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    };
    let (kind, machine) = (half(16), half(18));
    match (class, order) {
        (2, 1) if version == 1 => {}
        (2, 2) => return Err(FileProblem::BigEndian),
        (2, _) => return Err(FileProblem::Ident { order, version }),
        _ => return Err(FileProblem::Class(class)),
    }
    // Machine 0 is what compilers wrote before BPF had a number.
    if machine != 0 && machine != elf::EM_BPF.0 {
        return Err(FileProblem::Machine(machine));
    }
    if kind != elf::ET_REL.0 {
        return Err(FileProblem::Type(kind));
    }
    Ok(())
}

fn error_text(error: object::read::Error) -> &'static str {
    // The crate's errors are made of one static text each, which it hides;
    // these are the ones that reading headers and tables can give.
    const TEXTS: [&str; 6] = [
        "Invalid ELF section header entry size",
        "Invalid ELF section header offset/size/alignment",
        "Invalid ELF section size or offset",
        "Invalid ELF symbol table data",
        "Invalid ELF string section type",
        "Invalid ELF relocation section offset or size",
    ];
    let text = error.to_string();
    let known = TEXTS.iter().find(|known| **known == text);
    known.copied().unwrap_or("its offset or size is not valid")
}

fn unreadable(what: &'static str, error: object::read::Error) -> Problem {
    Problem::Table {
        what,
        why: error_text(error),
    }
}

/// The name at an offset of a string table. Looks no further than a name may
/// reach, so that many symbols of one endless name cost no more than others.
fn name_at(strings: &[u8], offset: u32) -> Option<&str> {
    let tail = strings.get(usize::try_from(offset).ok()?..)?;
    let name = tail.iter().take(MAX_NAME + 1).position(|&b| b == 0)?;
    std::str::from_utf8(tail.get(..name)?).ok()
}

/// One section, its data within the file.
fn section<'d>(
    index: usize,
    name: &'d str,
    header: &elf::SectionHeader64<LittleEndian>,
    bytes: &'d [u8],
) -> Result<Section<'d>, LoadError> {
    let (kind, size) = (header.sh_type(LE), header.sh_size(LE));
    let outside = || {
        Place::section(name).error(Problem::OutsideFile {
            offset: header.sh_offset(LE),
            size,
            end: bytes.len() as u64,
        })
    };
    let data = match kind {
        elf::SHT_NULL => &[],
        _ => header.data(LE, bytes).map_err(|_| outside())?,
    };
    Ok(Section {
        index,
        name,
        size,
        kind,
        flags: header.sh_flags(LE),
        target: match kind {
            elf::SHT_REL | elf::SHT_RELA => header.sh_info(LE) as usize,
            _ => 0,
        },
        data,
    })
}

/// Refuses sections that share bytes of the file.
fn check_overlap(
    table: &SectionTable<'_, Header>,
    sections: &[Section<'_>],
) -> Result<(), LoadError> {
    let mut ranges: Vec<(u64, &Section<'_>)> = table
        .iter()
        .zip(sections)
        .filter(|(_, section)| !section.data.is_empty())
        .map(|(header, section)| (header.sh_offset(LE), section))
        .collect();
    ranges.sort_by_key(|(offset, _)| *offset);
    for pair in ranges.windows(2) {
        if let [(offset, first), (next, second)] = pair
            && offset.saturating_add(first.size) > *next
        {
            return Err(second
                .place()
                .error(Problem::Overlap(first.name.to_owned())));
        }
    }
    Ok(())
}

/// The symbols, with the sections they name checked.
fn symbols<'d>(
    bytes: &'d [u8],
    table: &SectionTable<'d, Header>,
    sections: &[Section<'d>],
) -> Result<Vec<Symbol<'d>>, LoadError> {
    let Some(section) = sections.iter().find(|s| s.kind == elf::SHT_SYMTAB) else {
        return Ok(Vec::new());
    };
    let symbols: SymbolTable<'d, Header> = table
        .symbols(LE, bytes, elf::SHT_SYMTAB)
        .map_err(|e| section.place().error(unreadable("symbols", e)))?;
    let names = sections
        .get(symbols.string_section().0)
        .map_or(&[][..], |strings| strings.data);
    let mut all = Vec::with_capacity(symbols.symbols().len());
    for (index, symbol) in symbols.enumerate() {
        let offset = (index.0 * size_of::<elf::Sym64<LittleEndian>>()) as u64;
        let at = || section.place().offset(offset);
        let name = match symbol.st_name(LE) {
            0 => "",
            offset => name_at(names, offset).ok_or_else(|| at().error(Problem::Name(offset)))?,
        };
        let home = match symbols.symbol_section(LE, symbol, index) {
            Ok(Some(index)) if index.0 < sections.len() => Home::Section(index.0),
            Ok(Some(index)) => {
                return Err(at().symbol(name).error(Problem::NoSection {
                    section: index.0,
                    count: sections.len(),
                }));
            }
            Ok(None) if symbol.is_undefined(LE) => Home::Undefined,
            Ok(None) => Home::Other,
            Err(e) => return Err(at().symbol(name).error(unreadable("section number", e))),
        };
        all.push(Symbol {
            name,
            value: symbol.st_value(LE),
            size: symbol.st_size(LE),
            home,
            kind: symbol.st_type(),
            bind: symbol.st_bind(),
            visibility: symbol.st_visibility(),
        });
    }
    Ok(all)
}
