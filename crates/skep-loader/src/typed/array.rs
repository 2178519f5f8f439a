//! Arrays: values by index.
//!
//! Answers to: kernel/bpf/arraymap.c, as user space sees it.

use super::hash::found;
use super::{ByteArray, Pod, TypedError, check_kind, check_size};
use skep_abi::{MapOps, MapRef, MapType, Result};
use std::marker::PhantomData;

/// An array map of values `V`.
pub struct Array<V> {
    map: MapRef,
    types: PhantomData<fn() -> V>,
}

impl<V: Pod> Array<V> {
    /// Sees `map` so, if it is an array with values of this size.
    pub fn new(map: MapRef) -> Result<Array<V>, TypedError> {
        let shape = map.shape();
        check_kind(shape, &[MapType::ARRAY], "an array")?;
        check_size::<u32>("key", shape.key_size)?;
        check_size::<V>("value", shape.value_size)?;
        Ok(Array {
            map,
            types: PhantomData,
        })
    }

    /// The map itself.
    pub fn ops(&self) -> &dyn MapOps {
        &*self.map
    }

    /// How many elements it has; all are always there.
    pub fn len(&self) -> u32 {
        self.map.shape().max_entries
    }

    /// Whether it has no element, which no array map has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at an index; none past the end.
    #[inline]
    pub fn get(&self, index: u32) -> Result<Option<V>> {
        let mut value = V::Bytes::ZERO;
        let answer = self.map.lookup(&index.to_bytes(), value.bytes_mut(), 0);
        found(answer.map(|()| V::from_bytes(&value)))
    }

    /// Sets the value at an index; E2BIG past the end.
    #[inline]
    pub fn set(&self, index: u32, value: &V) -> Result<()> {
        self.map
            .update(&index.to_bytes(), value.to_bytes().bytes(), 0)
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<V>> {
        (0..self.len()).map_while(|index| self.get(index).transpose())
    }
}
