//! How a program may access its context.
//!
//! A program sees the context as the C structure of the interface (`struct
//! xdp_md`, `struct __sk_buff`); the host keeps it in a native layout of its
//! own. Each row of a [`ContextTable`] ties a field of the one to a place in the
//! other. Packet pointers are 32 bits wide to the program's load and 64 bits
//! from there on.
//!
//! Answers to: struct bpf_verifier_ops (is_valid_access, convert_ctx_access)
//! and net/core/filter.c.

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// A number.
    Scalar,
    /// Bytes that any aligned access may take, wider than the unit too, such as
    /// the control block of `struct __sk_buff`. They lie alike in both layouts.
    Bytes,
    /// A pointer to the packet's first byte.
    Packet,
    /// A pointer past the packet's last byte.
    PacketEnd,
    /// A pointer to the first byte of the packet's metadata.
    PacketMeta,
}

/// What a program may do to a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read it.
    Read,
    /// Read and write it.
    ReadWrite,
    /// The same, but a number that is the greatest of the native field or more is
    /// not written.
    ReadWriteBelowMax,
}

/// A field of a context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContextField {
    /// Its name in C.
    pub name: &'static str,
    /// Where the program sees it.
    pub offset: u16,
    /// How many bytes the program sees; for an array of numbers, all of them.
    pub size: u16,
    /// The unit of access: a whole load or store has this width.
    pub width: u8,
    /// Whether a load may take a part of the unit.
    pub narrow: bool,
    /// What it holds.
    pub kind: FieldKind,
    /// What may be done to it.
    pub access: Access,
    /// Where it lies in the native layout.
    pub native_offset: u16,
    /// How many bytes a unit takes there: 8 for a packet pointer.
    pub native_width: u8,
}

/// The fields of a program type's context.
#[derive(Clone, Copy, Debug)]
pub struct ContextTable {
    /// The structure's name in C.
    pub name: &'static str,
    /// Bytes of it as the program sees them.
    pub size: u16,
    /// Bytes of the native layout.
    pub native_size: u16,
    /// Its fields, in ascending order of offset.
    pub fields: &'static [ContextField],
}

impl ContextTable {
    /// The field that holds the byte at `offset`.
    pub fn field_at(&self, offset: u64) -> Option<&'static ContextField> {
        let fields = self.fields;
        let next = fields.partition_point(|field| u64::from(field.offset) <= offset);
        let field = &fields[next.checked_sub(1)?];
        (offset < u64::from(field.offset) + u64::from(field.size)).then_some(field)
    }
}
