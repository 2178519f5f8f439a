//! Rules of one source file: its header, its length, its functions' lengths,
//! `unsafe`, bpf(2), unfinished marks.

use crate::rules::{Exceptions, FILE_LINES, FUNCTION_LINES};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The breaches of one file.
pub fn check(file: &str, text: &str, exceptions: &mut Exceptions) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES {
        found.push(format!("{file}: {lines} lines; {FILE_LINES} at the most"));
    }
    if !text.trim_start().starts_with("//!") {
        found.push(format!(
            "{file}: no header: open with //! and what the file is"
        ));
    }
    marks(file, text, &mut found);
    match syn::parse_file(text) {
        Ok(tree) => {
            let mut walk = Walk {
                file,
                exceptions,
                found: &mut found,
                owner: String::new(),
            };
            walk.visit_file(&tree);
        }
        Err(error) => found.push(format!("{file}: not Rust: {error}")),
    }
    found
}

/// Marks of unfinished work and system calls, which macros may hide from the tree.
fn marks(file: &str, text: &str, found: &mut Vec<String>) {
    for (number, line) in text.lines().enumerate() {
        for mark in [
            concat!("FIX", "ME"),
            concat!("XX", "X"),
            concat!("TO", "DO"),
        ] {
            if line.contains(mark) {
                found.push(format!("{file}:{}: unfinished: {mark}", number + 1));
            }
        }
    }
}

struct Walk<'a> {
    file: &'a str,
    exceptions: &'a mut Exceptions,
    found: &'a mut Vec<String>,
    owner: String,
}

impl Walk<'_> {
    fn function(&mut self, name: &str, span: Span) {
        let lines = span.end().line - span.start().line + 1;
        let full = format!("{}:{}{name}", self.file, self.owner);
        if lines > FUNCTION_LINES && !self.exceptions.long_function(&full) {
            let at = span.start().line;
            let file = self.file;
            self.found.push(format!(
                "{file}:{at}: `{}{name}` has {lines} lines; {FUNCTION_LINES} at the most",
                self.owner
            ));
        }
    }

    fn unsafety(&mut self, span: Span) {
        if !self.exceptions.unsafe_file(self.file) {
            self.found.push(format!(
                "{}:{}: unsafe code in a file that is not listed",
                self.file,
                span.start().line
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident.to_string(), item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident.to_string(), item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(token) = item.unsafety {
            self.unsafety(token.span());
        }
        let outer = std::mem::take(&mut self.owner);
        if let syn::Type::Path(path) = &*item.self_ty
            && let Some(last) = path.path.segments.last()
        {
            self.owner = format!("{}::", last.ident);
        }
        visit::visit_item_impl(self, item);
        self.owner = outer;
    }

    fn visit_expr_unsafe(&mut self, expr: &'ast syn::ExprUnsafe) {
        self.unsafety(expr.unsafe_token.span());
        visit::visit_expr_unsafe(self, expr);
    }

    fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
        if ident == "SYS_bpf" && !self.exceptions.syscall_file(self.file) {
            let line = ident.span().start().line;
            self.found.push(format!(
                "{}:{line}: bpf(2) is issued in one place only",
                self.file
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(text: &str) -> Vec<String> {
        check("some/file.rs", text, &mut Exceptions::new())
    }

    #[test]
    fn a_clean_file_passes() {
        assert_eq!(breaches("//! Clean.\nfn f() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn each_rule_is_noticed() {
        let long = format!(
            "//! Long.\nfn f() {{\n{}}}\n",
            "();\n".repeat(FUNCTION_LINES)
        );
        let huge = format!("//! Huge.\n{}", "\n".repeat(FILE_LINES));
        for (text, part) in [
            ("fn f() {}\n", "no header"),
            (&long, "`f` has"),
            (&huge, "lines; 700"),
            ("//! U.\nfn f() { unsafe { g() } }\n", "unsafe"),
            ("//! U.\nunsafe impl Send for S {}\n", "unsafe"),
            ("//! B.\nfn f() { g(libc::SYS_bpf) }\n", "one place"),
            (concat!("//! T.\n// TO", "DO later\n"), "unfinished"),
        ] {
            let found = breaches(text);
            assert!(
                found.iter().any(|line| line.contains(part)),
                "{part}: {found:?}"
            );
        }
    }
}
