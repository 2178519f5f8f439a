//! What BTF says of a program's instructions: functions and source lines.
//!
//! The records are judged as Linux judges them, in its order, and kept for
//! reports and for information about the program. Invariant: records are in
//! ascending order of instruction.
//!
//! Answers to: check_btf_func_early, check_btf_func, check_btf_line in
//! kernel/bpf/verifier.c.

use core::fmt;
use core::ops::Range;

use skep_abi::{Errno, Insn, ProgLoad, UserIn};
use skep_btf::{Def, FuncInfo, Kind as BtfKind, LineInfo, ProgInfo, TypeId};
use skep_verifier::structure::Reject;

use crate::object::{BtfObject, Held};

/// The longest record.
#[doc(alias = "MAX_FUNCINFO_REC_SIZE")]
#[doc(alias = "MAX_LINEINFO_REC_SIZE")]
const MAX_RECORD: u32 = 252;

/// A place in a program's source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceLine {
    /// The function, if its name is known.
    pub function: Option<String>,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if it is not known.
    pub column: u32,
    /// The line's text.
    pub text: String,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SourceLine { file, line, .. } = self;
        write!(f, "{file}:{line}: {}", self.text.trim())
    }
}

/// Where a program's instructions come from.
pub struct Lines {
    btf: Held<BtfObject>,
    info: ProgInfo,
}

impl Lines {
    /// The BTF they refer to.
    pub(crate) fn btf(&self) -> &Held<BtfObject> {
        &self.btf
    }

    /// The records.
    pub(crate) fn info(&self) -> &ProgInfo {
        &self.info
    }

    /// The source line of an instruction.
    pub fn at(&self, insn: usize) -> Option<SourceLine> {
        let insn = u32::try_from(insn).ok()?;
        let line = self.info.line_at(insn)?;
        let btf = &self.btf.btf;
        Some(SourceLine {
            function: self.function(insn),
            file: line.file(btf).to_owned(),
            line: line.line(),
            column: line.column(),
            text: line.text(btf).to_owned(),
        })
    }

    /// The name of the function an instruction is in.
    fn function(&self, insn: u32) -> Option<String> {
        let func = self.info.func_at(insn)?;
        let func = self.btf.btf.type_by_id(func.type_id)?;
        Some(func.name().to_owned())
    }
}

fn reject<T>(errno: Errno, message: impl Into<String>) -> Result<T, Reject> {
    Err(Reject {
        errno,
        insn: None,
        message: message.into(),
    })
}

/// Reads `count` records of `size` bytes of which `WORDS` words are known; the
/// rest has to be zero.
fn records<const WORDS: usize>(
    what: &str,
    from: &UserIn<'_>,
    count: u32,
    size: u32,
) -> Result<Vec<[u32; WORDS]>, Reject> {
    let known = (WORDS * 4) as u32;
    if !(known..=MAX_RECORD).contains(&size) || !size.is_multiple_of(4) {
        let message = format!(
            "a record of {what} has {size} bytes, but {known} to {MAX_RECORD} are allowed, in fours"
        );
        return reject(Errno::EINVAL, message);
    }
    let mut all = Vec::new();
    let mut record = [0; MAX_RECORD as usize];
    for number in 0..count as usize {
        let bytes = record.get_mut(..size as usize).unwrap_or_default();
        if let Err(errno) = from.read_at(number.saturating_mul(size as usize), bytes) {
            return reject(errno, format!("record {number} of {what} cannot be read"));
        }
        let (head, tail) = bytes.split_at(known as usize);
        if tail.iter().any(|&byte| byte != 0) {
            let message = format!("record {number} of {what} holds something that is not known");
            return reject(Errno::E2BIG, message);
        }
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(head.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        all.push(words);
    }
    Ok(all)
}

/// The functions that a load announces, each judged by itself.
#[doc(alias = "check_btf_func_early")]
pub(super) fn functions(cmd: &ProgLoad<'_>, btf: &BtfObject) -> Result<Vec<FuncInfo>, Reject> {
    if cmd.func_info_cnt == 0 {
        return Ok(Vec::new());
    }
    let (count, size) = (cmd.func_info_cnt, cmd.func_info_rec_size);
    let mut functions: Vec<FuncInfo> = Vec::new();
    for [insn_off, type_id] in records::<2>("func_info", &cmd.func_info, count, size)? {
        let in_order = match functions.last() {
            None => insn_off == 0,
            Some(last) => insn_off > last.insn_off,
        };
        if !in_order {
            let message =
                format!("func_info names instruction {insn_off}, but begins with 0 and ascends");
            return reject(Errno::EINVAL, message);
        }
        let type_id = TypeId(type_id);
        let proto = match btf.btf.type_by_id(type_id).map(|ty| ty.def()) {
            Some(Def::Func { proto, .. }) => btf.btf.type_by_id(proto),
            _ => None,
        };
        if proto.map(|proto| proto.kind()) != Some(BtfKind::FuncProto) {
            let message = format!("func_info's type {} is no function", type_id.0);
            return reject(Errno::EINVAL, message);
        }
        functions.push(FuncInfo { insn_off, type_id });
    }
    Ok(functions)
}

/// Whether functions and subprograms are the same.
#[doc(alias = "check_btf_func")]
pub(super) fn match_functions(
    functions: &[FuncInfo],
    subprograms: &[Range<usize>],
) -> Result<(), Reject> {
    if functions.is_empty() {
        return Ok(());
    }
    if functions.len() != subprograms.len() {
        let message = format!(
            "func_info has {} functions, but there are {} subprograms",
            functions.len(),
            subprograms.len()
        );
        return reject(Errno::EINVAL, message);
    }
    for (function, subprogram) in functions.iter().zip(subprograms) {
        if function.insn_off as usize != subprogram.start {
            let message = format!(
                "func_info has a function at instruction {}, but the subprogram begins at {}",
                function.insn_off, subprogram.start
            );
            return reject(Errno::EINVAL, message);
        }
    }
    Ok(())
}

/// The source lines that a load announces.
#[doc(alias = "check_btf_line")]
pub(super) fn lines(
    cmd: &ProgLoad<'_>,
    btf: Held<BtfObject>,
    functions: Vec<FuncInfo>,
    insns: &[Insn],
    subprograms: &[Range<usize>],
) -> Result<Lines, Reject> {
    let mut lines: Vec<LineInfo> = Vec::new();
    let (count, size) = (cmd.line_info_cnt, cmd.line_info_rec_size);
    let raw = match count {
        0 => Vec::new(),
        _ => records::<4>("line_info", &cmd.line_info, count, size)?,
    };
    let mut starts = subprograms.iter().map(|range| range.start).peekable();
    for [insn_off, file_name_off, line_off, line_col] in raw {
        let line = LineInfo {
            insn_off,
            file_name_off,
            line_off,
            line_col,
        };
        let before = lines.last();
        if before.is_some_and(|before| before.insn_off >= insn_off) {
            let message = format!("line_info's instruction {insn_off} is not above the one before");
            return reject(Errno::EINVAL, message);
        }
        match insns.get(insn_off as usize) {
            Some(insn) if insn.code != 0 => {}
            _ => {
                let message = format!("line_info names instruction {insn_off}, which is none");
                return reject(Errno::EINVAL, message);
            }
        }
        let named = |offset| btf.btf.str_at(offset).is_some();
        if !named(line_off) || !named(file_name_off) {
            let message = format!("line_info's strings for instruction {insn_off} are not there");
            return reject(Errno::EINVAL, message);
        }
        if let Some(start) = starts.next_if(|&start| start <= insn_off as usize)
            && start < insn_off as usize
        {
            return missing(start);
        }
        lines.push(line);
    }
    match starts.next() {
        Some(start) if count != 0 => missing(start),
        _ => Ok(Lines {
            btf,
            info: ProgInfo {
                func_info: functions,
                line_info: lines,
            },
        }),
    }
}

fn missing<T>(start: usize) -> Result<T, Reject> {
    let message = format!("line_info has no line for the subprogram at instruction {start}");
    reject(Errno::EINVAL, message)
}
