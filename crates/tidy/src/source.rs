//! Rules of one source file: its header, its length, its functions' lengths,
//! `unsafe`, bpf(2), unfinished marks.

use crate::rules::{Exceptions, FILE_LINES, FUNCTION_LINES};
use proc_macro2::{Span, TokenStream, TokenTree};
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
    if let Ok(tokens) = text.parse() {
        words(file, tokens, exceptions, &mut found);
    }
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

/// `unsafe` and bpf(2), wherever they stand: macros hide their bodies from the tree.
fn words(file: &str, tokens: TokenStream, exceptions: &mut Exceptions, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => words(file, group.stream(), exceptions, found),
            TokenTree::Ident(word) => {
                let line = word.span().start().line;
                if word == "unsafe" && !exceptions.unsafe_file(file) {
                    found.push(format!(
                        "{file}:{line}: unsafe code in a file that is not listed"
                    ));
                }
                if word == "SYS_bpf" && !exceptions.syscall_file(file) {
                    found.push(format!("{file}:{line}: bpf(2) is issued in one place only"));
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Marks of unfinished work, which stand in comments.
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

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig.ident.to_string(), block.span());
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outer = std::mem::take(&mut self.owner);
        if let syn::Type::Path(path) = &*item.self_ty
            && let Some(last) = path.path.segments.last()
        {
            self.owner = format!("{}::", last.ident);
        }
        visit::visit_item_impl(self, item);
        self.owner = outer;
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
            ("//! U.\n#[unsafe(no_mangle)]\nfn f() {}\n", "unsafe"),
            (
                "//! U.\nmacro_rules! m { () => { unsafe { g() } } }\n",
                "unsafe",
            ),
            ("//! B.\nfn f() { g(libc::SYS_bpf) }\n", "one place"),
            (
                "//! B.\nmacro_rules! m { () => { libc::SYS_bpf } }\n",
                "one place",
            ),
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
