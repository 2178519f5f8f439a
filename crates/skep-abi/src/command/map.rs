//! The commands on maps and their elements.
//!
//! Answers to: union bpf_attr in include/uapi/linux/bpf.h.

use super::{Attr, AttrBytes, Field, Output, Pointer};
use crate::{Cmd, Fd, MapType, Name, UserIn, UserMem, UserOut};

commands! {
    /// Makes a map. Returns its descriptor.
    MapCreate<'a> = MAP_CREATE {
        /// What the map is.
        map_type: MapType = 0;
        /// Bytes of a key.
        key_size: u32 = 4;
        /// Bytes of a value.
        value_size: u32 = 8;
        /// How many elements it holds at the most.
        max_entries: u32 = 12;
        /// `BPF_F_*` flags of creation ([`crate::flags`]).
        map_flags: u32 = 16;
        /// The template of the inner maps, for maps of maps.
        inner_map_fd: Fd = 20;
        /// The NUMA node, with `BPF_F_NUMA_NODE`.
        numa_node: u32 = 24;
        /// Its name.
        map_name: Name = 28;
        /// The device it is offloaded to.
        map_ifindex: u32 = 44;
        /// The BTF that describes key and value.
        btf_fd: Fd = 48;
        /// The key's type in it.
        btf_key_type_id: u32 = 52;
        /// The value's type in it.
        btf_value_type_id: u32 = 56;
        /// The value's type in the kernel's BTF, for struct_ops.
        btf_vmlinux_value_type_id: u32 = 60;
        /// What the map type takes besides (a bloom filter's hash count).
        map_extra: u64 = 64;
        /// The BTF of `btf_vmlinux_value_type_id`, with `BPF_F_VTYPE_BTF_OBJ_FD`.
        value_type_btf_obj_fd: Fd = 72;
        /// A token, with `BPF_F_TOKEN_FD`.
        map_token_fd: Fd = 76;
        /// The hash of the only program that may use the map.
        excl_prog_hash: UserIn<'a> = 80;
        /// Its length.
        excl_prog_hash_size: u32 = 88;
    }

    /// Copies the value of a key out.
    MapLookupElem<'a> = MAP_LOOKUP_ELEM {
        /// The map.
        map: Fd = 0;
        /// The key: `key_size` bytes.
        key: UserIn<'a> = 8;
        /// The value: `value_size` bytes; for per-CPU maps that, rounded up to 8, a cpu.
        value: UserOut<'a> = 16;
        /// 0 or `BPF_F_LOCK`.
        flags: u64 = 24;
    }

    /// Sets the value of a key.
    MapUpdateElem<'a> = MAP_UPDATE_ELEM {
        /// The map.
        map: Fd = 0;
        /// The key.
        key: UserIn<'a> = 8;
        /// The value.
        value: UserIn<'a> = 16;
        /// `BPF_ANY`, `BPF_NOEXIST` or `BPF_EXIST`, and `BPF_F_LOCK`.
        flags: u64 = 24;
    }

    /// Removes a key.
    MapDeleteElem<'a> = MAP_DELETE_ELEM {
        /// The map.
        map: Fd = 0;
        /// The key.
        key: UserIn<'a> = 8;
    }

    /// Finds the key after a key, or the first.
    MapGetNextKey<'a> = MAP_GET_NEXT_KEY {
        /// The map.
        map: Fd = 0;
        /// The key to go on from; null for the first.
        key: UserIn<'a> = 8;
        /// The key found.
        next_key: UserOut<'a> = 16;
    }

    /// Copies the value of a key out and removes the key.
    MapLookupAndDeleteElem<'a> = MAP_LOOKUP_AND_DELETE_ELEM {
        /// The map.
        map: Fd = 0;
        /// The key; null for queues and stacks.
        key: UserIn<'a> = 8;
        /// The value.
        value: UserOut<'a> = 16;
        /// 0 or `BPF_F_LOCK`.
        flags: u64 = 24;
    }

    /// Forbids user space to write the map from now on.
    MapFreeze = MAP_FREEZE {
        /// The map.
        map: Fd = 0;
    }

    /// Copies a run of elements out.
    MapLookupBatch<'a> = MAP_LOOKUP_BATCH {
        /// Where the last call stopped; null to begin.
        in_batch: UserIn<'a> = 0;
        /// Where this call stopped.
        out_batch: UserOut<'a> = 8;
        /// The keys found.
        keys: UserOut<'a> = 16;
        /// Their values.
        values: UserOut<'a> = 24;
        /// Room for this many; how many there were.
        count: u32 = 32 out;
        /// The map.
        map: Fd = 36;
        /// Flags for every element.
        elem_flags: u64 = 40;
        /// None yet.
        flags: u64 = 48;
    }

    /// Copies a run of elements out and removes them.
    MapLookupAndDeleteBatch<'a> = MAP_LOOKUP_AND_DELETE_BATCH {
        /// Where the last call stopped; null to begin.
        in_batch: UserIn<'a> = 0;
        /// Where this call stopped.
        out_batch: UserOut<'a> = 8;
        /// The keys found.
        keys: UserOut<'a> = 16;
        /// Their values.
        values: UserOut<'a> = 24;
        /// Room for this many; how many there were.
        count: u32 = 32 out;
        /// The map.
        map: Fd = 36;
        /// Flags for every element.
        elem_flags: u64 = 40;
        /// None yet.
        flags: u64 = 48;
    }

    /// Sets the values of many keys.
    MapUpdateBatch<'a> = MAP_UPDATE_BATCH {
        /// The keys.
        keys: UserIn<'a> = 16;
        /// Their values.
        values: UserIn<'a> = 24;
        /// How many; how many were done.
        count: u32 = 32 out;
        /// The map.
        map: Fd = 36;
        /// Flags for every element.
        elem_flags: u64 = 40;
        /// None yet.
        flags: u64 = 48;
    }

    /// Removes many keys.
    MapDeleteBatch<'a> = MAP_DELETE_BATCH {
        /// The keys.
        keys: UserIn<'a> = 16;
        /// How many; how many were done.
        count: u32 = 32 out;
        /// The map.
        map: Fd = 36;
        /// Flags for every element.
        elem_flags: u64 = 40;
        /// None yet.
        flags: u64 = 48;
    }
}
