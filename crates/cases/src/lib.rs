//! The cases that run on the engine and on Linux.
//!
//! A case is a function that drives a [`System`] and asserts what Linux answers.
//! It is written once; the test `cases` runs it on both systems, so an
//! expectation that Linux does not share fails there, and an engine that answers
//! otherwise fails here. A case must not depend on what Linux leaves undefined,
//! on object ids, or on other cases.
//!
//! Cases run at the same time, and on Linux in one table of descriptors: a case
//! that needs a descriptor to stay closed is listed by [`cases_alone!`].

#![forbid(unsafe_code)]
#![allow(missing_docs)]

pub mod asm;
pub mod objects;
pub mod raw;
pub mod system;

mod known;

pub use known::{KNOWN, known};
pub use system::{Case, MapAttr, System};

use std::sync::Arc;

/// Makes a list of cases of functions, named as the functions are.
#[macro_export]
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        /// The cases of this module.
        pub const CASES: &[$crate::Case] = &[
            $($crate::Case { name: stringify!($name), run: $name, alone: false }),*
        ];
    };
}

/// The same, of cases during which no other case runs on Linux.
#[macro_export]
macro_rules! cases_alone {
    ($($name:ident),* $(,)?) => {
        /// The cases of this module.
        pub const CASES: &[$crate::Case] = &[
            $($crate::Case { name: stringify!($name), run: $name, alone: true }),*
        ];
    };
}

/// A case and the module it is in.
pub struct Named {
    /// `module::case`
    pub name: String,
    /// Whether no other case may run at the same time.
    pub alone: bool,
    /// Asserts what Linux answers.
    pub run: Arc<dyn Fn(&System) + Send + Sync>,
}

macro_rules! modules {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*

        /// The lists of the modules.
        const LISTS: &[(&str, &[Case])] = &[$((stringify!($module), $module::CASES)),*];
    };
}

modules! {
    locks,
    fields,
    more,
    access,
    attr,
    btf,
    contexts,
    create,
    descriptors,
    elements,
    helpers,
    ids,
    isa,
    outside,
    packets,
    percpu,
    found,
    prog_load,
    slices,
    structure,
    test_run,
    types,
    values,
    walk,
}

/// Every case.
pub fn all() -> Vec<Named> {
    let mut all = Vec::new();
    for (module, cases) in LISTS {
        for case in *cases {
            all.push(Named {
                name: format!("{module}::{}", case.name),
                alone: case.alone,
                run: Arc::new(case.run),
            });
        }
    }
    all.extend(objects::all());
    all
}
