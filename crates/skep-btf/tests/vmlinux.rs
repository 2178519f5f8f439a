//! The running kernel's own BTF, where there is one.
//!
//! Answers to: kernel/bpf/btf.c (btf_parse_vmlinux)

use skep_btf::{Btf, Def, Kind};

#[test]
fn the_kernels_own_types() {
    let path = "/sys/kernel/btf/vmlinux";
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            println!("skipped: {path}: {error}");
            return;
        }
    };
    let btf = Btf::parse(&bytes).expect("the kernel's BTF");
    assert_eq!(btf.check(), Ok(()));
    assert_eq!(btf.to_bytes(), bytes);
    // These are fixed by protocols and by the user-space interface.
    for (name, size) in [
        ("iphdr", 20),
        ("ipv6hdr", 40),
        ("tcphdr", 20),
        ("ethhdr", 14),
    ] {
        let ty = btf
            .find_by_name(name, Kind::Struct)
            .expect("every kernel has it");
        assert_eq!(btf.size_of(ty.id()), Ok(size), "{name}");
    }
    let types = btf
        .find_by_name("bpf_map_type", Kind::Enum)
        .expect("a kernel with BPF");
    let Def::Enum(values) = types.def() else {
        panic!("an enumeration")
    };
    assert_eq!(values.name_of(1), Some("BPF_MAP_TYPE_HASH"));
    let xdp = btf
        .find_by_name("xdp_md", Kind::Struct)
        .expect("a kernel with BPF");
    let text = btf.c_decl(xdp.id()).expect("printable");
    assert!(
        text.starts_with("struct xdp_md {\n\t__u32 data;\n\t__u32 data_end;\n"),
        "{text}"
    );
    for ty in btf.types().step_by(97) {
        btf.c_decl(ty.id()).expect("printable");
    }
}
