//! The limits and their exceptions.
//!
//! To add an exception, name the file or function and say why in a comment.

use std::collections::BTreeSet;

/// Lines of a file at the most.
pub const FILE_LINES: usize = 700;
/// Lines of a function at the most.
pub const FUNCTION_LINES: usize = 70;

/// Functions that may be longer: dispatchers whose arms are one line each.
const LONG_FUNCTIONS: &[&str] = &[];

/// The only files with `unsafe`.
const UNSAFE_FILES: &[&str] = &[
    // Addresses a C caller vouches for.
    "crates/skep-abi/src/user.rs",
    // Atomic words of a region by offset.
    "crates/skep-engine/src/region/raw.rs",
    // The mapping a region lives in.
    "crates/skep-engine/src/region/mapping.rs",
    // A C caller of the benchmark.
    "crates/bench/src/user.rs",
    // The system calls: bpf(2), guard pages, reading our own memory.
    "crates/skep/src/kernel/sys.rs",
];

/// The only file that issues bpf(2).
const SYSCALL_FILES: &[&str] = &["crates/skep/src/kernel/sys.rs"];

/// The exceptions, and which of them have not been needed yet.
pub struct Exceptions {
    unused: BTreeSet<String>,
}

impl Exceptions {
    /// All of them.
    pub fn new() -> Self {
        let all = [LONG_FUNCTIONS, UNSAFE_FILES, SYSCALL_FILES].concat();
        Exceptions {
            unused: all.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether the function may be long.
    pub fn long_function(&mut self, name: &str) -> bool {
        self.listed(LONG_FUNCTIONS, name)
    }

    /// Whether the file may hold `unsafe`.
    pub fn unsafe_file(&mut self, file: &str) -> bool {
        self.listed(UNSAFE_FILES, file)
    }

    /// Whether the file may issue bpf(2).
    pub fn syscall_file(&mut self, file: &str) -> bool {
        self.listed(SYSCALL_FILES, file)
    }

    /// What was never needed.
    pub fn left(&self) -> impl Iterator<Item = &str> {
        self.unused.iter().map(String::as_str)
    }

    fn listed(&mut self, list: &[&str], name: &str) -> bool {
        let is = list.contains(&name);
        if is {
            self.unused.remove(name);
        }
        is
    }
}
