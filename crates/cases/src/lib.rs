//! The cases that run on the engine and on Linux.
//!
//! A case is a function that drives a [`System`] and asserts what Linux answers.
//! It is written once; the test `cases` runs it on both systems, so an
//! expectation that Linux does not share fails there, and an engine that answers
//! otherwise fails here. A case must not depend on what Linux leaves undefined,
//! on object ids, or on other cases.

#![allow(missing_docs)]

pub mod asm;
pub mod system;

pub use system::{Case, MapAttr, System};

/// Makes a list of cases of functions, named as the functions are.
#[macro_export]
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        /// The cases of this module.
        pub const CASES: &[$crate::Case] = &[
            $($crate::Case { name: stringify!($name), run: $name }),*
        ];
    };
}

/// Every case, by the module it is in.
pub const ALL: &[(&str, &[Case])] = &[];
