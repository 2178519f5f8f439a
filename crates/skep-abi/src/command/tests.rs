//! The tables against the C header, and the way through bytes and back.
//!
//! The layouts were printed by a C program that filled field after field of the
//! `union bpf_attr` of Linux 6.18 with 1, 2, 3 and so on: runs of a byte and how
//! often it stands, 0 for what no field covers.

use super::*;
use crate::NoMem;
use proptest::prelude::*;

/// A field whose bytes are all the same.
trait Filled {
    fn raw(&mut self) -> Vec<u8>;
}

impl<'a, F: Field<'a>> Filled for F {
    fn raw(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; F::SIZE];
        self.put(&mut bytes);
        bytes
    }
}

fn from_runs(runs: &[(u8, usize)]) -> AttrBytes {
    let mut attr = [0; ATTR_SIZE];
    let mut at = 0;
    for &(byte, count) in runs {
        attr[at..at + count].fill(byte);
        at += count;
    }
    attr
}

macro_rules! layouts {
    ($($type:ident, $end:literal, [$($run:tt),*], [$($field:ident)*];)*) => {
        #[test]
        fn fields_stand_where_the_c_header_has_them() {
            $({
                let attr = from_runs(&[$($run),*]);
                let mut cmd = $type::decode(&attr, &NoMem);
                let mut number = 0;
                $(
                    number += 1;
                    let bytes = cmd.$field.raw();
                    assert!(
                        bytes.iter().all(|&b| b == number),
                        concat!(stringify!($type), "::", stringify!($field), ": {:?}"),
                        bytes,
                    );
                )*
                assert_eq!($type::END, $end, stringify!($type));
                let mut again = [0; ATTR_SIZE];
                cmd.encode(&mut again);
                assert_eq!(again, attr, stringify!($type));
            })*
        }

        #[test]
        fn a_default_command_is_all_zero() {
            $({
                let mut attr = [0; ATTR_SIZE];
                $type::default().encode(&mut attr);
                assert_eq!(attr, [0; ATTR_SIZE], stringify!($type));
            })*
        }

        proptest! {
            #[test]
            fn any_bytes_survive_decode_and_encode(raw: [[u8; 24]; 7]) {
                let mut attr = [0; ATTR_SIZE];
                attr.copy_from_slice(raw.as_flattened());
                $({
                    let mut first = [0; ATTR_SIZE];
                    $type::decode(&attr, &NoMem).encode(&mut first);
                    let mut second = [0; ATTR_SIZE];
                    $type::decode(&first, &NoMem).encode(&mut second);
                    prop_assert_eq!(first, second);
                    for at in 0..ATTR_SIZE {
                        prop_assert!(first[at] == attr[at] || first[at] == 0);
                        prop_assert!(at < $type::END || first[at] == 0);
                    }
                    let mut absorbed = $type::default();
                    absorbed.absorb(&attr);
                    let mut outputs = [0; ATTR_SIZE];
                    absorbed.encode(&mut outputs);
                    for at in 0..ATTR_SIZE {
                        let out = $type::OUTPUTS
                            .iter()
                            .any(|o| (o.offset..o.offset + o.len).contains(&at));
                        prop_assert_eq!(outputs[at], if out { attr[at] } else { 0 });
                    }
                })*
            }
        }

        #[test]
        fn every_command_has_one_structure() {
            let mut numbers = vec![$($type::CMD.0),*];
            numbers.sort_unstable();
            assert_eq!(numbers, (0..38).collect::<Vec<u32>>());
        }
    };
}

layouts! {
    MapCreate, 92, [(1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (6, 4), (7, 4), (8, 16), (9, 4), (10, 4), (11, 4), (12, 4), (13, 4), (14, 8), (15, 4), (16, 4), (17, 8), (18, 4)], [map_type key_size value_size max_entries map_flags inner_map_fd numa_node map_name map_ifindex btf_fd btf_key_type_id btf_value_type_id btf_vmlinux_value_type_id map_extra value_type_btf_obj_fd map_token_fd excl_prog_hash excl_prog_hash_size];
    MapLookupElem, 32, [(1, 4), (0, 4), (2, 8), (3, 8), (4, 8)], [map key value flags];
    MapUpdateElem, 32, [(1, 4), (0, 4), (2, 8), (3, 8), (4, 8)], [map key value flags];
    MapDeleteElem, 16, [(1, 4), (0, 4), (2, 8)], [map key];
    MapGetNextKey, 24, [(1, 4), (0, 4), (2, 8), (3, 8)], [map key next_key];
    MapLookupAndDeleteElem, 32, [(1, 4), (0, 4), (2, 8), (3, 8), (4, 8)], [map key value flags];
    MapFreeze, 4, [(1, 4)], [map];
    MapLookupBatch, 56, [(1, 8), (2, 8), (3, 8), (4, 8), (5, 4), (6, 4), (7, 8), (8, 8)], [in_batch out_batch keys values count map elem_flags flags];
    MapLookupAndDeleteBatch, 56, [(1, 8), (2, 8), (3, 8), (4, 8), (5, 4), (6, 4), (7, 8), (8, 8)], [in_batch out_batch keys values count map elem_flags flags];
    MapUpdateBatch, 56, [(0, 16), (1, 8), (2, 8), (3, 4), (4, 4), (5, 8), (6, 8)], [keys values count map elem_flags flags];
    MapDeleteBatch, 56, [(0, 16), (1, 8), (0, 8), (2, 4), (3, 4), (4, 8), (5, 8)], [keys count map elem_flags flags];
    ProgLoad, 168, [(1, 4), (2, 4), (3, 8), (4, 8), (5, 4), (6, 4), (7, 8), (8, 4), (9, 4), (10, 16), (11, 4), (12, 4), (13, 4), (14, 4), (15, 8), (16, 4), (17, 4), (18, 8), (19, 4), (20, 4), (21, 4), (22, 4), (23, 8), (24, 8), (25, 4), (26, 4), (27, 4), (28, 4), (29, 8), (30, 4), (31, 4)], [prog_type insn_cnt insns license log_level log_size log_buf kern_version prog_flags prog_name prog_ifindex expected_attach_type prog_btf_fd func_info_rec_size func_info func_info_cnt line_info_rec_size line_info line_info_cnt attach_btf_id attach_fd core_relo_cnt fd_array core_relos core_relo_rec_size log_true_size prog_token_fd fd_array_cnt signature signature_size keyring_id];
    ProgAttach, 32, [(1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (6, 4), (7, 8)], [target attach_bpf_fd attach_type attach_flags replace_bpf_fd relative expected_revision];
    ProgDetach, 32, [(1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (6, 4), (7, 8)], [target attach_bpf_fd attach_type attach_flags replace_bpf_fd relative expected_revision];
    ProgTestRun, 76, [(1, 4), (2, 4), (3, 4), (4, 4), (5, 8), (6, 8), (7, 4), (8, 4), (9, 4), (10, 4), (11, 8), (12, 8), (13, 4), (14, 4), (15, 4)], [prog retval data_size_in data_size_out data_in data_out repeat duration ctx_size_in ctx_size_out ctx_in ctx_out flags cpu batch_size];
    ProgQuery, 64, [(1, 4), (2, 4), (3, 4), (4, 4), (5, 8), (6, 4), (0, 4), (7, 8), (8, 8), (9, 8), (10, 8)], [target attach_type query_flags attach_flags prog_ids count prog_attach_flags link_ids link_attach_flags revision];
    RawTracepointOpen, 24, [(1, 8), (2, 4), (0, 4), (3, 8)], [name prog cookie];
    TaskFdQuery, 48, [(1, 4), (2, 4), (3, 4), (4, 4), (5, 8), (6, 4), (7, 4), (8, 8), (9, 8)], [pid fd flags buf_len buf prog_id fd_type probe_offset probe_addr];
    LinkCreate, 60, [(1, 4), (2, 4), (3, 4), (4, 4), (5, 44)], [prog target attach_type flags details];
    LinkUpdate, 16, [(1, 4), (2, 4), (3, 4), (4, 4)], [link new_fd flags old_fd];
    LinkDetach, 4, [(1, 4)], [link];
    EnableStats, 4, [(1, 4)], [stats_type];
    IterCreate, 8, [(1, 4), (2, 4)], [link flags];
    ProgBindMap, 12, [(1, 4), (2, 4), (3, 4)], [prog map flags];
    ProgStreamRead, 20, [(1, 8), (2, 4), (3, 4), (4, 4)], [buf buf_len stream_id prog];
    ObjPin, 20, [(1, 8), (2, 4), (3, 4), (4, 4)], [pathname bpf_fd file_flags path_fd];
    ObjGet, 20, [(1, 8), (2, 4), (3, 4), (4, 4)], [pathname bpf_fd file_flags path_fd];
    ProgGetNextId, 8, [(1, 4), (2, 4)], [start_id next_id];
    MapGetNextId, 8, [(1, 4), (2, 4)], [start_id next_id];
    BtfGetNextId, 8, [(1, 4), (2, 4)], [start_id next_id];
    LinkGetNextId, 8, [(1, 4), (2, 4)], [start_id next_id];
    ProgGetFdById, 4, [(1, 4)], [id];
    MapGetFdById, 12, [(1, 4), (0, 4), (2, 4)], [id open_flags];
    BtfGetFdById, 16, [(1, 4), (0, 4), (2, 4), (3, 4)], [id open_flags token_fd];
    LinkGetFdById, 4, [(1, 4)], [id];
    ObjGetInfoByFd, 16, [(1, 4), (2, 4), (3, 8)], [bpf_fd info_len info];
    BtfLoad, 40, [(1, 8), (2, 8), (3, 4), (4, 4), (5, 4), (6, 4), (7, 4), (8, 4)], [btf log_buf btf_size log_size log_level log_true_size btf_flags token_fd];
    TokenCreate, 8, [(1, 4), (2, 4)], [flags bpffs_fd];
}
