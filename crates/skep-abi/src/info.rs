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

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of a byte and how often it stands, printed by a C program that filled
    /// field after field of Linux 6.18's structure with 1, 2, 3 and so on.
    fn from_runs<const N: usize>(runs: &[(u8, usize)]) -> [u8; N] {
        let mut bytes = [0; N];
        let mut at = 0;
        for &(byte, count) in runs {
            bytes[at..at + count].fill(byte);
            at += count;
        }
        assert_eq!(at, N);
        bytes
    }

    macro_rules! layout {
        ($type:ident, [$($run:tt),*], [$($field:ident)*]) => {
            let bytes = from_runs(&[$($run),*]);
            let mut info = $type::from_bytes(&bytes);
            assert_eq!(info.to_bytes(), bytes);
            let mut number = 0;
            $(
                number += 1;
                let mut raw = [0xee; 16];
                let len = field_size(&info.$field);
                info.$field.put(&mut raw[..len]);
                assert!(raw[..len].iter().all(|&b| b == number), stringify!($field));
            )*
        };
    }

    fn field_size<F: Field<'static>>(_: &F) -> usize {
        F::SIZE
    }

    #[test]
    fn fields_stand_where_the_c_header_has_them() {
        layout!(MapInfo, [(1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (6, 4), (7, 16), (8, 4), (9, 4), (10, 8), (11, 8), (12, 4), (13, 4), (14, 4), (15, 4), (16, 8), (17, 8), (18, 4), (0, 4)], [map_type id key_size value_size max_entries map_flags name ifindex btf_vmlinux_value_type_id netns_dev netns_ino btf_id btf_key_type_id btf_value_type_id btf_vmlinux_id map_extra hash hash_size]);
        layout!(ProgInfo, [(1, 4), (2, 4), (3, 8), (4, 4), (5, 4), (6, 8), (7, 8), (8, 8), (9, 4), (10, 4), (11, 8), (12, 16), (13, 4), (14, 4), (15, 8), (16, 8), (17, 4), (18, 4), (19, 8), (20, 8), (21, 4), (22, 4), (23, 8), (24, 4), (25, 4), (26, 8), (27, 8), (28, 4), (29, 4), (30, 4), (31, 4), (32, 8), (33, 8), (34, 8), (35, 8), (36, 4), (37, 4), (38, 4), (0, 4)], [prog_type id tag jited_prog_len xlated_prog_len jited_prog_insns xlated_prog_insns load_time created_by_uid nr_map_ids map_ids name ifindex gpl_compatible netns_dev netns_ino nr_jited_ksyms nr_jited_func_lens jited_ksyms jited_func_lens btf_id func_info_rec_size func_info nr_func_info nr_line_info line_info jited_line_info nr_jited_line_info line_info_rec_size jited_line_info_rec_size nr_prog_tags prog_tags run_time_ns run_cnt recursion_misses verified_insns attach_btf_obj_id attach_btf_id]);
        layout!(BtfInfo, [(1, 8), (2, 4), (3, 4), (4, 8), (5, 4), (6, 4)], [btf btf_size id name name_len kernel_btf]);
    }
}
