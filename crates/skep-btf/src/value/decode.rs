//! From type and bytes to a [`Value`].
//!
//! Invariants: no byte outside the input is read; nesting is bounded by
//! [`MAX_DEPTH`]; work and memory are bounded by a budget that grows with the
//! input, so that types which say "four billion empty structs" or unions that
//! double at every level end in [`Value::Omitted`].
//!
//! Answers to: kernel/bpf/btf.c (the show functions)

use super::{Field, Format, Formats, Value};
use crate::Btf;
use crate::error::BtfError;
use crate::kind::TypeId;
use crate::types::{Array, Composite, DataSec, Def, Enum, Int, Type};

/// How deep values may lie in one another.
const MAX_DEPTH: u32 = 64;
/// Values that may always be made, and how many more for each byte.
const BUDGET: (usize, usize) = (1 << 16, 4);
/// Enumerators that cost as much as making a value.
const ENUMERATORS_A_VALUE: usize = 16;
/// Bytes of text that do: members of a union may all be long texts of the same bytes.
const BYTES_A_VALUE: usize = 16;

/// Decodes bytes by their type.
#[derive(Clone, Copy, Debug)]
pub struct Decoder<'a, 'f> {
    btf: &'a Btf,
    formats: Option<(&'f Formats, &'f str)>,
}

impl<'a> Decoder<'a, 'static> {
    /// Decodes by the types of this BTF.
    pub fn new(btf: &'a Btf) -> Decoder<'a, 'static> {
        Decoder { btf, formats: None }
    }
}

impl<'a, 'f> Decoder<'a, 'f> {
    /// Writes fields as `formats` says, the path of the whole being `root`.
    pub fn with_formats<'g>(&self, formats: &'g Formats, root: &'g str) -> Decoder<'a, 'g> {
        Decoder {
            btf: self.btf,
            formats: Some((formats, root)),
        }
    }

    /// Decodes a value. Bytes past its end are left alone; where bytes are
    /// missing the value says so. An error is the fault of the types.
    pub fn decode(&self, id: TypeId, bytes: &[u8]) -> Result<Value<'a>, BtfError> {
        let (base, each) = BUDGET;
        let formats = self.formats.filter(|(formats, _)| !formats.is_empty());
        let mut walk = Walk {
            btf: self.btf,
            bytes,
            formats: formats.map(|(formats, _)| formats),
            path: formats.map_or("", |(_, root)| root).to_owned(),
            left: base.saturating_add(bytes.len().saturating_mul(each)),
        };
        walk.value(id, Place::whole(0), 0, None)
    }
}

/// Where a value lies.
#[derive(Clone, Copy)]
struct Place {
    /// Bits from the start of the bytes.
    bit: u64,
    /// Its bits if it is a bit-field.
    bits: Option<u32>,
}

impl Place {
    fn whole(bit: u64) -> Place {
        Place { bit, bits: None }
    }
}

/// One decoding under way.
struct Walk<'a, 'd> {
    btf: &'a Btf,
    bytes: &'d [u8],
    formats: Option<&'d Formats>,
    path: String,
    left: usize,
}

impl<'a, 'd> Walk<'a, 'd> {
    /// Takes from the budget; false when it is used up.
    fn pay(&mut self, cost: usize) -> bool {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }

    /// The same for text of so many bytes, or of as many as there are.
    fn pay_for(&mut self, bytes: usize) -> bool {
        self.pay(bytes.min(self.bytes.len()) / BYTES_A_VALUE)
    }

    /// The bytes of a value that starts at a bit: all, or how many there are.
    fn bytes_at(&self, bit: u64, size: usize) -> Result<&'d [u8], usize> {
        let start = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        let tail = self.bytes.get(start..).unwrap_or(&[]);
        tail.get(..size).ok_or(tail.len())
    }

    /// Up to 128 bits from a bit on, lowest first.
    fn bits_at(&self, bit: u64, bits: u32) -> Result<u128, Value<'a>> {
        let shift = (bit % 8) as u32;
        let need = (shift + bits).div_ceil(8) as usize;
        let bytes = match self.bytes_at(bit, need) {
            Ok(bytes) => bytes,
            Err(have) => return Err(Value::Missing { need, have }),
        };
        let mut value = 0u128;
        for (index, &byte) in bytes.iter().enumerate() {
            let byte = u128::from(byte);
            let at = index as u32 * 8;
            value |= match at.checked_sub(shift) {
                Some(up) => byte.checked_shl(up).unwrap_or(0),
                None => byte >> (shift - at),
            };
        }
        let unused = 128u32.saturating_sub(bits);
        Ok(value
            .checked_shl(unused)
            .and_then(|value| value.checked_shr(unused))
            .unwrap_or(0))
    }

    fn value(
        &mut self,
        id: TypeId,
        place: Place,
        depth: u32,
        inherited: Option<Format>,
    ) -> Result<Value<'a>, BtfError> {
        if depth > MAX_DEPTH || !self.pay(1) {
            return Ok(Value::Omitted);
        }
        let ty = self.btf.resolve(id)?;
        let format = self.formats.and_then(|formats| formats.get(&self.path));
        let format = format.or(inherited);
        if let Some(format) = format {
            if !self.pay_for(self.btf.size_of(ty.id())? as usize) {
                return Ok(Value::Omitted);
            }
            if let Some(text) = self.formatted(ty, place, format)? {
                return Ok(Value::Formatted(text));
            }
        }
        match ty.def() {
            Def::Int(int) => Ok(self.int(ty, int, place)),
            Def::Enum(values) => Ok(self.enumeration(values, place)),
            Def::Ptr(_) => Ok(match self.bits_at(place.bit, 64) {
                Ok(bits) => Value::Pointer(bits as u64),
                Err(missing) => missing,
            }),
            Def::Float(size) => Ok(self.float(size, place)),
            Def::Array(array) => self.array(ty, array, place, depth, format),
            Def::Struct(members) | Def::Union(members) => {
                let mut fields = Vec::new();
                self.members(members, place, depth, &mut fields)?;
                Ok(match members.is_union() {
                    true => Value::Union(fields),
                    false => Value::Struct(fields),
                })
            }
            Def::DataSec(section) => self.datasec(section, place, depth),
            Def::Var { ty, .. } => self.value(ty, place, depth + 1, format),
            _ => Err(BtfError::NoSize {
                id,
                kind: ty.kind(),
            }),
        }
    }

    /// The value as a format writes it, if it is one for the format.
    fn formatted(
        &self,
        ty: Type<'a>,
        place: Place,
        format: Format,
    ) -> Result<Option<String>, BtfError> {
        if let Some(bits) = place.bits.filter(|&bits| bits <= 128) {
            let value = self.bits_at(place.bit, bits);
            let hex = format == Format::Hex;
            return Ok(value.ok().filter(|_| hex).map(|bits| format!("{bits:#x}")));
        }
        let size = self.btf.size_of(ty.id())? as usize;
        let bytes = self.bytes_at(place.bit, size);
        Ok(bytes.ok().and_then(|bytes| format.render(ty, bytes)))
    }

    fn int(&mut self, ty: Type<'a>, int: Int, place: Place) -> Value<'a> {
        let bits = place.bits.unwrap_or(int.bits);
        let start = match place.bits {
            Some(_) => place.bit,
            None => place.bit.saturating_add(u64::from(int.bit_offset)),
        };
        if bits > 128 {
            return self.raw_bytes(int.size as usize, place);
        }
        let value = match self.bits_at(start, bits) {
            Ok(value) => value,
            Err(missing) => return missing,
        };
        if (int.is_bool || ty.name() == "_Bool") && value <= 1 {
            return Value::Bool(value == 1);
        }
        if is_char(ty, int) && place.bits.is_none() {
            return Value::Char((value & 0xff) as u8);
        }
        number(value, bits, int.signed)
    }

    fn enumeration(&mut self, values: Enum<'a>, place: Place) -> Value<'a> {
        let bits = place.bits.unwrap_or(values.size().saturating_mul(8));
        if bits > 64 {
            return self.raw_bytes(values.size() as usize, place);
        }
        let value = match self.bits_at(place.bit, bits) {
            Ok(value) => number(value, bits, values.signed()),
            Err(missing) => return missing,
        };
        let cost = usize::from(values.ty().vlen()) / ENUMERATORS_A_VALUE;
        let known = value.as_integer().filter(|_| self.pay(cost));
        match known.and_then(|value| Some((values.name_of(value)?, value))) {
            Some((name, value)) => Value::Enum { name, value },
            None => value,
        }
    }

    fn float(&mut self, size: u32, place: Place) -> Value<'a> {
        let bits = match size {
            4 | 8 => self.bits_at(place.bit, size * 8),
            _ => return self.raw_bytes(size as usize, place),
        };
        match (bits, size) {
            (Ok(bits), 4) => Value::Float(f64::from(f32::from_bits(bits as u32))),
            (Ok(bits), _) => Value::Float(f64::from_bits(bits as u64)),
            (Err(missing), _) => missing,
        }
    }

    fn raw_bytes(&mut self, size: usize, place: Place) -> Value<'a> {
        if !self.pay_for(size) {
            return Value::Omitted;
        }
        match self.bytes_at(place.bit, size) {
            Ok(bytes) => Value::Bytes(bytes.to_vec()),
            Err(have) => Value::Missing { need: size, have },
        }
    }

    fn array(
        &mut self,
        ty: Type<'a>,
        array: Array,
        place: Place,
        depth: u32,
        format: Option<Format>,
    ) -> Result<Value<'a>, BtfError> {
        let element = self.btf.resolve(array.element)?;
        let size = self.btf.size_of(element.id())?;
        if let Def::Int(int) = element.def()
            && is_char(element, int)
            && let Ok(bytes) = self.bytes_at(place.bit, array.nelems as usize)
        {
            if !self.pay_for(bytes.len()) {
                return Ok(Value::Omitted);
            }
            if let Some(text) = text_of(bytes) {
                return Ok(Value::Text(text));
            }
        }
        let mut values = Vec::new();
        for index in 0..array.nelems {
            let offset = u64::from(index) * u64::from(size);
            let bit = place.bit.saturating_add(offset.saturating_mul(8));
            if size > 0 && self.bytes_at(bit, 1).is_err() {
                let need = self.btf.size_of(ty.id())? as usize;
                let have = self
                    .bytes_at(place.bit, need)
                    .map_or_else(|n| n, <[u8]>::len);
                values.push(Value::Missing { need, have });
                break;
            }
            let value = self.value(array.element, Place::whole(bit), depth + 1, format)?;
            let stop = value == Value::Omitted;
            values.push(value);
            if stop {
                break;
            }
        }
        Ok(Value::Array(values))
    }

    /// Adds the fields of a struct or union, those of anonymous members as if
    /// they were its own.
    fn members(
        &mut self,
        members: Composite<'a>,
        place: Place,
        depth: u32,
        fields: &mut Vec<Field<'a>>,
    ) -> Result<(), BtfError> {
        for member in members.iter() {
            let place = Place {
                bit: place.bit.saturating_add(u64::from(member.bit_offset)),
                bits: (member.bitfield_size != 0).then_some(member.bitfield_size),
            };
            if member.name.is_empty() {
                if !self.pay(1) {
                    break;
                }
                // Unnamed bit-fields are padding.
                if place.bits.is_none()
                    && let Some(inner) = self.btf.resolve(member.ty)?.members()
                    && depth < MAX_DEPTH
                {
                    self.members(inner, place, depth + 1, fields)?;
                }
                continue;
            }
            let value = self.named(member.name, member.ty, place, depth)?;
            let stop = value == Value::Omitted;
            fields.push(Field {
                name: member.name,
                value,
            });
            if stop {
                break;
            }
        }
        Ok(())
    }

    fn datasec(
        &mut self,
        section: DataSec<'a>,
        place: Place,
        depth: u32,
    ) -> Result<Value<'a>, BtfError> {
        let mut fields = Vec::new();
        for var in section.vars() {
            let name = self.btf.expect_type(var.ty)?.name();
            let bit = place.bit.saturating_add(u64::from(var.offset) * 8);
            let value = self.named(name, var.ty, Place::whole(bit), depth)?;
            let stop = value == Value::Omitted;
            fields.push(Field { name, value });
            if stop {
                break;
            }
        }
        Ok(Value::Struct(fields))
    }

    /// A value whose path is one name longer.
    fn named(
        &mut self,
        name: &str,
        id: TypeId,
        place: Place,
        depth: u32,
    ) -> Result<Value<'a>, BtfError> {
        if self.formats.is_none() {
            return self.value(id, place, depth + 1, None);
        }
        let len = self.path.len();
        self.path.push('.');
        self.path.push_str(name);
        let value = self.value(id, place, depth + 1, None);
        self.path.truncate(len);
        value
    }
}

/// Whether an integer is C's `char`; compilers give it no encoding of its own.
fn is_char(ty: Type<'_>, int: Int) -> bool {
    int.size == 1 && int.bits == 8 && (int.is_char || ty.name() == "char")
}

/// So many bits as a number.
fn number<'a>(value: u128, bits: u32, signed: bool) -> Value<'a> {
    if !signed {
        return Value::Unsigned(value);
    }
    let unused = 128u32.saturating_sub(bits);
    let top = value.checked_shl(unused).unwrap_or(0).cast_signed();
    Value::Signed(top.checked_shr(unused).unwrap_or(0))
}

/// Characters as text: printable ones, then nothing but NUL.
fn text_of(bytes: &[u8]) -> Option<String> {
    let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let (text, rest) = bytes.split_at(len);
    let text = std::str::from_utf8(text).ok()?;
    let readable = |c: char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
    (rest.iter().all(|&b| b == 0) && text.chars().all(readable)).then(|| text.to_owned())
}
