//! A failure of a command: a sentence for the person.

use std::fmt;

/// Why a command ended without doing what it was asked.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure explained by a sentence.
    pub fn new(why: impl fmt::Display) -> Failure {
        Failure(why.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
