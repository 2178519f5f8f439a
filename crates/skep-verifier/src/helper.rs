//! Helper prototypes: what a helper takes, what it returns.
//!
//! A prototype is enough to check a call's arguments and to turn them into what
//! the helper's function wants: bytes, maps, numbers.
//!
//! Answers to: struct bpf_func_proto and enum bpf_arg_type in include/linux/bpf.h.

/// What a helper takes in one argument register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arg {
    /// Nothing: the helper does not look at it.
    #[doc(alias = "ARG_DONTCARE")]
    None,
    /// Any number or pointer.
    #[doc(alias = "ARG_ANYTHING")]
    Anything,
    /// The same or nothing at all, and of a pointer the helper may read what it
    /// points to: something to print. What cannot be read is no error.
    Text,
    /// The program's context.
    #[doc(alias = "ARG_PTR_TO_CTX")]
    Context,
    /// A map.
    #[doc(alias = "ARG_CONST_MAP_PTR")]
    Map,
    /// Memory holding a key of the map before it.
    #[doc(alias = "ARG_PTR_TO_MAP_KEY")]
    MapKey,
    /// Memory holding a value of the map before it.
    #[doc(alias = "ARG_PTR_TO_MAP_VALUE")]
    MapValue,
    /// Memory to write a value of the map before it to.
    #[doc(alias = "ARG_PTR_TO_UNINIT_MAP_VALUE")]
    MapValueOut,
    /// Memory to read; the next argument is its size.
    #[doc(alias = "ARG_PTR_TO_MEM")]
    Mem,
    /// The same, or null with size 0.
    #[doc(alias = "ARG_PTR_TO_MEM_OR_NULL")]
    MemOrNull,
    /// Memory to write; the next argument is its size.
    #[doc(alias = "ARG_PTR_TO_UNINIT_MEM")]
    MemOut,
    /// The same, of words of 8 bytes, each as [`Arg::Text`]: what a format prints.
    Texts,
    /// The size of the memory before it, not 0.
    #[doc(alias = "ARG_CONST_SIZE")]
    Size,
    /// The size of the memory before it, 0 allowed.
    #[doc(alias = "ARG_CONST_SIZE_OR_ZERO")]
    SizeOrZero,
    /// A subprogram to call back.
    #[doc(alias = "ARG_PTR_TO_FUNC")]
    Func,
}

/// What a helper returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ret {
    /// A number.
    #[doc(alias = "RET_INTEGER")]
    Integer,
    /// Nothing; the register is not to be read.
    #[doc(alias = "RET_VOID")]
    Void,
    /// A value of the map argument, or null.
    #[doc(alias = "RET_PTR_TO_MAP_VALUE_OR_NULL")]
    MapValueOrNull,
}

/// A helper as a program sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HelperProto {
    /// Its number: the immediate of the call.
    pub id: u32,
    /// Its name, `bpf_` included.
    pub name: &'static str,
    /// Whether only a program with a GPL-compatible license may call it.
    pub gpl_only: bool,
    /// Whether pointers into the packet are void after the call.
    pub changes_packet: bool,
    /// What it returns.
    pub ret: Ret,
    /// What it takes.
    pub args: [Arg; 5],
}
