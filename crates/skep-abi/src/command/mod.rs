//! The commands of bpf(2) as typed structures, and their `bpf_attr` layout.
//!
//! One table row a field: its name, type and offset in `union bpf_attr`. Raw
//! bytes are decoded from it and encoded by it, so the C-shaped and the Rust
//! caller meet the same command. Fields marked `out` are written back: whoever
//! carries a command out sets such a field exactly when Linux writes it, whether
//! the command succeeds or not. The marks `out_if_given` and `out_if_set` narrow
//! that ([`Written`]).
//!
//! Every structure is `Default`: zero, null and no descriptor, which is what
//! Linux takes an absent field for.
//!
//! Answers to: union bpf_attr in include/uapi/linux/bpf.h.

use crate::{AttachType, Cmd, Fd, MapType, Name, ProgType, UserIn, UserMem, UserOut};

#[macro_use]
mod table;
mod map;
mod object;
mod prog;
#[cfg(test)]
mod tests;

pub use map::*;
pub use object::*;
pub use prog::*;

/// `sizeof(union bpf_attr)` of Linux 6.18.
pub const ATTR_SIZE: usize = 168;

/// The bytes of a whole `union bpf_attr`.
pub type AttrBytes = [u8; ATTR_SIZE];

/// A field's representation in the attribute.
pub(crate) trait Field<'a>: Sized {
    const SIZE: usize;
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self;
    fn put(&mut self, bytes: &mut [u8]);
    /// This field as a pointer to the caller's memory, if it is one.
    #[inline]
    fn pointer(&mut self) -> Option<Pointer<'_, 'a>> {
        None
    }
}

/// A field that names memory of the caller.
pub enum Pointer<'p, 'a> {
    /// Memory the command reads.
    In(&'p UserIn<'a>),
    /// Memory the command writes.
    Out(&'p mut UserOut<'a>),
}

macro_rules! number_field {
    ($($type:ty),*) => {$(
        impl<'a> Field<'a> for $type {
            const SIZE: usize = size_of::<$type>();
            #[inline]
            fn get(bytes: &[u8], _: &'a dyn UserMem) -> Self {
                let mut raw = [0; size_of::<$type>()];
                raw.copy_from_slice(bytes);
                <$type>::from_ne_bytes(raw)
            }
            #[inline]
            fn put(&mut self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_ne_bytes());
            }
        }
    )*};
}
number_field!(u32, i32, u64);

macro_rules! newtype_field {
    ($($type:ident($inner:ty)),*) => {$(
        impl<'a> Field<'a> for $type {
            const SIZE: usize = size_of::<$inner>();
            #[inline]
            fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
                $type(<$inner>::get(bytes, mem))
            }
            #[inline]
            fn put(&mut self, bytes: &mut [u8]) {
                self.0.put(bytes);
            }
        }
    )*};
}
newtype_field!(MapType(u32), ProgType(u32), AttachType(u32), Fd(i32));

impl<'a, const N: usize> Field<'a> for [u8; N] {
    const SIZE: usize = N;
    #[inline]
    fn get(bytes: &[u8], _: &'a dyn UserMem) -> Self {
        let mut raw = [0; N];
        raw.copy_from_slice(bytes);
        raw
    }
    #[inline]
    fn put(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self);
    }
}

impl<'a> Field<'a> for Name {
    const SIZE: usize = Name::LEN;
    #[inline]
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
        Name::from_bytes(<[u8; Name::LEN]>::get(bytes, mem))
    }
    #[inline]
    fn put(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self.as_bytes());
    }
}

impl<'a> Field<'a> for UserIn<'a> {
    const SIZE: usize = 8;
    #[inline]
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
        UserIn::remote(u64::get(bytes, mem), mem)
    }
    #[inline]
    fn put(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.addr().to_ne_bytes());
    }
    fn pointer(&mut self) -> Option<Pointer<'_, 'a>> {
        Some(Pointer::In(self))
    }
}

impl<'a> Field<'a> for UserOut<'a> {
    const SIZE: usize = 8;
    #[inline]
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
        UserOut::remote(u64::get(bytes, mem), mem)
    }
    #[inline]
    fn put(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.addr().to_ne_bytes());
    }
    fn pointer(&mut self) -> Option<Pointer<'_, 'a>> {
        Some(Pointer::Out(self))
    }
}

/// What a kind of hook takes besides, as it stands in the attribute.
#[derive(Clone, Copy, Debug)]
pub struct LinkDetails(pub [u8; LinkDetails::LEN]);

impl LinkDetails {
    /// Bytes of the longest of them (`uprobe_multi`).
    pub const LEN: usize = 44;
}

impl Default for LinkDetails {
    fn default() -> Self {
        LinkDetails([0; LinkDetails::LEN])
    }
}

impl<'a> Field<'a> for LinkDetails {
    const SIZE: usize = LinkDetails::LEN;
    #[inline]
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
        LinkDetails(Field::get(bytes, mem))
    }
    #[inline]
    fn put(&mut self, bytes: &mut [u8]) {
        self.0.put(bytes);
    }
}

/// A field of the attribute that a command writes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Output {
    /// Where it is.
    pub offset: usize,
    /// Its length in bytes.
    pub len: usize,
    /// When it is written.
    pub when: Written,
}

/// When an output is written to the caller's attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// After a success and whenever the command set it, even past the end of a
    /// short attribute.
    Always,
    /// The same, but only to an attribute that holds it.
    IfGiven,
    /// Only when the command set it.
    IfSet,
}

/// A typed command and its place in the attribute.
pub trait Attr<'a>: Sized {
    /// Its number.
    const CMD: Cmd;
    /// Where its last field ends: a byte past it that is not zero is EINVAL.
    const END: usize;
    /// The fields it writes back.
    const OUTPUTS: &'static [Output];

    /// The command in `attr`; pointers point into `mem`.
    fn decode(attr: &AttrBytes, mem: &'a dyn UserMem) -> Self;
    /// Writes every field to `attr`.
    fn encode(&mut self, attr: &mut AttrBytes);
    /// Takes the fields that the command wrote back from `attr`.
    fn absorb(&mut self, attr: &AttrBytes);
    /// Shows `visit` every field that names memory of the caller, and its offset.
    fn pointers(&mut self, visit: &mut dyn FnMut(usize, Pointer<'_, 'a>));
}
