//! The types by which keys and values are decoded, and the formats put on them.
//!
//! What the object gives no type is read as an unsigned number where it has a
//! number's size, else as an array of bytes; so formats can be put on it too.

use crate::error::Failure;
use skep::btf::{Btf, BtfBuilder, Decoder, FormatError, Formats, TypeId, Value};
use skep::loader::LoadedMap;
use skep::loader::Object;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The two roots of a field's path.
const KEY: &str = "key";
const VALUE: &str = "value";

/// The object's types, and plain ones for what has none.
pub struct Types {
    btf: Option<Arc<Btf>>,
    plain: Btf,
    by_size: BTreeMap<u32, TypeId>,
}

impl Types {
    /// The types of an object's maps.
    pub fn new(object: &Object) -> Result<Types, Failure> {
        let mut builder = BtfBuilder::new();
        let byte = builder.int("unsigned char", 1, false);
        let mut by_size = BTreeMap::from([(1, byte)]);
        for (size, name) in [
            (2, "unsigned short"),
            (4, "unsigned int"),
            (8, "unsigned long long"),
        ] {
            by_size.insert(size, builder.int(name, size, false));
        }
        let specs = object.maps().iter().map(LoadedMap::spec);
        for size in specs.flat_map(|spec| [spec.key_size, spec.value_size]) {
            by_size
                .entry(size)
                .or_insert_with(|| builder.array(byte, byte, size));
        }
        let plain = builder
            .build()
            .map_err(|error| Failure::new(format!("no types for what has none: {error}")))?;
        Ok(Types {
            btf: object.btf().cloned(),
            plain,
            by_size,
        })
    }

    /// The type of a map's keys or values, and where it is defined.
    fn of(&self, id: TypeId, size: u32) -> (&Btf, TypeId) {
        match &self.btf {
            Some(btf) if id != TypeId::VOID => (btf, id),
            _ => {
                let id = self.by_size.get(&size).copied();
                (&self.plain, id.unwrap_or(TypeId::VOID))
            }
        }
    }

    /// A key, decoded.
    pub fn key(&self, map: &LoadedMap, bytes: &[u8], formats: &Formats) -> Value<'_> {
        let (btf, id) = self.of(map.key_type(), map.spec().key_size);
        self.decode(btf, id, KEY, bytes, formats)
    }

    /// A value, decoded.
    pub fn value(&self, map: &LoadedMap, bytes: &[u8], formats: &Formats) -> Value<'_> {
        let (btf, id) = self.of(map.value_type(), map.spec().value_size);
        self.decode(btf, id, VALUE, bytes, formats)
    }

    fn decode<'a>(
        &'a self,
        btf: &'a Btf,
        id: TypeId,
        root: &str,
        bytes: &[u8],
        formats: &Formats,
    ) -> Value<'a> {
        let decoder = Decoder::new(btf);
        match decoder.with_formats(formats, root).decode(id, bytes) {
            // Bytes of no type read better together.
            Ok(Value::Array(_))
                if std::ptr::eq(btf, &self.plain) && formats.get(root).is_none() =>
            {
                Value::Bytes(bytes.to_vec())
            }
            Ok(value) => value,
            Err(_) => Value::Bytes(bytes.to_vec()),
        }
    }

    /// Checks each format: it must fit a field of at least one map that is shown.
    pub fn check(&self, asked: &[String], maps: &[&LoadedMap]) -> Result<Formats, Failure> {
        let mut formats = Formats::new();
        for text in asked {
            let mut one = Formats::new();
            let fits = one.add(text).map_err(|error| error.to_string());
            fits.and_then(|()| self.check_one(text, &one, maps))
                .map_err(|why| Failure::new(format!("--format {text}: {why}")))?;
            formats.add(text).map_err(Failure::new)?;
        }
        Ok(formats)
    }

    fn check_one(&self, text: &str, one: &Formats, maps: &[&LoadedMap]) -> Result<(), String> {
        let path = text.split('=').next().unwrap_or_default();
        let root = path.split('.').next().unwrap_or_default();
        if root != KEY && root != VALUE {
            return Err(format!(
                "a field is `key` or `value`, or begins with `key.` or `value.`, not with {root}"
            ));
        }
        let mut why = None;
        let mut shown = String::new();
        for map in maps {
            let spec = map.spec();
            let (btf, id) = match root {
                KEY if spec.is_data() => continue,
                KEY => self.of(map.key_type(), spec.key_size),
                _ => self.of(map.value_type(), spec.value_size),
            };
            match one.check(btf, root, id) {
                Ok(()) => return Ok(()),
                // That it is there, but of another size, tells more.
                Err(error @ FormatError::Size { .. }) => why = Some(error.to_string()),
                Err(error) => {
                    why.get_or_insert_with(|| error.to_string());
                }
            }
            shown.push_str(&format!("\n  {}: {}", spec.name, fields(btf, root, id)));
        }
        Err(match why {
            Some(why) => format!("{why}; the maps that are shown have{shown}"),
            None => "no map is shown that has keys".to_owned(),
        })
    }
}

/// `key.family, key.address`, with sizes.
fn fields(btf: &Btf, root: &str, id: TypeId) -> String {
    let size = |id| match btf.size_of(id) {
        Ok(1) => "1 byte".to_owned(),
        Ok(size) => format!("{size} bytes"),
        Err(_) => "of no size".to_owned(),
    };
    let Ok(ty) = btf.resolve(id) else {
        return root.to_owned();
    };
    let named: Vec<(&str, TypeId)> = match ty.def() {
        skep::btf::Def::DataSec(section) => section
            .vars()
            .filter_map(|var| Some((btf.type_by_id(var.ty)?.name(), var.ty)))
            .collect(),
        _ => match ty.members() {
            Some(members) => members.iter().map(|m| (m.name, m.ty)).collect(),
            None => Vec::new(),
        },
    };
    let named = named.into_iter().filter(|(name, _)| !name.is_empty());
    let all: Vec<String> = named
        .map(|(name, id)| format!("{root}.{name} ({})", size(id)))
        .collect();
    if all.is_empty() {
        format!("{root} ({})", size(id))
    } else {
        all.join(", ")
    }
}
