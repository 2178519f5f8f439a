//! Walks over a map's keys and elements.
//!
//! Invariant: a walk yields at most `max_entries` times, and asks for the key
//! after next before it yields, so the caller may remove what it was given.
//!
//! Answers to: map_get_next_key in kernel/bpf/syscall.c.

use super::{ByteArray, Pod};
use skep_abi::{Errno, MapOps, Result};
use std::marker::PhantomData;

/// The keys of a map. Keys inserted or removed meanwhile may or may not show.
pub struct Keys<'m, K: Pod> {
    map: &'m dyn MapOps,
    next: Option<Result<K::Bytes>>,
    left: u32,
}

impl<'m, K: Pod> Keys<'m, K> {
    pub(super) fn new(map: &'m dyn MapOps) -> Keys<'m, K> {
        let mut first = K::Bytes::ZERO;
        let found = map.next_key(None, first.bytes_mut());
        Keys {
            map,
            next: known(found, first),
            left: map.shape().max_entries,
        }
    }

    /// The next key as bytes.
    fn advance(&mut self) -> Option<Result<K::Bytes>> {
        self.left = self.left.checked_sub(1)?;
        let key = match self.next.take()? {
            Ok(key) => key,
            Err(errno) => return Some(Err(errno)),
        };
        let mut next = K::Bytes::ZERO;
        let found = self.map.next_key(Some(key.bytes()), next.bytes_mut());
        self.next = known(found, next);
        Some(Ok(key))
    }
}

/// A key that was found; none at the end.
fn known<B>(found: Result<()>, key: B) -> Option<Result<B>> {
    match found {
        Ok(()) => Some(Ok(key)),
        Err(Errno::ENOENT) => None,
        Err(errno) => Some(Err(errno)),
    }
}

impl<K: Pod> Iterator for Keys<'_, K> {
    type Item = Result<K>;

    fn next(&mut self) -> Option<Result<K>> {
        let key = self.advance()?;
        Some(key.map(|key| K::from_bytes(&key)))
    }
}

/// The elements of a map. Those inserted or removed meanwhile may or may not show.
pub(super) struct Iter<'m, K: Pod, V, F> {
    keys: Keys<'m, K>,
    value: F,
    values: PhantomData<V>,
}

impl<'m, K: Pod, V, F> Iter<'m, K, V, F>
where
    F: FnMut(&[u8]) -> Result<Option<V>>,
{
    /// The elements whose values `value` finds by the bytes of their keys.
    pub(super) fn new(map: &'m dyn MapOps, value: F) -> Iter<'m, K, V, F> {
        Iter {
            keys: Keys::new(map),
            value,
            values: PhantomData,
        }
    }
}

impl<K: Pod, V, F> Iterator for Iter<'_, K, V, F>
where
    F: FnMut(&[u8]) -> Result<Option<V>>,
{
    type Item = Result<(K, V)>;

    fn next(&mut self) -> Option<Result<(K, V)>> {
        loop {
            let key = match self.keys.advance()? {
                Ok(key) => key,
                Err(errno) => return Some(Err(errno)),
            };
            match (self.value)(key.bytes()) {
                Ok(Some(value)) => return Some(Ok((K::from_bytes(&key), value))),
                // Removed since its key was found.
                Ok(None) => {}
                Err(errno) => return Some(Err(errno)),
            }
        }
    }
}
