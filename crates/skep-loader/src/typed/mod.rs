//! Maps as Rust types.
//!
//! A view is made once, when key and value sizes are compared with the map's;
//! from then on an operation copies a key to the stack, makes one call of the
//! map and copies a value from the stack: no allocation, no descriptor.
//!
//! Iteration asks for the key after next before it hands out an element, so
//! removing the element at hand does not begin the walk again, and it ends
//! after as many elements as the map can hold, whatever others do meanwhile.

mod array;
mod hash;
mod keys;
mod percpu;
mod pod;

pub use array::Array;
pub use hash::HashMap;
pub use keys::Keys;
pub use percpu::{PerCpuArray, PerCpuHash};
pub use pod::{ByteArray, Pod};

use skep_abi::{MapShape, MapType};

/// Why a map cannot be seen as the Rust type asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypedError {
    /// Another kind of map.
    #[error("map {name}is of type {found}, but was asked for as {expected}")]
    Kind {
        /// The map's name and a space, if it is known.
        name: String,
        /// What it is.
        found: MapType,
        /// What was asked for.
        expected: &'static str,
    },
    /// Keys or values of another size.
    #[error("map {name}has {what}s of {map} bytes, but {ty} has {size}")]
    Size {
        /// The map's name and a space, if it is known.
        name: String,
        /// Key or value.
        what: &'static str,
        /// Bytes in the map.
        map: u32,
        /// The Rust type.
        ty: &'static str,
        /// Its bytes.
        size: usize,
    },
}

impl TypedError {
    /// The same, of a map whose name is known.
    pub(crate) fn of(mut self, map: &str) -> TypedError {
        let (TypedError::Kind { name, .. } | TypedError::Size { name, .. }) = &mut self;
        *name = format!("{map} ");
        self
    }
}

/// Refuses a map that is none of `kinds`.
fn check_kind(
    shape: &MapShape,
    kinds: &[MapType],
    expected: &'static str,
) -> Result<(), TypedError> {
    if kinds.contains(&shape.map_type) {
        return Ok(());
    }
    Err(TypedError::Kind {
        name: String::new(),
        found: shape.map_type,
        expected,
    })
}

/// Refuses keys or values of another size than `T`'s.
fn check_size<T: Pod>(what: &'static str, map: u32) -> Result<(), TypedError> {
    if usize::try_from(map) == Ok(T::SIZE) {
        return Ok(());
    }
    Err(TypedError::Size {
        name: String::new(),
        what,
        map,
        ty: std::any::type_name::<T>(),
        size: T::SIZE,
    })
}
