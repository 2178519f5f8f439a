//! The commands on objects of any kind: pins, ids, information, BTF, tokens.
//!
//! Answers to: union bpf_attr in include/uapi/linux/bpf.h.

use super::{Attr, AttrBytes, Field, Output, Pointer};
use crate::{Cmd, Fd, UserIn, UserMem, UserOut};

commands! {
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

    /// Finds the next program's id.
    ProgGetNextId = PROG_GET_NEXT_ID {
        /// The id to go on from.
        start_id: u32 = 0;
        /// The id found.
        next_id: u32 = 4 out;
    }

    /// Finds the next map's id.
    MapGetNextId = MAP_GET_NEXT_ID {
        /// The id to go on from.
        start_id: u32 = 0;
        /// The id found.
        next_id: u32 = 4 out;
    }

    /// Finds the next BTF's id.
    BtfGetNextId = BTF_GET_NEXT_ID {
        /// The id to go on from.
        start_id: u32 = 0;
        /// The id found.
        next_id: u32 = 4 out;
    }

    /// Finds the next link's id.
    LinkGetNextId = LINK_GET_NEXT_ID {
        /// The id to go on from.
        start_id: u32 = 0;
        /// The id found.
        next_id: u32 = 4 out;
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
        log_true_size: u32 = 28 out_if_given;
        /// 0 or `BPF_F_TOKEN_FD`.
        btf_flags: u32 = 32;
        /// A token.
        token_fd: Fd = 36;
    }

    /// Makes a token of a BPF file system. Returns its descriptor.
    TokenCreate = TOKEN_CREATE {
        /// Must be 0.
        flags: u32 = 0;
        /// The file system.
        bpffs_fd: Fd = 4;
    }
}
