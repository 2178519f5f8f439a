//! `.BTF.ext`: what the types do not say but the code needs: which function
//! and source line an instruction belongs to, and which accesses to relocate.
//!
//! Records longer than known are read up to what is known; shorter ones are
//! refused. Instruction offsets are bytes within their ELF section here, and
//! count instructions within one program in [`ProgInfo`], as PROG_LOAD wants.
//! Memory is at most that of the input.
//!
//! Answers to: Documentation/bpf/btf.rst (.BTF.ext), kernel/bpf/verifier.c
//! (check_btf_func, check_btf_line)

use crate::Btf;
use crate::error::{BtfError, ExtProblem};
use crate::kind::TypeId;
use crate::parse::{check_preamble, u32_at};
use std::collections::HashMap;
use std::ops::Range;

/// Bytes of the header without the part on relocations.
const LEAST_HEADER: u32 = 24;
/// Bytes of a source line or a file's name that are read, as of a path.
#[doc(alias = "PATH_MAX")]
const MAX_LINE: usize = 4096;

/// Bytes of an instruction.
const INSN_SIZE: u32 = 8;

/// Which function starts at an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(alias = "bpf_func_info")]
pub struct FuncInfo {
    /// Where: bytes in an ELF section, or instructions in a program.
    pub insn_off: u32,
    /// Its FUNC.
    pub type_id: TypeId,
}

/// Which source line starts at an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(alias = "bpf_line_info")]
pub struct LineInfo {
    /// Where: bytes in an ELF section, or instructions in a program.
    pub insn_off: u32,
    /// String offset of the file's name.
    pub file_name_off: u32,
    /// String offset of the line's text.
    pub line_off: u32,
    /// Line and column in one word.
    pub line_col: u32,
}

impl LineInfo {
    /// The line, from 1.
    #[doc(alias = "BPF_LINE_INFO_LINE_NUM")]
    pub fn line(&self) -> u32 {
        self.line_col >> 10
    }

    /// The column, from 1.
    #[doc(alias = "BPF_LINE_INFO_LINE_COL")]
    pub fn column(&self) -> u32 {
        self.line_col & 0x3ff
    }

    /// The file's name: at most 4096 bytes of it.
    pub fn file<'a>(&self, btf: &'a Btf) -> &'a str {
        btf.cut_at(self.file_name_off, MAX_LINE)
    }

    /// The line's text: at most 4096 bytes of it.
    pub fn text<'a>(&self, btf: &'a Btf) -> &'a str {
        btf.cut_at(self.line_off, MAX_LINE)
    }
}

/// What a relocation puts into its instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(alias = "bpf_core_relo_kind")]
pub enum CoreReloKind {
    /// Byte offset of a field.
    FieldByteOffset,
    /// Byte size of a field.
    FieldByteSize,
    /// Whether a field exists.
    FieldExists,
    /// Whether a field is signed.
    FieldSigned,
    /// Left shift that brings a bit-field up.
    FieldLshiftU64,
    /// Right shift that brings it down again.
    FieldRshiftU64,
    /// The id of a type in the object.
    TypeIdLocal,
    /// The id of a type in the target.
    TypeIdTarget,
    /// Whether a type exists.
    TypeExists,
    /// Size of a type.
    TypeSize,
    /// Whether an enumerator exists.
    EnumvalExists,
    /// Value of an enumerator.
    EnumvalValue,
    /// Whether a type matches as a whole.
    TypeMatches,
}

/// Every relocation kind, by number.
const RELO_KINDS: [CoreReloKind; 13] = [
    CoreReloKind::FieldByteOffset,
    CoreReloKind::FieldByteSize,
    CoreReloKind::FieldExists,
    CoreReloKind::FieldSigned,
    CoreReloKind::FieldLshiftU64,
    CoreReloKind::FieldRshiftU64,
    CoreReloKind::TypeIdLocal,
    CoreReloKind::TypeIdTarget,
    CoreReloKind::TypeExists,
    CoreReloKind::TypeSize,
    CoreReloKind::EnumvalExists,
    CoreReloKind::EnumvalValue,
    CoreReloKind::TypeMatches,
];

/// An access to relocate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(alias = "bpf_core_relo")]
pub struct CoreRelo {
    /// Where: bytes in an ELF section, or instructions in a program.
    pub insn_off: u32,
    /// The type the access starts from.
    pub type_id: TypeId,
    /// String offset of the way to the field, as `0:1:2`.
    pub access_str_off: u32,
    /// The kind as written.
    pub kind_number: u32,
}

impl CoreRelo {
    /// What it puts into the instruction; `None` for a kind not known.
    pub fn kind(&self) -> Option<CoreReloKind> {
        RELO_KINDS
            .get(usize::try_from(self.kind_number).ok()?)
            .copied()
    }

    /// The way to the field.
    pub fn access<'a>(&self, btf: &'a Btf) -> &'a str {
        btf.str_at(self.access_str_off).unwrap_or("")
    }
}

/// The records of one ELF section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtSection<R> {
    /// String offset of the section's name.
    pub name_off: u32,
    /// Its records as they came.
    pub records: Vec<R>,
}

impl<R> ExtSection<R> {
    /// The section's name.
    pub fn name<'a>(&self, btf: &'a Btf) -> &'a str {
        btf.name_at(self.name_off)
    }
}

/// A record that can be read from words.
trait Record: Sized {
    /// How the table is called in errors.
    const TABLE: &'static str;
    /// Words it has.
    const WORDS: usize;
    /// Reads it.
    fn read(words: [u32; 4]) -> Self;
}

impl Record for FuncInfo {
    const TABLE: &'static str = "func_info";
    const WORDS: usize = 2;
    fn read([insn_off, ty, ..]: [u32; 4]) -> FuncInfo {
        FuncInfo {
            insn_off,
            type_id: TypeId(ty),
        }
    }
}

impl Record for LineInfo {
    const TABLE: &'static str = "line_info";
    const WORDS: usize = 4;
    fn read([insn_off, file_name_off, line_off, line_col]: [u32; 4]) -> LineInfo {
        LineInfo {
            insn_off,
            file_name_off,
            line_off,
            line_col,
        }
    }
}

impl Record for CoreRelo {
    const TABLE: &'static str = "core_relo";
    const WORDS: usize = 4;
    fn read([insn_off, ty, access_str_off, kind_number]: [u32; 4]) -> CoreRelo {
        CoreRelo {
            insn_off,
            type_id: TypeId(ty),
            access_str_off,
            kind_number,
        }
    }
}

/// What `.BTF.ext` holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BtfExt {
    /// Functions, by section.
    pub func_info: Vec<ExtSection<FuncInfo>>,
    /// Source lines, by section.
    pub line_info: Vec<ExtSection<LineInfo>>,
    /// Relocations, by section.
    pub core_relo: Vec<ExtSection<CoreRelo>>,
}

impl BtfExt {
    /// Reads a `.BTF.ext` section; `btf` holds its strings.
    pub fn parse(bytes: &[u8], btf: &Btf) -> Result<BtfExt, BtfError> {
        let header_len = check_preamble(bytes, ".BTF.ext header", LEAST_HEADER)?;
        let body = header_len as usize;
        let word = |at| u32_at(bytes, at).unwrap_or(0);
        Ok(BtfExt {
            func_info: table(bytes, body, word(8), word(12), btf)?,
            line_info: table(bytes, body, word(16), word(20), btf)?,
            core_relo: match header_len {
                32.. => table(bytes, body, word(24), word(28), btf)?,
                _ => Vec::new(),
            },
        })
    }

    /// The functions of an ELF section.
    pub fn funcs<'a>(&'a self, btf: &Btf, section: &str) -> &'a [FuncInfo] {
        records(&self.func_info, btf, section)
    }

    /// The source lines of an ELF section.
    pub fn lines<'a>(&'a self, btf: &Btf, section: &str) -> &'a [LineInfo] {
        records(&self.line_info, btf, section)
    }

    /// The relocations of an ELF section.
    pub fn relos<'a>(&'a self, btf: &Btf, section: &str) -> &'a [CoreRelo] {
        records(&self.core_relo, btf, section)
    }
}

fn records<'a, R>(sections: &'a [ExtSection<R>], btf: &Btf, name: &str) -> &'a [R] {
    sections
        .iter()
        .find(|section| section.name(btf) == name)
        .map_or(&[], |section| &section.records)
}

/// Reads one table: the size of its records, then section after section.
fn table<R: Record>(
    bytes: &[u8],
    body: usize,
    offset: u32,
    len: u32,
    btf: &Btf,
) -> Result<Vec<ExtSection<R>>, BtfError> {
    if len == 0 {
        return Ok(Vec::new());
    }
    let start = body.saturating_add(offset as usize);
    let end = start.saturating_add(len as usize);
    let data = bytes.get(start..end).ok_or(BtfError::Section {
        section: R::TABLE,
        offset,
        len,
        expected: "must lie within the data",
    })?;
    let fail = |at: usize, problem| BtfError::Ext {
        table: R::TABLE,
        offset: start + at,
        problem,
    };
    let short = |at: usize, need: u64| {
        let have = data.len().saturating_sub(at);
        fail(at, ExtProblem::Short { need, have })
    };
    let size = u32_at(data, 0).ok_or_else(|| short(0, 4))?;
    let least = (R::WORDS * 4) as u32;
    if size < least || !size.is_multiple_of(4) {
        return Err(fail(0, ExtProblem::RecordSize { found: size, least }));
    }
    let mut sections: Vec<ExtSection<R>> = Vec::new();
    let mut known: HashMap<u32, usize> = HashMap::new();
    let mut at = 4;
    while at < data.len() {
        let (Some(name_off), Some(count)) = (u32_at(data, at), u32_at(data, at + 4)) else {
            return Err(short(at, 8));
        };
        if !btf.holds_string(name_off) {
            return Err(fail(at, ExtProblem::String(name_off)));
        }
        if count == 0 {
            return Err(fail(at, ExtProblem::NoRecords));
        }
        at += 8;
        let need = u64::from(count) * u64::from(size);
        let block = usize::try_from(need).ok();
        let block = block.and_then(|len| data.get(at..at.checked_add(len)?));
        let block = block.ok_or_else(|| short(at, need))?;
        let index = *known.entry(name_off).or_insert(sections.len());
        if index == sections.len() {
            sections.push(ExtSection {
                name_off,
                records: Vec::new(),
            });
        }
        if let Some(section) = sections.get_mut(index) {
            read_block(block, size as usize, &mut section.records)
                .map_err(|(place, problem)| fail(at + place, problem))?;
        }
        at += block.len();
    }
    Ok(sections)
}

/// Reads the records of one section, each `size` bytes; an error comes with
/// its place in the block.
fn read_block<R: Record>(
    block: &[u8],
    size: usize,
    records: &mut Vec<R>,
) -> Result<(), (usize, ExtProblem)> {
    for (number, raw) in block.chunks_exact(size).enumerate() {
        let words = [0, 4, 8, 12].map(|at| u32_at(raw, at).unwrap_or(0));
        let [insn_off, ..] = words;
        if !insn_off.is_multiple_of(INSN_SIZE) {
            return Err((number * size, ExtProblem::InsnOffset(insn_off)));
        }
        records.push(R::read(words));
    }
    Ok(())
}

/// The functions and source lines of one program, as PROG_LOAD takes them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProgInfo {
    /// Its functions, by instruction.
    pub func_info: Vec<FuncInfo>,
    /// Its source lines, by instruction.
    pub line_info: Vec<LineInfo>,
}

impl ProgInfo {
    /// Bytes of a record in [`ProgInfo::func_info_bytes`].
    pub const FUNC_INFO_SIZE: u32 = 8;
    /// Bytes of a record in [`ProgInfo::line_info_bytes`].
    pub const LINE_INFO_SIZE: u32 = 16;

    /// Adds a piece of an ELF section, `bytes` of it, that stands from
    /// instruction `at_insn` on in the program. Pieces come in the order of the
    /// program.
    pub fn append(
        &mut self,
        ext: &BtfExt,
        btf: &Btf,
        section: &str,
        bytes: Range<u32>,
        at_insn: u32,
    ) {
        let shift = |insn_off: u32| ((insn_off - bytes.start) / INSN_SIZE).saturating_add(at_insn);
        let funcs = ext.funcs(btf, section).iter();
        let funcs = funcs.filter(|info| bytes.contains(&info.insn_off));
        self.func_info.extend(funcs.map(|info| FuncInfo {
            insn_off: shift(info.insn_off),
            ..*info
        }));
        let lines = ext.lines(btf, section).iter();
        let lines = lines.filter(|info| bytes.contains(&info.insn_off));
        self.line_info.extend(lines.map(|info| LineInfo {
            insn_off: shift(info.insn_off),
            ..*info
        }));
    }

    /// The source line an instruction belongs to.
    pub fn line_at(&self, insn: u32) -> Option<&LineInfo> {
        let after = self.line_info.partition_point(|info| info.insn_off <= insn);
        self.line_info.get(after.checked_sub(1)?)
    }

    /// The function an instruction belongs to.
    pub fn func_at(&self, insn: u32) -> Option<&FuncInfo> {
        let after = self.func_info.partition_point(|info| info.insn_off <= insn);
        self.func_info.get(after.checked_sub(1)?)
    }

    /// The functions as PROG_LOAD's `func_info`.
    pub fn func_info_bytes(&self) -> Vec<u8> {
        let words = self
            .func_info
            .iter()
            .flat_map(|info| [info.insn_off, info.type_id.0]);
        words.flat_map(u32::to_le_bytes).collect()
    }

    /// The source lines as PROG_LOAD's `line_info`.
    pub fn line_info_bytes(&self) -> Vec<u8> {
        let words = self
            .line_info
            .iter()
            .flat_map(|i| [i.insn_off, i.file_name_off, i.line_off, i.line_col]);
        words.flat_map(u32::to_le_bytes).collect()
    }
}
