//! Rust types that are their bytes, as keys and values of maps.
//!
//! A type says how many bytes it has and turns into and from exactly so many,
//! in the byte order of the machine, with C's padding as zeros. Integers,
//! arrays and, by [`crate::pod_struct!`], structs of them have it; no `unsafe`
//! is involved, and the compiler makes plain copies of it.

/// Bytes of a size that is known when compiling.
pub trait ByteArray: Copy + Send + Sync + 'static {
    /// All zero.
    const ZERO: Self;
    /// The bytes.
    fn bytes(&self) -> &[u8];
    /// The bytes, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];
}

impl<const N: usize> ByteArray for [u8; N] {
    const ZERO: Self = [0; N];
    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }
    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl<const M: usize, const N: usize> ByteArray for [[u8; M]; N] {
    const ZERO: Self = [[0; M]; N];
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.as_flattened()
    }
    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.as_flattened_mut()
    }
}

/// A type whose values are plain bytes, any of which make a value.
pub trait Pod: Copy + Send + Sync + 'static {
    /// How many bytes a value has.
    const SIZE: usize;
    /// That many bytes.
    type Bytes: ByteArray;
    /// The bytes of this value.
    fn to_bytes(&self) -> Self::Bytes;
    /// The value of these bytes.
    fn from_bytes(bytes: &Self::Bytes) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Pod for $type {
            const SIZE: usize = size_of::<$type>();
            type Bytes = [u8; size_of::<$type>()];
            #[inline]
            fn to_bytes(&self) -> Self::Bytes {
                self.to_ne_bytes()
            }
            #[inline]
            fn from_bytes(bytes: &Self::Bytes) -> Self {
                <$type>::from_ne_bytes(*bytes)
            }
        }
    )*};
}
integers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);

impl<T: Pod<Bytes = [u8; M]>, const M: usize, const N: usize> Pod for [T; N] {
    const SIZE: usize = M * N;
    type Bytes = [[u8; M]; N];
    #[inline]
    fn to_bytes(&self) -> Self::Bytes {
        self.each_ref().map(T::to_bytes)
    }
    #[inline]
    fn from_bytes(bytes: &Self::Bytes) -> Self {
        bytes.each_ref().map(T::from_bytes)
    }
}

/// Defines structs that are laid out as in C and can be keys and values of maps.
///
/// ```
/// skep_loader::pod_struct! {
///     /// As `struct flow { __be32 to; __u16 port; };` in C, two bytes of padding.
///     #[derive(PartialEq, Eq, Debug)]
///     pub struct Flow {
///         pub to: u32,
///         pub port: u16,
///     }
/// }
/// use skep_loader::Pod;
///
/// let flow = Flow { to: 7, port: 80 };
/// assert_eq!(Flow::SIZE, 8);
/// assert_eq!(Flow::from_bytes(&flow.to_bytes()), flow);
/// ```
#[macro_export]
macro_rules! pod_struct {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        $vis struct $name {
            $( $(#[$field_meta])* $field_vis $field: $type, )*
        }

        impl $crate::typed::Pod for $name {
            const SIZE: usize = ::core::mem::size_of::<$name>();
            type Bytes = [u8; ::core::mem::size_of::<$name>()];
            #[inline]
            fn to_bytes(&self) -> Self::Bytes {
                let mut bytes = [0; ::core::mem::size_of::<$name>()];
                $({
                    // Where Rust, laying the struct out as C does, puts the field.
                    const AT: usize = ::core::mem::offset_of!($name, $field);
                    const SIZE: usize = <$type as $crate::typed::Pod>::SIZE;
                    const { assert!(SIZE == ::core::mem::size_of::<$type>()) };
                    let field = <$type as $crate::typed::Pod>::to_bytes(&self.$field);
                    bytes[AT..AT + SIZE]
                        .copy_from_slice($crate::typed::ByteArray::bytes(&field));
                })*
                bytes
            }
            #[inline]
            fn from_bytes(bytes: &Self::Bytes) -> Self {
                $name {
                    $($field: {
                        const AT: usize = ::core::mem::offset_of!($name, $field);
                        const SIZE: usize = <$type as $crate::typed::Pod>::SIZE;
                        let mut field =
                            <<$type as $crate::typed::Pod>::Bytes as $crate::typed::ByteArray>::ZERO;
                        $crate::typed::ByteArray::bytes_mut(&mut field)
                            .copy_from_slice(&bytes[AT..AT + SIZE]);
                        <$type as $crate::typed::Pod>::from_bytes(&field)
                    },)*
                }
            }
        }
    )*};
}
