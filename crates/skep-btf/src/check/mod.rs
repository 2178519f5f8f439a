//! What Linux asks of types at BTF_LOAD.
//!
//! First every record by itself ([`meta`]), then what it refers to
//! ([`resolve_all`]). Nothing recurses: the walk over references keeps its own
//! stack, as deep as Linux's.
//!
//! Not here yet: Linux's look into structs that hold kernel objects
//! (`bpf_spin_lock`, `bpf_list_head`, kptrs), which belongs with map values.
//!
//! Answers to: kernel/bpf/btf.c (btf_check_all_metas, btf_check_all_types)

mod member;
mod meta;
mod resolve;

pub(crate) use meta::meta;
pub(crate) use resolve::resolve_all;
