//! Types written as C.
//!
//! Invariants: nesting is bounded by [`MAX_NESTING`] and the text by
//! [`MAX_TEXT`], so hostile types end in an error, not in endless text.
//!
//! Answers to: tools/lib/bpf/btf_dump.c (the style of `bpftool btf dump
//! format c`)

use crate::Btf;
use crate::error::BtfError;
use crate::kind::{Kind, TypeId};
use crate::types::{Composite, Def, Enum, FuncProto, Type};
use crate::walk::{Alignments, MAX_WALK};
use std::fmt::Write;

/// How deep anonymous types and function parameters are written out.
const MAX_NESTING: u32 = 32;
/// Longest text, in bytes.
const MAX_TEXT: usize = 1 << 20;

impl Btf {
    /// The short name of a type: `struct flow_key`, `__u32`,
    /// `unsigned char[16]`, `int (*)(struct ctx *)`.
    pub fn type_name(&self, id: TypeId) -> Result<String, BtfError> {
        self.c_variable(id, "")
    }

    /// A variable or field of a type as C declares it: `unsigned char addr[16]`.
    pub fn c_variable(&self, id: TypeId, name: &str) -> Result<String, BtfError> {
        let mut printer = Printer::new(self, id);
        printer.declare(id, name.to_owned(), None, 0)
    }

    /// A type as C defines it: a struct with a line for each member, an
    /// enumeration with one for each value, a typedef, variable or function
    /// with its declaration; for other types what [`Btf::type_name`] says.
    pub fn c_decl(&self, id: TypeId) -> Result<String, BtfError> {
        let ty = self.expect_type(id)?;
        let mut printer = Printer::new(self, id);
        match ty.def() {
            Def::Struct(members) | Def::Union(members) => {
                let body = printer.composite(members, 0, 0)?;
                Ok(format!("{body};"))
            }
            Def::Enum(values) => Ok(format!("{};", printer.enumeration(values, 0)?)),
            Def::Fwd { .. } => Ok(format!("{};", heading(ty))),
            Def::Typedef(of) => {
                let text = printer.declare(of, ty.name().to_owned(), Some(0), 0)?;
                Ok(format!("typedef {text};"))
            }
            Def::Var { ty: of, .. } => {
                let text = printer.declare(of, ty.name().to_owned(), Some(0), 0)?;
                Ok(format!("{text};"))
            }
            Def::Func { proto, .. } => {
                let text = printer.declare(proto, ty.name().to_owned(), None, 0)?;
                Ok(format!("{text};"))
            }
            Def::DataSec(section) => {
                let mut text = format!("/* {}: {} bytes */", ty.name(), section.size());
                for var in section.vars() {
                    text.push('\n');
                    text.push_str(&printer.variable(var.ty)?);
                }
                Ok(text)
            }
            _ => printer.declare(id, String::new(), None, 0),
        }
    }
}

/// Writes one type.
struct Printer<'a> {
    btf: &'a Btf,
    root: TypeId,
    left: usize,
    alignments: Alignments,
}

/// The words a struct, union or enumeration is referred to by.
fn heading(ty: Type<'_>) -> String {
    let word = match ty.def() {
        Def::Struct(_) | Def::Fwd { is_union: false } => "struct",
        Def::Union(_) | Def::Fwd { is_union: true } => "union",
        _ => "enum",
    };
    match ty.name() {
        "" => word.to_owned(),
        name => format!("{word} {name}"),
    }
}

fn tabs(depth: usize) -> String {
    "\t".repeat(depth)
}

impl<'a> Printer<'a> {
    fn new(btf: &'a Btf, root: TypeId) -> Printer<'a> {
        Printer {
            btf,
            root,
            left: MAX_TEXT,
            alignments: Alignments::new(),
        }
    }

    /// Counts text against the bound.
    fn pay(&mut self, text: &str) -> Result<(), BtfError> {
        match self.left.checked_sub(text.len() + 1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(BtfError::TooLong {
                id: self.root,
                limit: MAX_TEXT,
            }),
        }
    }

    fn too_deep(&self, limit: u32) -> BtfError {
        BtfError::Depth {
            id: self.root,
            limit,
        }
    }

    /// A variable of a section as a line.
    fn variable(&mut self, id: TypeId) -> Result<String, BtfError> {
        let var = self.btf.expect_type(id)?;
        let of = var.target().unwrap_or_default();
        let text = self.declare(of, var.name().to_owned(), Some(0), 0)?;
        Ok(format!("{text};"))
    }

    /// Declares `name` to be of type `id`. C writes types from the inside out,
    /// so the text grows around the name. Anonymous types are written out at
    /// `indent`, or as `{...}` without one.
    fn declare(
        &mut self,
        id: TypeId,
        name: String,
        indent: Option<usize>,
        depth: u32,
    ) -> Result<String, BtfError> {
        if depth > MAX_NESTING {
            return Err(self.too_deep(MAX_NESTING));
        }
        let mut text = name;
        // Qualifiers met since the last pointer.
        let mut quals = String::new();
        let mut after_ptr = false;
        let mut ty = self.btf.expect_type(id)?;
        for _ in 0..MAX_WALK {
            self.pay(&text)?;
            let next = match ty.def() {
                Def::Ptr(to) => {
                    let star = match quals.trim_end() {
                        "" if text.starts_with('(') => "* ".to_owned(),
                        "" => "*".to_owned(),
                        quals if text.is_empty() => format!("* {quals}"),
                        quals => format!("* {quals} "),
                    };
                    text.insert_str(0, &star);
                    quals.clear();
                    after_ptr = true;
                    to
                }
                Def::Array(array) => {
                    text = format!("{}[{}]", enclosed(text, after_ptr), array.nelems);
                    after_ptr = false;
                    array.element
                }
                Def::FuncProto(proto) => {
                    let params = self.params(proto, depth)?;
                    text = format!("{}({params})", enclosed(text, after_ptr));
                    quals.clear();
                    after_ptr = false;
                    proto.returns()
                }
                Def::Const(of) => self.qualify(&mut quals, "const", of),
                Def::Volatile(of) => self.qualify(&mut quals, "volatile", of),
                Def::Restrict(of) => self.qualify(&mut quals, "restrict", of),
                Def::TypeTag(of) => {
                    let tag = format!("__attribute__((btf_type_tag({:?})))", ty.name());
                    self.pay(&tag)?;
                    self.qualify(&mut quals, &tag, of)
                }
                _ => {
                    let base = self.base(ty, indent, depth)?;
                    let gap = if text.is_empty() || text.starts_with('[') {
                        ""
                    } else {
                        " "
                    };
                    let text = format!("{quals}{base}{gap}{text}");
                    self.pay(&text)?;
                    return Ok(text);
                }
            };
            ty = self.btf.expect_type(next)?;
        }
        Err(self.too_deep(MAX_WALK))
    }

    /// Adds a qualifier once: arrays and their elements often have the same.
    fn qualify(&self, quals: &mut String, word: &str, of: TypeId) -> TypeId {
        if !quals.split_terminator(' ').any(|known| known == word) {
            quals.push_str(word);
            quals.push(' ');
        }
        of
    }

    /// The type that stands left of the name.
    fn base(
        &mut self,
        ty: Type<'a>,
        indent: Option<usize>,
        depth: u32,
    ) -> Result<String, BtfError> {
        match (ty.def(), indent) {
            (Def::Void, _) => Ok("void".to_owned()),
            (Def::Struct(members) | Def::Union(members), Some(indent)) if ty.name().is_empty() => {
                self.composite(members, indent, depth + 1)
            }
            (Def::Enum(values), Some(indent)) if ty.name().is_empty() => {
                self.enumeration(values, indent)
            }
            (Def::Struct(_) | Def::Union(_) | Def::Enum(_), _) if ty.name().is_empty() => {
                Ok(format!("{} {{...}}", heading(ty)))
            }
            (Def::Struct(_) | Def::Union(_) | Def::Enum(_) | Def::Fwd { .. }, _) => Ok(heading(ty)),
            _ => Ok(ty.name().to_owned()),
        }
    }

    fn params(&mut self, proto: FuncProto<'a>, depth: u32) -> Result<String, BtfError> {
        let count = proto.params().len();
        if count == 0 {
            return Ok("void".to_owned());
        }
        let mut parts = Vec::new();
        for (index, param) in proto.params().enumerate() {
            parts.push(match param.ty {
                TypeId::VOID if index + 1 == count => "...".to_owned(),
                ty => self.declare(ty, param.name.to_owned(), None, depth + 1)?,
            });
        }
        Ok(parts.join(", "))
    }

    fn composite(
        &mut self,
        members: Composite<'a>,
        indent: usize,
        depth: u32,
    ) -> Result<String, BtfError> {
        let mut text = format!("{} {{", heading(members.ty()));
        if members.iter().len() == 0 {
            text.push('}');
            return Ok(text);
        }
        text.push('\n');
        self.pay(&text)?;
        for member in members.iter() {
            let inner = indent + 1;
            let line = self.declare(member.ty, member.name.to_owned(), Some(inner), depth)?;
            let line = match member.bitfield_size {
                0 => format!("{}{line};\n", tabs(inner)),
                bits => format!("{}{line}: {bits};\n", tabs(inner)),
            };
            self.pay(&line)?;
            text.push_str(&line);
        }
        text.push_str(&tabs(indent));
        text.push('}');
        if self.is_packed(members) {
            text.push_str(" __attribute__((packed))");
        }
        Ok(text)
    }

    /// Whether members lie tighter than C would put them.
    fn is_packed(&mut self, members: Composite<'a>) -> bool {
        let (btf, known) = (self.btf, &mut self.alignments);
        let mut align = |id| btf.align_known(id, known);
        align(members.ty().id()) == 1 && members.iter().any(|member| align(member.ty) > 1)
    }

    fn enumeration(&mut self, values: Enum<'a>, indent: usize) -> Result<String, BtfError> {
        let mut text = format!("{} {{\n", heading(values.ty()));
        for value in values.iter() {
            let mut line = tabs(indent + 1);
            // Writing to a string cannot fail.
            let _ = writeln!(line, "{} = {}{},", value.name, value.value, suffix(values));
            self.pay(&line)?;
            text.push_str(&line);
        }
        text.push_str(&tabs(indent));
        text.push('}');
        Ok(text)
    }
}

/// What numbers of an enumeration of 64-bit values end in.
fn suffix(values: Enum<'_>) -> &'static str {
    match (values.ty().kind(), values.signed()) {
        (Kind::Enum64, true) => "LL",
        (Kind::Enum64, false) => "ULL",
        _ => "",
    }
}

/// A pointer's name in parentheses, where an array or function is pointed to.
fn enclosed(text: String, pointer: bool) -> String {
    match pointer {
        true => format!("({text})"),
        false => text,
    }
}
