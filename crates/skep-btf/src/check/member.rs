//! Whether a member fits its struct, by the kind of its type.
//!
//! Answers to: kernel/bpf/btf.c (the check_member and check_kflag_member
//! functions)

use crate::error::{Part, Problem};
use crate::kind::{Kind, POINTER_SIZE};
use crate::types::{Int, Type};

/// A member about to be checked.
pub(super) struct Placed<'a> {
    /// Which member it is.
    pub(super) what: Part,
    /// Its type, modifiers skipped.
    pub(super) ty: Type<'a>,
    /// The size of that type where its record does not give it (arrays).
    pub(super) array_size: u32,
    /// Size of the struct, in bytes.
    pub(super) outer: u32,
    /// Where it starts.
    pub(super) bit_offset: u32,
    /// Bits when a bit-field.
    pub(super) bitfield_size: u32,
    /// Whether the struct's offsets carry bit-field sizes.
    pub(super) flagged: bool,
}

impl Placed<'_> {
    /// Checks that it lies within the struct and is aligned as it must be.
    pub(super) fn check(&self) -> Result<(), Problem> {
        match self.ty.kind() {
            Kind::Int if self.flagged => self.flagged_int(),
            Kind::Enum | Kind::Enum64 if self.flagged => self.flagged_enum(),
            _ if self.bitfield_size != 0 => Err(self.bad_bits(0)),
            Kind::Int => self.int(),
            Kind::Enum | Kind::Enum64 | Kind::Struct | Kind::Union => {
                self.whole(self.ty.word(2), 8)
            }
            Kind::Ptr => self.whole(POINTER_SIZE, 8),
            Kind::Array => self.whole(self.array_size, 8),
            Kind::Float => self.whole(self.ty.word(2), self.ty.word(2).min(POINTER_SIZE) * 8),
            found => Err(Problem::WrongKind {
                what: self.what,
                id: self.ty.id(),
                found,
                expected: "a type that can be a member",
            }),
        }
    }

    fn bad_bits(&self, most: u32) -> Problem {
        Problem::BitField {
            what: self.what,
            bits: self.bitfield_size,
            most,
        }
    }

    /// Ends within the struct; `end` in bits from its start.
    fn within(&self, end: u64) -> Result<(), Problem> {
        if end.div_ceil(8) > u64::from(self.outer) {
            return Err(Problem::PastEnd {
                what: self.what,
                unit: "bit",
                end,
                size: u64::from(self.outer) * 8,
            });
        }
        Ok(())
    }

    fn aligned(&self, multiple: u32) -> Result<(), Problem> {
        if !self.bit_offset.is_multiple_of(multiple.max(1)) {
            return Err(Problem::Alignment {
                what: self.what,
                offset: self.bit_offset,
                multiple,
            });
        }
        Ok(())
    }

    /// Whole bytes, aligned to so many bits.
    fn whole(&self, size: u32, multiple: u32) -> Result<(), Problem> {
        self.aligned(multiple)?;
        self.within(u64::from(self.bit_offset) + u64::from(size) * 8)
    }

    /// An integer that carries its own bit offset and size.
    fn int(&self) -> Result<(), Problem> {
        let int = Int::from_words(self.ty.word(2), self.ty.word(3));
        let Some(start) = self.bit_offset.checked_add(int.bit_offset) else {
            return Err(self.bad_bits(0));
        };
        self.bits(start, int.bits)
    }

    /// So many bits from bit `start`, copied at most 16 bytes at a time.
    fn bits(&self, start: u32, bits: u32) -> Result<(), Problem> {
        if bits + start % 8 > 128 {
            return Err(self.bad_bits(128 - start % 8));
        }
        self.within(u64::from(start) + u64::from(bits))
    }

    fn flagged_int(&self) -> Result<(), Problem> {
        let int = Int::from_words(self.ty.word(2), self.ty.word(3));
        if !int.is_regular() {
            return Err(Problem::IntBits {
                bits: int.bits,
                offset: int.bit_offset,
                size: int.size,
            });
        }
        self.bit_field(int.bits)
    }

    fn flagged_enum(&self) -> Result<(), Problem> {
        match self.bitfield_size {
            0 => self.whole(4, 8),
            _ => self.bit_field(32),
        }
    }

    /// A bit-field of at most `most` bits, or a member of exactly so many.
    fn bit_field(&self, most: u32) -> Result<(), Problem> {
        let bits = match self.bitfield_size {
            0 => {
                self.aligned(8)?;
                most
            }
            bits if bits > most => return Err(self.bad_bits(most)),
            bits => bits,
        };
        self.bits(self.bit_offset, bits)
    }
}
