//! A loaded map's elements, read through the waist and decoded by their types.
//!
//! The walk follows keys while the map stands still; a map that cannot be walked
//! or read is shown with the reason in place of its elements.

use crate::show::{add, hex};
use skep::abi::{Errno, MapOps, MapType};
use skep::btf::{Btf, Decoder, Formats, TypeId, Value};
use skep::loader::LoadedMap;
use skep::loader::spec::MapSource;

/// How elements are read and shown.
pub struct View<'f> {
    pub formats: &'f Formats,
    pub sum: bool,
    pub all: bool,
}

/// An element, decoded.
pub struct Element<'a> {
    pub key: Value<'a>,
    /// One value, or one a cpu.
    pub values: Vec<Value<'a>>,
}

/// A map's elements.
pub struct Elements<'a> {
    /// Whether each element has a value for every cpu, not added up.
    pub per_cpu: bool,
    pub elements: Vec<Element<'a>>,
    /// Elements of an array that are left out because they are all zero.
    pub zero: u64,
    /// Why there are not more.
    pub failure: Option<Errno>,
}

/// Whether values have an entry for every cpu.
pub fn is_per_cpu(map_type: MapType) -> bool {
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
pub fn read<'a>(map: &LoadedMap, btf: Option<&'a Btf>, view: &View<'_>) -> Elements<'a> {
    let shape = *map.ops().shape();
    let per_cpu = is_per_cpu(shape.map_type);
    let stride = if per_cpu {
        (shape.value_size as usize).next_multiple_of(8)
    } else {
        shape.user_value_size
    };
    let mut read = Elements {
        per_cpu: per_cpu && !view.sum,
        elements: Vec::new(),
        zero: 0,
        failure: None,
    };
    let is_global = matches!(map.spec().source, MapSource::Data(_));
    let walked = walk(map.ops(), |key, bytes| {
        if is_array(shape.map_type) && !is_global && !view.all && bytes.iter().all(|&b| b == 0) {
            read.zero += 1;
            return;
        }
        let key_type = (!is_global).then(|| map.key_type());
        let mut values: Vec<_> = bytes
            .chunks(stride.max(1))
            .map(|value| {
                let value = &value[..value.len().min(shape.value_size as usize)];
                decode(btf, map.value_type(), "value", value, view.formats)
            })
            .collect();
        if view.sum && per_cpu {
            values = values
                .into_iter()
                .reduce(|sum, more| add(sum, &more))
                .into_iter()
                .collect();
        }
        let key = decode(
            btf,
            key_type.unwrap_or(TypeId::VOID),
            "key",
            key,
            view.formats,
        );
        read.elements.push(Element { key, values });
    });
    read.failure = walked.err();
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

/// By its type if it has one, else as a number where it has a number's size, else as bytes.
fn decode<'a>(
    btf: Option<&'a Btf>,
    id: TypeId,
    root: &str,
    bytes: &[u8],
    formats: &Formats,
) -> Value<'a> {
    if let Some(btf) = btf
        && id != TypeId::VOID
    {
        match Decoder::new(btf)
            .with_formats(formats, root)
            .decode(id, bytes)
        {
            Ok(value) => return value,
            Err(why) => return Value::Formatted(format!("{} ({why})", hex(bytes))),
        }
    }
    match *bytes {
        [a, b, c, d] => Value::Unsigned(u32::from_ne_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => {
            Value::Unsigned(u64::from_ne_bytes([a, b, c, d, e, f, g, h]).into())
        }
        _ => Value::Bytes(bytes.to_vec()),
    }
}
