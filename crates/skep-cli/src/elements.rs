//! A loaded map's elements, read through the waist and decoded by their types.
//!
//! The walk follows keys while the map stands still; a map that cannot be walked
//! or read is shown with the reason in place of its elements. Elements of a hash
//! are sorted by key ([`crate::order`]).

use crate::order;
use crate::show::add;
use crate::types::Types;
use skep::abi::{Errno, MapOps, MapType};
use skep::btf::{Formats, Value};
use skep::loader::LoadedMap;

/// How elements are read and shown.
pub struct View<'t> {
    pub types: &'t Types,
    pub formats: &'t Formats,
    pub sum: bool,
    pub all: bool,
}

/// An element, decoded.
pub struct Element<'t> {
    pub key: Value<'t>,
    /// One value, or one a cpu.
    pub values: Vec<Value<'t>>,
}

/// A map's elements.
pub struct Elements<'t> {
    /// Whether each element has a value for every cpu, not added up.
    pub per_cpu: bool,
    pub elements: Vec<Element<'t>>,
    /// Elements of an array that are left out because they are all zero.
    pub zero: u64,
    /// Why there are not more.
    pub failure: Option<Errno>,
}

/// Whether values have an entry for every cpu.
fn is_per_cpu(map_type: MapType) -> bool {
    matches!(
        map_type,
        MapType::PERCPU_HASH | MapType::PERCPU_ARRAY | MapType::LRU_PERCPU_HASH
    )
}

/// Whether all its elements are always there.
pub fn is_array(map_type: MapType) -> bool {
    matches!(map_type, MapType::ARRAY | MapType::PERCPU_ARRAY)
}

/// Reads and decodes all elements of a map.
pub fn read<'t>(map: &LoadedMap, view: &View<'t>) -> Elements<'t> {
    let shape = *map.ops().shape();
    let per_cpu = is_per_cpu(shape.map_type);
    let stride = if per_cpu {
        (shape.value_size as usize).next_multiple_of(8)
    } else {
        shape.user_value_size
    };
    let hides_zero = is_array(shape.map_type) && !map.spec().is_data() && !view.all;
    let sums = view.sum && per_cpu;
    // A sum is of numbers, and a formatted field is none any more.
    let plain = Formats::new();
    let value_formats = if sums { &plain } else { view.formats };
    let mut read = Elements {
        per_cpu: per_cpu && !view.sum,
        elements: Vec::new(),
        zero: 0,
        failure: None,
    };
    let walked = walk(map.ops(), |key, bytes| {
        if hides_zero && bytes.iter().all(|&byte| byte == 0) {
            read.zero += 1;
            return;
        }
        let mut values: Vec<_> = bytes
            .chunks(stride.max(1))
            .map(|value| {
                let value = &value[..value.len().min(shape.value_size as usize)];
                view.types.value(map, value, value_formats)
            })
            .collect();
        if sums {
            let sum = values.into_iter().reduce(|sum, more| add(sum, &more));
            values = sum.into_iter().collect();
        }
        let key = view.types.key(map, key, view.formats);
        read.elements.push(Element { key, values });
    });
    read.failure = walked.err();
    if !is_array(shape.map_type) {
        read.elements
            .sort_by(|one, other| order::compare(&one.key, &other.key));
    }
    read
}

/// Gives every key and value to `each`.
fn walk(map: &dyn MapOps, mut each: impl FnMut(&[u8], &[u8])) -> Result<(), Errno> {
    let shape = *map.shape();
    let mut next = vec![0; shape.key_size as usize];
    let mut value = vec![0; shape.user_value_size];
    let mut found = map.next_key(None, &mut next);
    while found.is_ok() {
        match map.lookup(&next, &mut value, 0) {
            Ok(()) => each(&next, &value),
            // Deleted since its key was found.
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        let key = next.clone();
        found = map.next_key(Some(&key), &mut next);
    }
    match found {
        Err(Errno::ENOENT) | Ok(()) => Ok(()),
        Err(errno) => Err(errno),
    }
}
