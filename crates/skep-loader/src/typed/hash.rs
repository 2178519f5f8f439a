//! Hashes: keys to values.
//!
//! Answers to: kernel/bpf/hashtab.c, as user space sees it.

use super::keys::{Iter, Keys};
use super::{ByteArray, Pod, TypedError, check_kind, check_size};
use skep_abi::{Errno, MapOps, MapRef, MapType, Result};
use std::marker::PhantomData;

/// A hash map (LRU or not) with keys `K` and values `V`.
pub struct HashMap<K, V> {
    map: MapRef,
    types: PhantomData<fn(K) -> V>,
}

/// What a missing element is: no error here.
#[inline]
pub(super) fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

impl<K: Pod, V: Pod> HashMap<K, V> {
    /// Sees `map` so, if it is a hash with keys and values of these sizes.
    pub fn new(map: MapRef) -> Result<HashMap<K, V>, TypedError> {
        let shape = map.shape();
        check_kind(shape, &[MapType::HASH, MapType::LRU_HASH], "a hash")?;
        check_size::<K>("key", shape.key_size)?;
        check_size::<V>("value", shape.value_size)?;
        Ok(HashMap {
            map,
            types: PhantomData,
        })
    }

    /// The map itself.
    pub fn ops(&self) -> &dyn MapOps {
        &*self.map
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Result<Option<V>> {
        let mut value = V::Bytes::ZERO;
        let answer = self
            .map
            .lookup(key.to_bytes().bytes(), value.bytes_mut(), 0);
        found(answer.map(|()| V::from_bytes(&value)))
    }

    /// Sets the value of a key; the flags ([`skep_abi::flags::elem`]) say
    /// whether it may, must or must not be there before.
    #[inline]
    pub fn insert(&self, key: &K, value: &V, flags: u64) -> Result<()> {
        self.map
            .update(key.to_bytes().bytes(), value.to_bytes().bytes(), flags)
    }

    /// Removes a key; whether it was there.
    #[inline]
    pub fn remove(&self, key: &K) -> Result<bool> {
        let answer = self.map.delete(key.to_bytes().bytes());
        Ok(found(answer)?.is_some())
    }

    /// Removes a key and gives the value it had.
    #[inline]
    pub fn take(&self, key: &K) -> Result<Option<V>> {
        let mut value = V::Bytes::ZERO;
        let answer = self
            .map
            .lookup_and_delete(key.to_bytes().bytes(), value.bytes_mut(), 0);
        found(answer.map(|()| V::from_bytes(&value)))
    }

    /// The keys.
    pub fn keys(&self) -> Keys<'_, K> {
        Keys::new(&*self.map)
    }

    /// The elements.
    pub fn iter(&self) -> impl Iterator<Item = Result<(K, V)>> {
        Iter::new(&*self.map, |key| {
            let mut value = V::Bytes::ZERO;
            let answer = self.map.lookup(key, value.bytes_mut(), 0);
            found(answer.map(|()| V::from_bytes(&value)))
        })
    }
}
