//! What each map type does, as data.
//!
//! A [`Family`] is a type's row: what it takes at creation, how a map of it is made, and for each
//! operation whether it is there or with which errno it is refused. The errno of an operation that
//! a type lacks is written here and nowhere else; `SUPPORT.md` is made from the same rows.
//!
//! Answers to: struct bpf_map_ops in include/linux/bpf.h, include/linux/bpf_types.h.

use std::fmt;
use std::sync::Arc;

use skep_abi::{Errno, MapCreate, MapType, Result};

use super::create::{BtfTypes, Host};
use super::{Desc, Map};

/// Whether an operation is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Support {
    /// It is.
    Yes,
    /// It is not, on Linux neither, and answers this.
    Refused(Errno),
    /// Linux has it; here it answers this until it is there.
    Missing(Errno),
}

macro_rules! operations {
    ($( $(#[$doc:meta])* $name:ident, $op:ident; )*) => {
        /// An operation on elements, as user space asks for it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Op { $( $(#[$doc])* $op, )* }

        impl Op {
            /// Every operation.
            pub const ALL: &'static [Op] = &[$( Op::$op ),*];

            /// Its name, as bpf(2)'s less the prefix.
            pub const fn name(self) -> &'static str {
                match self { $( Op::$op => stringify!($name), )* }
            }
        }

        /// Whether each operation is there.
        #[derive(Clone, Copy, Debug)]
        pub struct Operations { $( $(#[$doc])* pub $name: Support, )* }

        impl Operations {
            /// Whether `op` is there.
            pub const fn support(&self, op: Op) -> Support {
                match op { $( Op::$op => self.$name, )* }
            }
        }
    };
}

operations! {
    /// Copies a value out.
    lookup, Lookup;
    /// Sets a value.
    update, Update;
    /// Removes an element.
    delete, Delete;
    /// Walks the keys.
    next_key, NextKey;
    /// Copies a value out and removes the element.
    lookup_and_delete, LookupAndDelete;
    /// Copies a run of elements out.
    lookup_batch, LookupBatch;
    /// Copies a run of elements out and removes them.
    lookup_and_delete_batch, LookupAndDeleteBatch;
    /// Sets many values.
    update_batch, UpdateBatch;
    /// Removes many elements.
    delete_batch, DeleteBatch;
    /// Gives a program the address of the only element's value.
    direct_value, DirectValue;
    /// Maps the values into the caller's memory, with `BPF_F_MMAPABLE`.
    mmap, Mmap;
}

impl Operations {
    /// The errno of an operation that is not there.
    pub const fn errno(&self, op: Op) -> Errno {
        match self.support(op) {
            Support::Refused(errno) | Support::Missing(errno) => errno,
            // Asked of an operation that is there: what Linux answers where it knows no better.
            Support::Yes => Errno::EINVAL,
        }
    }
}

/// One map type.
#[doc(alias = "bpf_map_ops")]
pub struct Family {
    /// Which one.
    pub map_type: MapType,
    /// Whether each cpu has its own value of an element.
    pub per_cpu: bool,
    /// The flags it takes at creation.
    pub map_flags: u32,
    /// What may be done with its elements.
    pub operations: Operations,
    /// What else Linux does with such a map and this one does not: a sentence's part, or nothing.
    pub note: &'static str,
    /// Judges the attributes of a creation.
    #[doc(alias = "map_alloc_check")]
    pub(super) check: fn(&MapCreate<'_>, &Host) -> Result<()>,
    /// Judges the types of key and value, whose sizes are right.
    #[doc(alias = "map_check_btf")]
    pub(super) check_btf: fn(&Desc, &BtfTypes<'_>) -> Result<()>,
    /// Makes the map. E2BIG and ENOMEM are all that is left to refuse.
    #[doc(alias = "map_alloc")]
    pub(super) make: fn(Desc, &Host) -> Result<Arc<dyn Map>>,
}

impl Family {
    /// The errno of an operation the type lacks.
    pub const fn errno(&self, op: Op) -> Errno {
        self.operations.errno(op)
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.map_type, f)
    }
}
