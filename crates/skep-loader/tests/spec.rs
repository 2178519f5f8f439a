//! What objects say, read without any system.

mod common;

use skep_abi::{AttachType, MapType, ProgType};
use skep_btf::{Def, Linkage};
use skep_loader::spec::{Contents, DataKind, InnerMap, MapSource, PIN_BY_NAME, section_def};
use skep_loader::{ObjectSpec, Problem};

fn spec(name: &str) -> ObjectSpec {
    ObjectSpec::parse_named(&common::object(name), &format!("some/where/{name}.bpf.o")).unwrap()
}

fn own(name: &str) -> ObjectSpec {
    ObjectSpec::parse(&common::own_object(name)).unwrap()
}

fn maps(spec: &ObjectSpec) -> Vec<&str> {
    spec.maps().iter().map(|map| map.name.as_str()).collect()
}

#[test]
fn legacy_maps_keep_the_order_of_the_section() {
    for name in ["legacy-maps", "legacy-no-btf"] {
        let spec = spec(name);
        assert_eq!(maps(&spec), ["zulu", "alpha", "mike"]);
        let zulu = spec.map("zulu").unwrap();
        assert_eq!(zulu.map_type, MapType::HASH);
        assert_eq!(
            (zulu.key_size, zulu.value_size, zulu.max_entries),
            (4, 8, 16)
        );
        assert_eq!((zulu.map_flags, zulu.source), (1, MapSource::Legacy));
        let mike = spec.map("mike").unwrap();
        assert_eq!((mike.map_type, mike.offset), (MapType::PERCPU_ARRAY, 40));
        let linked = spec.link(&spec.programs()[0]).unwrap();
        let used: Vec<usize> = linked.map_uses.iter().map(|used| used.map).collect();
        assert_eq!(used, [2, 0, 0, 1]);
    }
    assert!(spec("legacy-no-btf").btf().is_none());
}

#[test]
fn legacy_definitions_may_be_longer_and_shorter() {
    for name in ["legacy-maps-long", "legacy-maps-short"] {
        let spec = spec(name);
        assert_eq!(maps(&spec), ["second", "first"], "{name}");
        let first = spec.map("first").unwrap();
        assert_eq!((first.map_type, first.max_entries), (MapType::ARRAY, 2));
        assert_eq!(first.map_flags, 0);
    }
}

#[test]
fn a_struct_tells_a_legacy_maps_types() {
    let spec = spec("legacy-kv-pair");
    let btf = spec.btf().unwrap();
    let typed = spec.map("typed").unwrap();
    let name = |id| btf.type_by_id(id).unwrap().name();
    assert_eq!(name(typed.key_type), "start");
    assert_eq!(name(typed.value_type), "length");
    let plain = spec.map("plain").unwrap();
    assert_eq!((plain.key_type.0, plain.value_type.0), (0, 0));
    assert!(spec.warnings().is_empty());
}

#[test]
fn a_struct_of_other_sizes_is_a_warning() {
    let mut bytes = common::object("legacy-kv-pair");
    let definition = common::patch::Patch {
        bytes: bytes.clone(),
    }
    .data("maps");
    bytes[definition + 4] = 6;
    let spec = ObjectSpec::parse(&bytes).unwrap();
    let typed = spec.map("typed").unwrap();
    assert_eq!(
        (typed.key_size, typed.key_type.0, typed.value_type.0),
        (6, 0, 0)
    );
    let warnings: Vec<String> = spec.warnings().iter().map(|w| w.to_string()).collect();
    assert_eq!(
        warnings,
        [
            "section maps, symbol typed, offset 0x0: key has 2 bytes in ____btf_map_typed, and 6 in the definition"
        ]
    );
}

#[test]
fn sections_of_variables_are_sized_and_their_variables_placed() {
    let spec = spec("globals");
    spec.btf().unwrap().check().unwrap();
    let data = spec.btf().unwrap().find_datasec(".data").unwrap();
    assert_eq!(data.size(), 20);
    let places: Vec<(&str, u32)> = data
        .vars()
        .map(|var| {
            let ty = spec.btf().unwrap().type_by_id(var.ty).unwrap();
            (ty.name(), var.offset)
        })
        .collect();
    assert_eq!(places, [("total", 0), ("last", 8), ("secret", 16)]);
    let map = spec.map(".data").unwrap();
    assert_eq!(map.value_type, data.ty().id());
    assert_eq!(map.source, MapSource::Data(DataKind::Data));
    assert_eq!(spec.map(".bss").unwrap().contents, Contents::Zero);
    assert_eq!(spec.map("globals.bss").unwrap().name, ".bss");
}

#[test]
fn licenses_are_read_to_their_end() {
    assert_eq!(spec("globals").license, "Dual MIT/GPL");
    assert_eq!(spec("bad-license").license, "Proprietary");
    assert_eq!(spec("no-license").license, "");
}

#[test]
fn functions_bring_their_source_lines() {
    let spec = spec("subprograms");
    let linked = spec.link(spec.program("call").unwrap()).unwrap();
    let btf = spec.btf().unwrap();
    assert_eq!(linked.functions.len(), 5, "who is not called is not there");
    assert_eq!(linked.info.func_info.len(), 5);
    for (function, info) in linked.functions.iter().zip(&linked.info.func_info) {
        assert_eq!(function.insns.start, info.insn_off as usize);
        let ty = btf.type_by_id(info.type_id).unwrap();
        assert_eq!(ty.name(), function.name);
        let line = linked.info.line_at(info.insn_off).unwrap();
        assert_eq!(line.insn_off, info.insn_off, "a line begins with it");
        assert!(line.file(btf).ends_with("subprograms.bpf.c"));
    }
    let factorial = linked.functions.iter().find(|f| f.name == "factorial");
    let start = factorial.unwrap().insns.start;
    let line = linked.info.line_at(start as u32).unwrap();
    assert!(line.text(btf).contains("int factorial(int n)"));
}

#[test]
fn recursion_is_put_together_once() {
    let spec = spec("bad-recursion");
    let linked = spec.link(spec.program("deep").unwrap()).unwrap();
    let names: Vec<&str> = linked.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["deep", "descend"]);
}

#[test]
fn functions_of_every_linkage() {
    let spec = own("functions");
    let all: Vec<(&str, ProgType, bool)> = spec
        .programs()
        .iter()
        .map(|p| (p.name.as_str(), p.prog_type, p.autoload))
        .collect();
    let expected = [
        ("optional", ProgType::XDP, false),
        ("old", ProgType::XDP, true),
        ("untyped", ProgType::UNSPEC, true),
    ];
    assert_eq!(all, expected);
    let optional = &spec.programs()[0];
    assert_eq!(optional.section, "xdp.frags");
    assert_eq!(optional.attach_type, AttachType::XDP);
    assert_eq!(optional.flags, skep_abi::flags::prog::XDP_HAS_FRAGS);
    let linked = spec.link(optional).unwrap();
    let names: Vec<&str> = linked.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(
        names,
        ["optional", "callback", "weak", "hidden", "only_here"]
    );
    let callback = linked
        .insns
        .iter()
        .position(|i| i.code == 0x18 && i.src == 4);
    let at = callback.expect("a load of a function");
    let target = at as i64 + 1 + i64::from(linked.insns[at].imm);
    assert_eq!(target as usize, linked.functions[1].insns.start);
    let btf = spec.btf().unwrap();
    let linkage = |name: &str| {
        let ty = btf.find_by_name(name, skep_btf::Kind::Func).unwrap();
        match ty.def() {
            Def::Func { linkage, .. } => linkage,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        linkage("hidden"),
        Linkage::Static,
        "hidden from the verifier"
    );
    assert_eq!(linkage("weak"), Linkage::Global);
}

#[test]
fn maps_say_all_their_fields() {
    let spec = own("functions");
    assert_eq!(spec.map("pinned").unwrap().pinning, PIN_BY_NAME);
    assert_eq!(spec.map("ring").unwrap().max_entries, 5000);
    let rodata = spec.map(".rodata").unwrap();
    assert_eq!(rodata.map_flags, 0x80, "hidden variables are not shared");
    let pointers = spec.warnings().first().expect("a warning of pointers");
    assert!(
        pointers
            .to_string()
            .starts_with("section .data, offset 0x8: ")
    );
    assert!(matches!(
        pointers,
        skep_loader::LoadError::Object { problem, .. }
            if **problem == Problem::DataPointer(".rodata.str1.1".to_owned())
    ));

    let all = own("map-error-12");
    let map = all.map("map").unwrap();
    assert_eq!(map.map_type, MapType::BLOOM_FILTER);
    assert_eq!((map.map_flags, map.numa_node), (4, 1));
    assert_eq!(map.map_extra, 0x1_0000_0003);

    let outer = own("map-error-10");
    let map = outer.map("map").unwrap();
    assert_eq!((map.key_size, map.value_size), (4, 4));
    let Some(InnerMap::Map(inner)) = &map.inner else {
        panic!("{:?}", map.inner)
    };
    assert_eq!((inner.map_type, inner.max_entries), (MapType::ARRAY, 7));
    let programs = own("map-error-11");
    let inner = &programs.map("map").unwrap().inner;
    assert!(matches!(inner, Some(InnerMap::Programs(_))), "{inner:?}");
}

#[test]
fn sections_name_program_types() {
    let def = |section: &str| section_def(section).map(|d| (d.prog_type, d.attach_type, d.flags));
    assert_eq!(def("xdp"), Some((ProgType::XDP, AttachType::XDP, 0)));
    assert_eq!(def("xdp/anything"), def("xdp"));
    assert_eq!(def("xdp_old"), def("xdp"));
    assert_eq!(
        def("xdp.frags/devmap"),
        Some((ProgType::XDP, AttachType::XDP_DEVMAP, 1 << 5))
    );
    assert_eq!(
        def("tcx/egress"),
        Some((ProgType::SCHED_CLS, AttachType::TCX_EGRESS, 0))
    );
    assert_eq!(def("tcx"), None);
    assert_eq!(def("tcp"), None);
    assert_eq!(def("kprobes"), None);
    assert_eq!(def("kprobe/do_exit").map(|d| d.0), Some(ProgType::KPROBE));
    assert_eq!(
        def("kprobe.multi/a*").map(|d| d.1),
        Some(AttachType::TRACE_KPROBE_MULTI)
    );
    assert_eq!(def("socket7").map(|d| d.0), Some(ProgType::SOCKET_FILTER));
}

#[test]
fn an_object_is_named_after_its_file() {
    let bytes = common::object("no-license");
    let name = |file: &str| {
        ObjectSpec::parse_named(&bytes, file)
            .unwrap()
            .name()
            .to_owned()
    };
    assert_eq!(name("/a/b.c/proto-count-percpu.bpf.o"), "proto-count-per");
    assert_eq!(name("short.bpf.o"), "short");
    assert_eq!(name("no-dot"), "no-dot");
    assert_eq!(name(".hidden.o"), "");
    assert_eq!(name("fünfzehn-bytes-ü.o"), "fünfzehn-bytes");
}

#[test]
fn a_file_may_lie_at_any_address() {
    let bytes = common::object("globals");
    for shift in 1..8 {
        let shifted = [vec![0; shift], bytes.clone()].concat();
        let spec = ObjectSpec::parse(&shifted[shift..]).unwrap();
        assert_eq!(spec.maps().len(), 5);
    }
}
