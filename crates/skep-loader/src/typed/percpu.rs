//! Per-CPU hashes and arrays: a value a cpu under each key.
//!
//! User space sees all cpus' values at once, each rounded up to 8 bytes.
//!
//! Answers to: bpf_percpu_hash_copy and bpf_percpu_array_copy, kernel/bpf.

use super::hash::found;
use super::keys::{Iter, Keys};
use super::{ByteArray, Pod, TypedError, check_kind, check_size};
use skep_abi::{Errno, MapOps, MapRef, MapType, Result, Scratch};
use std::marker::PhantomData;

/// The values of one key, a cpu each.
struct Values<V> {
    map: MapRef,
    types: PhantomData<fn() -> V>,
}

impl<V: Pod> Values<V> {
    const STRIDE: usize = V::SIZE.next_multiple_of(8);

    fn cpus(&self) -> usize {
        let size = self.map.shape().user_value_size;
        size.checked_div(Self::STRIDE).unwrap_or(0)
    }

    fn read(bytes: &[u8]) -> impl Iterator<Item = V> {
        let cpus = bytes.chunks_exact(Self::STRIDE.max(1));
        cpus.map(|cpu| {
            let mut value = V::Bytes::ZERO;
            value.bytes_mut().copy_from_slice(&cpu[..V::SIZE]);
            V::from_bytes(&value)
        })
    }

    fn get(
        &self,
        key: &[u8],
        mut copy: impl FnMut(&[u8], &mut [u8]) -> Result<()>,
    ) -> Result<Option<Vec<V>>> {
        let mut scratch = Scratch::new();
        let bytes = scratch.buffer(self.map.shape().user_value_size);
        let answer = copy(key, bytes);
        found(answer.map(|()| Self::read(bytes).collect()))
    }

    fn lookup(&self, key: &[u8]) -> Result<Option<Vec<V>>> {
        self.get(key, |key, bytes| self.map.lookup(key, bytes, 0))
    }

    fn fold<S>(&self, key: &[u8], start: S, step: impl FnMut(S, V) -> S) -> Result<Option<S>> {
        let mut scratch = Scratch::new();
        let bytes = scratch.buffer(self.map.shape().user_value_size);
        let answer = self.map.lookup(key, bytes, 0);
        found(answer.map(|()| Self::read(bytes).fold(start, step)))
    }

    /// EINVAL unless there is a value for each cpu.
    fn set(&self, key: &[u8], values: &[V], flags: u64) -> Result<()> {
        if values.len() != self.cpus() {
            return Err(Errno::EINVAL);
        }
        let mut scratch = Scratch::new();
        let bytes = scratch.buffer(self.map.shape().user_value_size);
        bytes.fill(0);
        let cpus = bytes.chunks_exact_mut(Self::STRIDE.max(1));
        for (cpu, value) in cpus.zip(values) {
            cpu[..V::SIZE].copy_from_slice(value.to_bytes().bytes());
        }
        self.map.update(key, bytes, flags)
    }
}

/// A per-CPU hash map (LRU or not) with keys `K` and values `V`.
pub struct PerCpuHash<K, V> {
    values: Values<V>,
    types: PhantomData<fn(K)>,
}

impl<K: Pod, V: Pod> PerCpuHash<K, V> {
    /// Sees `map` so, if it is a per-CPU hash with keys and values of these sizes.
    pub fn new(map: MapRef) -> Result<PerCpuHash<K, V>, TypedError> {
        let shape = map.shape();
        let kinds = [MapType::PERCPU_HASH, MapType::LRU_PERCPU_HASH];
        check_kind(shape, &kinds, "a per-CPU hash")?;
        check_size::<K>("key", shape.key_size)?;
        check_size::<V>("value", shape.value_size)?;
        Ok(PerCpuHash {
            values: Values {
                map,
                types: PhantomData,
            },
            types: PhantomData,
        })
    }

    /// The map itself.
    pub fn ops(&self) -> &dyn MapOps {
        &*self.values.map
    }

    /// How many values each key has.
    pub fn cpus(&self) -> usize {
        self.values.cpus()
    }

    /// The values of a key, by cpu.
    pub fn get(&self, key: &K) -> Result<Option<Vec<V>>> {
        self.values.lookup(key.to_bytes().bytes())
    }

    /// Goes through the values of a key, by cpu, without a vector of them: their sum is
    /// `fold(&key, 0, |sum, value| sum + value)`.
    #[inline]
    pub fn fold<S>(&self, key: &K, start: S, step: impl FnMut(S, V) -> S) -> Result<Option<S>> {
        self.values.fold(key.to_bytes().bytes(), start, step)
    }

    /// Sets the values of a key; EINVAL unless there is one for each cpu.
    pub fn insert(&self, key: &K, values: &[V], flags: u64) -> Result<()> {
        self.values.set(key.to_bytes().bytes(), values, flags)
    }

    /// Removes a key; whether it was there.
    pub fn remove(&self, key: &K) -> Result<bool> {
        let answer = self.values.map.delete(key.to_bytes().bytes());
        Ok(found(answer)?.is_some())
    }

    /// Removes a key and gives the values it had.
    pub fn take(&self, key: &K) -> Result<Option<Vec<V>>> {
        let map = &self.values.map;
        self.values.get(key.to_bytes().bytes(), |key, bytes| {
            map.lookup_and_delete(key, bytes, 0)
        })
    }

    /// The keys.
    pub fn keys(&self) -> Keys<'_, K> {
        Keys::new(self.ops())
    }

    /// The elements.
    pub fn iter(&self) -> impl Iterator<Item = Result<(K, Vec<V>)>> {
        Iter::new(self.ops(), |key| self.values.lookup(key))
    }
}

/// A per-CPU array map of values `V`.
pub struct PerCpuArray<V> {
    values: Values<V>,
}

impl<V: Pod> PerCpuArray<V> {
    /// Sees `map` so, if it is a per-CPU array with values of this size.
    pub fn new(map: MapRef) -> Result<PerCpuArray<V>, TypedError> {
        let shape = map.shape();
        check_kind(shape, &[MapType::PERCPU_ARRAY], "a per-CPU array")?;
        check_size::<u32>("key", shape.key_size)?;
        check_size::<V>("value", shape.value_size)?;
        Ok(PerCpuArray {
            values: Values {
                map,
                types: PhantomData,
            },
        })
    }

    /// The map itself.
    pub fn ops(&self) -> &dyn MapOps {
        &*self.values.map
    }

    /// How many elements it has; all are always there.
    pub fn len(&self) -> u32 {
        self.ops().shape().max_entries
    }

    /// Whether it has no element, which no array map has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values each element has.
    pub fn cpus(&self) -> usize {
        self.values.cpus()
    }

    /// The values at an index, by cpu; none past the end.
    pub fn get(&self, index: u32) -> Result<Option<Vec<V>>> {
        self.values.lookup(&index.to_bytes())
    }

    /// Goes through the values of an index, by cpu, without a vector of them.
    #[inline]
    pub fn fold<S>(&self, index: u32, start: S, step: impl FnMut(S, V) -> S) -> Result<Option<S>> {
        self.values.fold(&index.to_ne_bytes(), start, step)
    }

    /// Sets the values at an index; EINVAL unless there is one for each cpu.
    pub fn set(&self, index: u32, values: &[V]) -> Result<()> {
        self.values.set(&index.to_bytes(), values, 0)
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Vec<V>>> {
        (0..self.len()).map_while(|index| self.get(index).transpose())
    }
}
