//! Guest addresses: what a pointer is to a program that nobody has verified.
//!
//! A pointer is a plain number, so that arithmetic on it is plain arithmetic.
//! Its topmost four bits say what kind of memory it means, the next twelve which
//! object of that kind, the rest where in it. Offsets of stack, context and
//! packet are biased to the middle of their window: a pointer moved a little
//! before or past its object is still known to belong to it, and a report can
//! say so. A forged address is no danger, since every access is checked.
//!
//! Answers to: enum bpf_reg_type in include/linux/bpf.h.

/// Bits of the offset in an address.
pub const OFFSET_BITS: u32 = 48;
/// Bits of the object's number in an address.
pub const OBJECT_BITS: u32 = 12;
/// Bytes of a frame's stack.
#[doc(alias = "MAX_BPF_STACK")]
pub const STACK_SIZE: usize = 512;

const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;
const OBJECT_MASK: u64 = (1 << OBJECT_BITS) - 1;
/// Where offset 0 of a biased window lies.
const BIAS: u64 = 1 << (OFFSET_BITS - 1);
/// Numbers this close to zero are taken for a null pointer with an offset.
const NULL_REACH: i64 = 1 << 16;

/// What kind of memory an address means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// Zero, or zero with a small offset.
    Null,
    /// A number that is no pointer.
    Scalar,
    /// The stack of a frame.
    Stack,
    /// The program's context.
    Context,
    /// The packet.
    Packet,
    /// An object of the host: a map's value, as a rule.
    Object,
    /// A map itself, to be handed to helpers.
    Map,
    /// A subprogram, to be handed to helpers.
    Func,
}

/// A guest address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct Address(pub u64);

impl Address {
    /// The null pointer.
    pub const NULL: Address = Address(0);

    const fn compose(class: u64, object: u64, offset: u64) -> Address {
        Address(
            class << (OFFSET_BITS + OBJECT_BITS)
                | (object & OBJECT_MASK) << OFFSET_BITS
                | (offset & OFFSET_MASK),
        )
    }

    /// In a frame's stack, counted from its lowest byte.
    pub const fn stack(frame: usize, offset: i64) -> Address {
        Address::compose(1, frame as u64, BIAS.wrapping_add(offset as u64))
    }

    /// In the context.
    pub const fn context(offset: i64) -> Address {
        Address::compose(2, 0, BIAS.wrapping_add(offset as u64))
    }

    /// In the packet's buffer, counted from the buffer's first byte. The
    /// generation tells pointers from before the packet moved from those after.
    pub const fn packet(generation: u16, offset: i64) -> Address {
        Address::compose(3, generation as u64, BIAS.wrapping_add(offset as u64))
    }

    /// In an object of the host: a handle of [`OBJECT_BITS`] and an offset of
    /// [`OFFSET_BITS`], whose meaning is the host's own.
    pub const fn object(handle: u16, offset: u64) -> Address {
        Address::compose(4, handle as u64, offset)
    }

    /// A map, by the host's handle.
    pub const fn map(handle: u32) -> Address {
        Address::compose(5, 0, BIAS + handle as u64)
    }

    /// A subprogram, by its first instruction.
    pub const fn func(insn: u32) -> Address {
        Address::compose(6, 0, BIAS + insn as u64)
    }

    /// What kind of memory it means.
    pub const fn class(self) -> Class {
        match self.0 >> (OFFSET_BITS + OBJECT_BITS) {
            1 => Class::Stack,
            2 => Class::Context,
            3 => Class::Packet,
            4 => Class::Object,
            5 => Class::Map,
            6 => Class::Func,
            _ => {
                let number = self.0 as i64;
                if -NULL_REACH < number && number < NULL_REACH {
                    Class::Null
                } else {
                    Class::Scalar
                }
            }
        }
    }

    /// Which object of its kind: a frame, a generation, a handle.
    pub const fn object_number(self) -> u16 {
        (self.0 >> OFFSET_BITS & OBJECT_MASK) as u16
    }

    /// The offset as the host of an object encoded it.
    pub const fn raw_offset(self) -> u64 {
        self.0 & OFFSET_MASK
    }

    /// The offset from the start of the object, where the window is biased.
    pub const fn offset(self) -> i64 {
        (self.0 & OFFSET_MASK) as i64 - BIAS as i64
    }
}
