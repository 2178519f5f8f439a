//! The commands on programs, hooks and links.
//!
//! Answers to: union bpf_attr in include/uapi/linux/bpf.h.

use super::{Attr, AttrBytes, Field, LinkDetails, Output, Pointer};
use crate::{AttachType, Cmd, Fd, Name, ProgType, UserIn, UserMem, UserOut};

commands! {
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
        /// Bytes of a `func_info` record; those Linux knows, when it finds them too many.
        func_info_rec_size: u32 = 76 out_if_set;
        /// The functions' types.
        func_info: UserIn<'a> = 80;
        /// How many.
        func_info_cnt: u32 = 88;
        /// Bytes of a `line_info` record; as with `func_info_rec_size`.
        line_info_rec_size: u32 = 92 out_if_set;
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
        /// Bytes of one; as with `func_info_rec_size`.
        core_relo_rec_size: u32 = 136 out_if_set;
        /// How long the whole log is.
        log_true_size: u32 = 140 out_if_given;
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
