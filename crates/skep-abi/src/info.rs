//! What OBJ_GET_INFO_BY_FD tells of an object.
//!
//! The structures cross the interface as bytes in the caller's memory and may
//! be shorter or longer than the ones here; [`MapInfo::get`] and its like ask
//! with the whole structure.
//!
//! Answers to: struct bpf_map_info, bpf_prog_info, bpf_btf_info in
//! include/uapi/linux/bpf.h.

use crate::{
    Bpf, Fd, MapType, Name, NoMem, ObjGetInfoByFd, ProgType, Result, UserOut, command::Field,
};

macro_rules! infos {
    ($(
        $(#[$doc:meta])* $type:ident, $size:literal {
            $( $(#[$fdoc:meta])* $field:ident: $ftype:ty = $offset:literal; )*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $type { $( $(#[$fdoc])* pub $field: $ftype, )* }

        impl $type {
            /// Bytes of the structure in Linux 6.18.
            pub const SIZE: usize = $size;

            /// From the structure's bytes.
            pub fn from_bytes(bytes: &[u8; $size]) -> Self {
                $type { $( $field: Field::get(
                    &bytes[$offset..$offset + <$ftype as Field<'_>>::SIZE], &NoMem,
                ), )* }
            }

            /// To the structure's bytes.
            pub fn to_bytes(&self) -> [u8; $size] {
                let mut bytes = [0; $size];
                let mut copy = self.clone();
                $( copy.$field.put(&mut bytes[$offset..$offset + <$ftype as Field<'_>>::SIZE]); )*
                bytes
            }

            /// Asks for the whole structure. EINVAL if `fd` is of another kind with
            /// a smaller structure.
            pub fn get(bpf: &dyn Bpf, fd: Fd) -> Result<Self> {
                $type::default().ask(bpf, fd)
            }

            /// Asks with the pointers and room that `self` holds.
            pub fn ask(&self, bpf: &dyn Bpf, fd: Fd) -> Result<Self> {
                let mut bytes = self.to_bytes();
                bpf.obj_get_info_by_fd(&mut ObjGetInfoByFd {
                    bpf_fd: fd,
                    info_len: $size,
                    info: UserOut::new(&mut bytes),
                })?;
                Ok($type::from_bytes(&bytes))
            }
        }
    )*};
}

infos! {
    /// What is known of a map.
    #[doc(alias = "bpf_map_info")]
    MapInfo, 104 {
        /// What the map is.
        map_type: MapType = 0;
        /// Its id.
        id: u32 = 4;
        /// Bytes of a key.
        key_size: u32 = 8;
        /// Bytes of a value.
        value_size: u32 = 12;
        /// How many elements it holds at the most.
        max_entries: u32 = 16;
        /// Its creation flags.
        map_flags: u32 = 20;
        /// Its name.
        name: Name = 24;
        /// The device it is offloaded to.
        ifindex: u32 = 40;
        /// The value's type in the kernel's BTF.
        btf_vmlinux_value_type_id: u32 = 44;
        /// The device's network namespace: device.
        netns_dev: u64 = 48;
        /// The device's network namespace: inode.
        netns_ino: u64 = 56;
        /// The id of its BTF.
        btf_id: u32 = 64;
        /// The key's type in it.
        btf_key_type_id: u32 = 68;
        /// The value's type in it.
        btf_value_type_id: u32 = 72;
        /// The id of the kernel's BTF that describes its value.
        btf_vmlinux_id: u32 = 76;
        /// What the map type takes besides.
        map_extra: u64 = 80;
        /// Where a hash of its contents is written.
        hash: u64 = 88;
        /// That hash's length.
        hash_size: u32 = 96;
    }
    /// What is known of a program.
    #[doc(alias = "bpf_prog_info")]
    ProgInfo, 232 {
        /// What the program is.
        prog_type: ProgType = 0;
        /// Its id.
        id: u32 = 4;
        /// A hash of its instructions.
        tag: [u8; 8] = 8;
        /// Bytes of native code.
        jited_prog_len: u32 = 16;
        /// Bytes of instructions after verification.
        xlated_prog_len: u32 = 20;
        /// Where native code is written.
        jited_prog_insns: u64 = 24;
        /// Where instructions are written.
        xlated_prog_insns: u64 = 32;
        /// When it was loaded: nanoseconds since boot.
        load_time: u64 = 40;
        /// Who loaded it.
        created_by_uid: u32 = 48;
        /// Room for map ids; how many maps it uses.
        nr_map_ids: u32 = 52;
        /// Where the maps' ids are written.
        map_ids: u64 = 56;
        /// Its name.
        name: Name = 64;
        /// The device it is offloaded to.
        ifindex: u32 = 80;
        /// Bit 0: whether its license is compatible with the GPL.
        gpl_compatible: u32 = 84;
        /// `netns_dev`
        netns_dev: u64 = 88;
        /// `netns_ino`
        netns_ino: u64 = 96;
        /// `nr_jited_ksyms`
        nr_jited_ksyms: u32 = 104;
        /// `nr_jited_func_lens`
        nr_jited_func_lens: u32 = 108;
        /// `jited_ksyms`
        jited_ksyms: u64 = 112;
        /// `jited_func_lens`
        jited_func_lens: u64 = 120;
        /// The id of its BTF.
        btf_id: u32 = 128;
        /// `func_info_rec_size`
        func_info_rec_size: u32 = 132;
        /// `func_info`
        func_info: u64 = 136;
        /// `nr_func_info`
        nr_func_info: u32 = 144;
        /// `nr_line_info`
        nr_line_info: u32 = 148;
        /// `line_info`
        line_info: u64 = 152;
        /// `jited_line_info`
        jited_line_info: u64 = 160;
        /// `nr_jited_line_info`
        nr_jited_line_info: u32 = 168;
        /// `line_info_rec_size`
        line_info_rec_size: u32 = 172;
        /// `jited_line_info_rec_size`
        jited_line_info_rec_size: u32 = 176;
        /// `nr_prog_tags`
        nr_prog_tags: u32 = 180;
        /// `prog_tags`
        prog_tags: u64 = 184;
        /// Nanoseconds it ran, while counted.
        run_time_ns: u64 = 192;
        /// How often it ran, while counted.
        run_cnt: u64 = 200;
        /// How often it did not run because it ran already.
        recursion_misses: u64 = 208;
        /// How many instructions the verifier walked.
        verified_insns: u32 = 216;
        /// `attach_btf_obj_id`
        attach_btf_obj_id: u32 = 220;
        /// `attach_btf_id`
        attach_btf_id: u32 = 224;
    }
    /// What is known of a BTF.
    #[doc(alias = "bpf_btf_info")]
    BtfInfo, 32 {
        /// Where the BTF is written.
        btf: u64 = 0;
        /// Room for it; its length.
        btf_size: u32 = 8;
        /// Its id.
        id: u32 = 12;
        /// Where its name is written.
        name: u64 = 16;
        /// Room for it; its length.
        name_len: u32 = 24;
        /// Whether it is of the kernel or a module.
        kernel_btf: u32 = 28;
    }
}
