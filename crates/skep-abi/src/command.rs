//! The commands of bpf(2) as typed structures, and their `bpf_attr` layout.
//!
//! One table row a field: its name, type and offset in `union bpf_attr`. Raw
//! bytes are decoded from it and encoded by it, so the C-shaped and the Rust
//! caller meet the same command. Fields marked `out` are written back by the
//! command, on success and (where Linux does so) with an error.
//!
//! Every structure is `Default`: zero, null and no descriptor, which is what
//! Linux takes an absent field for.
//!
//! Answers to: union bpf_attr in include/uapi/linux/bpf.h.

use crate::{AttachType, Cmd, Fd, MapType, Name, ProgType, UserIn, UserMem, UserOut};

/// `sizeof(union bpf_attr)` of Linux 6.18.
pub const ATTR_SIZE: usize = 168;

/// The bytes of a whole `union bpf_attr`.
pub type AttrBytes = [u8; ATTR_SIZE];

/// A field's representation in the attribute.
pub(crate) trait Field<'a>: Sized {
    const SIZE: usize;
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self;
    fn put(&mut self, bytes: &mut [u8]);
}

macro_rules! number_field {
    ($($type:ty),*) => {$(
        impl<'a> Field<'a> for $type {
            const SIZE: usize = size_of::<$type>();
            fn get(bytes: &[u8], _: &'a dyn UserMem) -> Self {
                let mut raw = [0; size_of::<$type>()];
                raw.copy_from_slice(bytes);
                <$type>::from_ne_bytes(raw)
            }
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
            fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
                $type(<$inner>::get(bytes, mem))
            }
            fn put(&mut self, bytes: &mut [u8]) {
                self.0.put(bytes);
            }
        }
    )*};
}
newtype_field!(MapType(u32), ProgType(u32), AttachType(u32), Fd(i32));

impl<'a, const N: usize> Field<'a> for [u8; N] {
    const SIZE: usize = N;
    fn get(bytes: &[u8], _: &'a dyn UserMem) -> Self {
        let mut raw = [0; N];
        raw.copy_from_slice(bytes);
        raw
    }
    fn put(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self);
    }
}

impl<'a> Field<'a> for Name {
    const SIZE: usize = Name::LEN;
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
        Name::from_bytes(<[u8; Name::LEN]>::get(bytes, mem))
    }
    fn put(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self.as_bytes());
    }
}

impl<'a> Field<'a> for UserIn<'a> {
    const SIZE: usize = 8;
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
        UserIn::remote(u64::get(bytes, mem), mem)
    }
    fn put(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.addr().to_ne_bytes());
    }
}

impl<'a> Field<'a> for UserOut<'a> {
    const SIZE: usize = 8;
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
        UserOut::remote(u64::get(bytes, mem), mem)
    }
    fn put(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.addr().to_ne_bytes());
    }
}

/// What a kind of hook takes besides, as it stands in the attribute.
#[derive(Clone, Copy, Debug)]
pub struct LinkDetails(pub [u8; 48]);

impl Default for LinkDetails {
    fn default() -> Self {
        LinkDetails([0; 48])
    }
}

impl<'a> Field<'a> for LinkDetails {
    const SIZE: usize = 48;
    fn get(bytes: &[u8], mem: &'a dyn UserMem) -> Self {
        LinkDetails(Field::get(bytes, mem))
    }
    fn put(&mut self, bytes: &mut [u8]) {
        self.0.put(bytes);
    }
}

/// A typed command and its place in the attribute.
pub trait Attr<'a>: Sized {
    /// Its number.
    const CMD: Cmd;
    /// Where its last field ends: a byte past it that is not zero is EINVAL.
    const END: usize;
    /// The fields it writes back: offset and length.
    const OUTPUTS: &'static [(usize, usize)];

    /// The command in `attr`; pointers point into `mem`.
    fn decode(attr: &AttrBytes, mem: &'a dyn UserMem) -> Self;
    /// Writes every field to `attr`.
    fn encode(&mut self, attr: &mut AttrBytes);
    /// Takes the fields that the command wrote back from `attr`.
    fn absorb(&mut self, attr: &AttrBytes);
}

macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        $type:ident $(<$life:lifetime>)? = $cmd:ident {
            $( $(#[$fdoc:meta])* $field:ident : $ftype:ty = $offset:literal $($out:ident)?; )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default)]
            pub struct $type $(<$life>)? {
                $( $(#[$fdoc])* pub $field: $ftype, )*
            }

            impl<'a> Attr<'a> for commands!(@type $type $($life)?) {
                const CMD: Cmd = Cmd::$cmd;
                const END: usize = {
                    let mut end = 0;
                    $(
                        let field_end = $offset + <$ftype as Field<'_>>::SIZE;
                        if field_end > end { end = field_end; }
                    )*
                    end
                };
                const OUTPUTS: &'static [(usize, usize)] = &[
                    $( $( commands!(@out $out $offset, $ftype), )? )*
                ];

                fn decode(attr: &AttrBytes, mem: &'a dyn UserMem) -> Self {
                    $type { $(
                        $field: Field::get(
                            &attr[$offset..$offset + <$ftype as Field<'_>>::SIZE], mem,
                        ),
                    )* }
                }

                fn encode(&mut self, attr: &mut AttrBytes) {
                    $( self.$field.put(
                        &mut attr[$offset..$offset + <$ftype as Field<'_>>::SIZE],
                    ); )*
                }

                #[allow(unused_variables)]
                fn absorb(&mut self, attr: &AttrBytes) {
                    $( $( commands!(@absorb $out self, attr, $field, $ftype, $offset); )? )*
                }
            }
        )*
    };
    (@type $type:ident $life:lifetime) => { $type<'a> };
    (@type $type:ident) => { $type };
    (@out out $offset:literal, $ftype:ty) => { ($offset, size_of::<$ftype>()) };
    (@absorb out $self:ident, $attr:ident, $field:ident, $ftype:ty, $offset:literal) => {
        $self.$field = Field::get(&$attr[$offset..$offset + size_of::<$ftype>()], &crate::NoMem);
    };
}

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

    /// Verifies and loads a program. Returns its descriptor.
    ProgLoad<'a> = PROG_LOAD {
        /// What the program is.
        prog_type: ProgType = 0;
        /// How many instructions.
        insn_cnt: u32 = 4;
        /// The instructions, 8 bytes each.
        insns: UserIn<'a> = 8;
        /// Its license: a string with its NUL.
        license: UserIn<'a> = 16;
        /// How much the verifier writes to the log; 0 for no log.
        log_level: u32 = 24;
        /// Room in the log.
        log_size: u32 = 28;
        /// The log.
        log_buf: UserOut<'a> = 32;
        /// The kernel version it is made for; not looked at any more.
        kern_version: u32 = 40;
        /// `BPF_F_*` flags of loading ([`crate::flags`]).
        prog_flags: u32 = 44;
        /// Its name.
        prog_name: Name = 48;
        /// The device it is offloaded to or bound to.
        prog_ifindex: u32 = 64;
        /// Where it will be attached, for types that ask.
        expected_attach_type: AttachType = 68;
        /// The BTF of `func_info` and `line_info`.
        prog_btf_fd: Fd = 72;
        /// Bytes of a `func_info` record.
        func_info_rec_size: u32 = 76;
        /// The functions' types.
        func_info: UserIn<'a> = 80;
        /// How many.
        func_info_cnt: u32 = 88;
        /// Bytes of a `line_info` record.
        line_info_rec_size: u32 = 92;
        /// The instructions' source lines.
        line_info: UserIn<'a> = 96;
        /// How many.
        line_info_cnt: u32 = 104;
        /// The kernel function it attaches to, as a BTF type.
        attach_btf_id: u32 = 108;
        /// The program or the BTF that `attach_btf_id` is of.
        attach_fd: Fd = 112;
        /// How many CO-RE relocations.
        core_relo_cnt: u32 = 116;
        /// Descriptors that instructions refer to by index.
        fd_array: UserIn<'a> = 120;
        /// The CO-RE relocations.
        core_relos: UserIn<'a> = 128;
        /// Bytes of one.
        core_relo_rec_size: u32 = 136;
        /// How long the whole log is.
        log_true_size: u32 = 140 out;
        /// A token, with `BPF_F_TOKEN_FD`.
        prog_token_fd: Fd = 144;
        /// How many descriptors `fd_array` holds, if it is to hold them for good.
        fd_array_cnt: u32 = 148;
        /// The program's signature.
        signature: UserIn<'a> = 152;
        /// Its length.
        signature_size: u32 = 160;
        /// The keyring it is checked with.
        keyring_id: i32 = 164;
    }

    /// Makes a descriptor's object live on under a path.
    ObjPin<'a> = OBJ_PIN {
        /// The path, with its NUL.
        pathname: UserIn<'a> = 0;
        /// The object.
        bpf_fd: Fd = 8;
        /// 0 or `BPF_F_PATH_FD`.
        file_flags: u32 = 12;
        /// The directory `pathname` starts from.
        path_fd: i32 = 16;
    }

    /// Opens a pinned object. Returns its descriptor.
    ObjGet<'a> = OBJ_GET {
        /// The path, with its NUL.
        pathname: UserIn<'a> = 0;
        /// Must be 0.
        bpf_fd: u32 = 8;
        /// `BPF_F_RDONLY`, `BPF_F_WRONLY`, `BPF_F_PATH_FD`.
        file_flags: u32 = 12;
        /// The directory `pathname` starts from.
        path_fd: i32 = 16;
    }

    /// Attaches a program to a hook.
    ProgAttach = PROG_ATTACH {
        /// What it is attached to: a descriptor or a device's index.
        target: u32 = 0;
        /// The program.
        attach_bpf_fd: Fd = 4;
        /// The hook.
        attach_type: AttachType = 8;
        /// How it is attached.
        attach_flags: u32 = 12;
        /// The program it takes the place of.
        replace_bpf_fd: Fd = 16;
        /// The program it goes before or after: a descriptor or an id.
        relative: u32 = 20;
        /// The revision the caller believes the hook to have.
        expected_revision: u64 = 24;
    }

    /// Detaches a program from a hook.
    ProgDetach = PROG_DETACH {
        /// What it is attached to.
        target: u32 = 0;
        /// The program.
        attach_bpf_fd: Fd = 4;
        /// The hook.
        attach_type: AttachType = 8;
        /// How it is detached.
        attach_flags: u32 = 12;
        /// Unused here.
        replace_bpf_fd: Fd = 16;
        /// The program next to it.
        relative: u32 = 20;
        /// The revision the caller believes the hook to have.
        expected_revision: u64 = 24;
    }

    /// Runs a program on input given by the caller.
    ProgTestRun<'a> = PROG_TEST_RUN {
        /// The program.
        prog: Fd = 0;
        /// What it returned.
        retval: u32 = 4 out;
        /// Bytes of `data_in`.
        data_size_in: u32 = 8;
        /// Room in `data_out`; how long the packet is afterwards.
        data_size_out: u32 = 12 out;
        /// The packet.
        data_in: UserIn<'a> = 16;
        /// The packet afterwards.
        data_out: UserOut<'a> = 24;
        /// How often it runs; 0 means once.
        repeat: u32 = 32;
        /// Nanoseconds of one run, on average.
        duration: u32 = 36 out;
        /// Bytes of `ctx_in`.
        ctx_size_in: u32 = 40;
        /// Room in `ctx_out`; the context's size afterwards.
        ctx_size_out: u32 = 44 out;
        /// The context (`struct xdp_md`, `struct __sk_buff`).
        ctx_in: UserIn<'a> = 48;
        /// The context afterwards.
        ctx_out: UserOut<'a> = 56;
        /// `BPF_F_TEST_*` flags.
        flags: u32 = 64;
        /// The cpu, with `BPF_F_TEST_RUN_ON_CPU`.
        cpu: u32 = 68;
        /// Packets at a time, with `BPF_F_TEST_XDP_LIVE_FRAMES`.
        batch_size: u32 = 72;
    }

    /// Finds the next program's id.
    ProgGetNextId = PROG_GET_NEXT_ID {
        /// The id to go on from.
        start_id: u32 = 0;
        /// The id found.
        next_id: u32 = 4 out;
        /// Must be 0.
        open_flags: u32 = 8;
    }

    /// Finds the next map's id.
    MapGetNextId = MAP_GET_NEXT_ID {
        /// The id to go on from.
        start_id: u32 = 0;
        /// The id found.
        next_id: u32 = 4 out;
        /// Must be 0.
        open_flags: u32 = 8;
    }

    /// Finds the next BTF's id.
    BtfGetNextId = BTF_GET_NEXT_ID {
        /// The id to go on from.
        start_id: u32 = 0;
        /// The id found.
        next_id: u32 = 4 out;
        /// Must be 0.
        open_flags: u32 = 8;
    }

    /// Finds the next link's id.
    LinkGetNextId = LINK_GET_NEXT_ID {
        /// The id to go on from.
        start_id: u32 = 0;
        /// The id found.
        next_id: u32 = 4 out;
        /// Must be 0.
        open_flags: u32 = 8;
    }

    /// Opens a program by its id.
    ProgGetFdById = PROG_GET_FD_BY_ID {
        /// The id.
        id: u32 = 0;
    }

    /// Opens a map by its id.
    MapGetFdById = MAP_GET_FD_BY_ID {
        /// The id.
        id: u32 = 0;
        /// `BPF_F_RDONLY`, `BPF_F_WRONLY`.
        open_flags: u32 = 8;
    }

    /// Opens a BTF by its id.
    BtfGetFdById = BTF_GET_FD_BY_ID {
        /// The id.
        id: u32 = 0;
        /// `BPF_F_TOKEN_FD`.
        open_flags: u32 = 8;
        /// A token.
        token_fd: Fd = 12;
    }

    /// Opens a link by its id.
    LinkGetFdById = LINK_GET_FD_BY_ID {
        /// The id.
        id: u32 = 0;
    }

    /// Copies out what is known of an object ([`crate::MapInfo`] and its like).
    ObjGetInfoByFd<'a> = OBJ_GET_INFO_BY_FD {
        /// The object.
        bpf_fd: Fd = 0;
        /// Room for the information; its size.
        info_len: u32 = 4 out;
        /// The information.
        info: UserOut<'a> = 8;
    }

    /// Lists the programs at a hook.
    ProgQuery<'a> = PROG_QUERY {
        /// The hook's descriptor or device.
        target: u32 = 0;
        /// The hook.
        attach_type: AttachType = 4;
        /// How to ask.
        query_flags: u32 = 8;
        /// How they are attached.
        attach_flags: u32 = 12 out;
        /// Their ids.
        prog_ids: UserOut<'a> = 16;
        /// Room for this many; how many there are.
        count: u32 = 24 out;
        /// Each one's flags.
        prog_attach_flags: UserOut<'a> = 32;
        /// Their links' ids.
        link_ids: UserOut<'a> = 40;
        /// Each link's flags.
        link_attach_flags: UserOut<'a> = 48;
        /// The hook's revision.
        revision: u64 = 56 out;
    }

    /// Attaches a program to a raw tracepoint. Returns the link's descriptor.
    RawTracepointOpen<'a> = RAW_TRACEPOINT_OPEN {
        /// The tracepoint's name, with its NUL.
        name: UserIn<'a> = 0;
        /// The program.
        prog: Fd = 8;
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64 = 16;
    }

    /// Loads type information. Returns its descriptor.
    BtfLoad<'a> = BTF_LOAD {
        /// The BTF.
        btf: UserIn<'a> = 0;
        /// The log.
        log_buf: UserOut<'a> = 8;
        /// Bytes of BTF.
        btf_size: u32 = 16;
        /// Room in the log.
        log_size: u32 = 20;
        /// How much is logged; 0 for nothing.
        log_level: u32 = 24;
        /// How long the whole log is.
        log_true_size: u32 = 28 out;
        /// 0 or `BPF_F_TOKEN_FD`.
        btf_flags: u32 = 32;
        /// A token.
        token_fd: Fd = 36;
    }

    /// Says what BPF program a task's perf event descriptor leads to.
    TaskFdQuery<'a> = TASK_FD_QUERY {
        /// The task.
        pid: u32 = 0;
        /// Its descriptor.
        fd: u32 = 4;
        /// Must be 0.
        flags: u32 = 8;
        /// Room for the name; its length.
        buf_len: u32 = 12 out;
        /// The name.
        buf: UserOut<'a> = 16;
        /// The program's id.
        prog_id: u32 = 24 out;
        /// What the descriptor is.
        fd_type: u32 = 28 out;
        /// The probe's offset.
        probe_offset: u64 = 32 out;
        /// The probe's address.
        probe_addr: u64 = 40 out;
    }

    /// Attaches a program or a map by a link. Returns the link's descriptor.
    LinkCreate = LINK_CREATE {
        /// The program, or the map of a struct_ops.
        prog: Fd = 0;
        /// What it is attached to.
        target: u32 = 4;
        /// The hook.
        attach_type: AttachType = 8;
        /// How.
        flags: u32 = 12;
        /// What the kind of hook takes besides.
        details: LinkDetails = 16;
    }

    /// Puts another program into a link.
    LinkUpdate = LINK_UPDATE {
        /// The link.
        link: Fd = 0;
        /// The new program or map.
        new_fd: Fd = 4;
        /// 0 or `BPF_F_REPLACE`.
        flags: u32 = 8;
        /// The program or map it must hold now.
        old_fd: Fd = 12;
    }

    /// Takes a link's program from its hook.
    LinkDetach = LINK_DETACH {
        /// The link.
        link: Fd = 0;
    }

    /// Counts and times runs for as long as the returned descriptor is open.
    EnableStats = ENABLE_STATS {
        /// What is counted.
        stats_type: u32 = 0;
    }

    /// Makes a readable descriptor of an iterator's link.
    IterCreate = ITER_CREATE {
        /// The link.
        link: Fd = 0;
        /// Must be 0.
        flags: u32 = 4;
    }

    /// Makes a program keep a map that its instructions do not name.
    ProgBindMap = PROG_BIND_MAP {
        /// The program.
        prog: Fd = 0;
        /// The map.
        map: Fd = 4;
        /// Must be 0.
        flags: u32 = 8;
    }

    /// Makes a token of a BPF file system. Returns its descriptor.
    TokenCreate = TOKEN_CREATE {
        /// Must be 0.
        flags: u32 = 0;
        /// The file system.
        bpffs_fd: Fd = 4;
    }

    /// Reads what a program printed to one of its streams. Returns how many bytes.
    ProgStreamRead<'a> = PROG_STREAM_READ_BY_FD {
        /// Where to.
        buf: UserOut<'a> = 0;
        /// Room there.
        buf_len: u32 = 8;
        /// 1 for output, 2 for errors.
        stream_id: u32 = 12;
        /// The program.
        prog: Fd = 16;
    }
}
