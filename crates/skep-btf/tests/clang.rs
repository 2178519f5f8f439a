//! BTF as clang 19 writes it: read, walked, corrected as a loader does, and
//! written again. `data/flow.bpf.c` is the source.
//!
//! Answers to: kernel/bpf/btf.c, Documentation/bpf/btf.rst

use skep_btf::{
    Btf, BtfBuilder, BtfError, BtfExt, CoreReloKind, Def, Kind, Linkage, Problem, ProgInfo, TypeId,
    VarSecInfo,
};
use std::sync::Arc;

const BTF: &[u8] = include_bytes!("data/flow.btf");
const EXT: &[u8] = include_bytes!("data/flow.btf_ext");

fn flow() -> Btf {
    Btf::parse(BTF).expect("clang's BTF")
}

fn id(btf: &Btf, name: &str, kind: Kind) -> TypeId {
    btf.find_by_name(name, kind)
        .expect("it is in flow.bpf.c")
        .id()
}

#[test]
fn written_as_read() {
    assert_eq!(flow().to_bytes(), BTF);
    assert_eq!(BtfBuilder::from(&flow()).to_bytes(), BTF);
}

#[test]
fn sizes_and_alignments_are_c_s() {
    let btf = flow();
    let expected = [
        ("flow_key", Kind::Struct, 24, 4),
        ("squeezed", Kind::Struct, 9, 1),
        ("flow", Kind::Struct, 104, 8),
        ("wide", Kind::Enum64, 8, 8),
        ("__u16", Kind::Typedef, 2, 2),
        ("flows", Kind::Var, 32, 8),
        ("_license", Kind::Var, 4, 1),
    ];
    for (name, kind, size, align) in expected {
        let id = id(&btf, name, kind);
        assert_eq!(btf.size_of(id), Ok(size), "{name}");
        assert_eq!(btf.align_of(id), Ok(align), "{name}");
    }
    let helper = id(&btf, "helper", Kind::Func);
    assert!(matches!(btf.size_of(helper), Err(BtfError::NoSize { .. })));
}

#[test]
fn members_have_places_and_bits() {
    let btf = flow();
    let key = btf
        .find_by_name("flow_key", Kind::Struct)
        .expect("a struct");
    let members: Vec<_> = key.members().expect("members").iter().collect();
    let places: Vec<_> = members
        .iter()
        .map(|member| (member.name, member.bit_offset, member.bitfield_size))
        .collect();
    let expected = [
        ("family", 0, 0),
        ("", 32, 0),
        ("port", 160, 0),
        ("proto", 176, 5),
        ("dir", 181, 1),
        ("tag", 184, 8),
    ];
    assert_eq!(places, expected);
    let family = btf.resolve(members[0].ty).expect("its type");
    let Def::Enum(values) = family.def() else {
        panic!("an enumeration")
    };
    assert_eq!(values.name_of(10), Some("FAMILY_INET6"));
    assert_eq!(values.name_of(3), None);
}

#[test]
fn a_loader_corrects_sections_and_linux_takes_it() {
    let mut btf = flow();
    assert!(matches!(
        btf.check(),
        Err(BtfError::Type {
            kind: Kind::DataSec,
            problem: Problem::Size { found: 0, .. },
            ..
        })
    ));
    let sections: Vec<_> = btf
        .types()
        .filter_map(|ty| match ty.def() {
            Def::DataSec(section) => Some((ty.id(), section.vars().collect::<Vec<_>>())),
            _ => None,
        })
        .collect();
    assert_eq!(sections.len(), 5);
    for (id, vars) in &sections {
        let size = vars
            .iter()
            .map(|var| var.offset + var.size)
            .max()
            .unwrap_or(0);
        btf.set_datasec(*id, size, vars).expect("its own variables");
    }
    // Linux 6.18 was given these bytes and took them.
    assert_eq!(btf.check(), Ok(()));
    let again = Btf::load(&btf.to_bytes()).expect("corrected");
    assert_eq!(
        again.find_datasec(".bss").map(|section| section.size()),
        Some(104)
    );

    let (first, vars) = &sections[0];
    assert!(matches!(
        btf.set_datasec(*first, 8, &vars[1..]),
        Err(BtfError::DataSecVars {
            expected: 1,
            found: 0,
            ..
        })
    ));
    assert!(matches!(
        btf.set_datasec(TypeId(1), 8, vars),
        Err(BtfError::Kind { .. })
    ));
}

#[test]
fn sections_are_sorted_and_linkage_changed() {
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, true);
    let a = builder.var("a", int, Linkage::Extern);
    let b = builder.var("b", int, Linkage::Static);
    let at = |ty, offset| VarSecInfo {
        ty,
        offset,
        size: 4,
    };
    let section = builder.datasec(".data", 0, &[at(a, 0), at(b, 0)]);
    let proto = builder.func_proto(int, &[]);
    let func = builder.func("f", proto, Linkage::Extern);
    let mut btf = builder.build().expect("walkable");
    btf.set_datasec(section, 8, &[at(a, 4), at(b, 0)])
        .expect("fits");
    assert!(btf.check().is_err(), "extern variables are refused");
    btf.set_var_linkage(a, Linkage::Global).expect("a VAR");
    btf.set_func_linkage(func, Linkage::Static).expect("a FUNC");
    assert_eq!(btf.check(), Ok(()));
    let vars: Vec<_> = btf.find_datasec(".data").expect("there").vars().collect();
    assert_eq!(vars, [at(b, 0), at(a, 4)]);
}

#[test]
fn extension_records_by_section() {
    let btf = flow();
    let ext = BtfExt::parse(EXT, &btf).expect("clang's .BTF.ext");
    let names: Vec<_> = ext.func_info.iter().map(|s| s.name(&btf)).collect();
    assert_eq!(names, ["xdp", ".text", "tc"]);
    let func = ext.funcs(&btf, "tc")[0];
    let ty = btf.type_by_id(func.type_id).expect("a FUNC");
    assert_eq!(
        (func.insn_off, ty.name(), ty.kind()),
        (0, "second", Kind::Func)
    );

    let line = ext.lines(&btf, ".text")[0];
    assert_eq!((line.insn_off, line.line()), (0, 67));
    assert!(line.file(&btf).ends_with("flow.bpf.c"));
    assert_eq!(line.text(&btf).trim(), "return ctx->in.b[2] + index;");

    let relo = ext.relos(&btf, ".text")[0];
    assert_eq!(relo.kind(), Some(CoreReloKind::FieldByteOffset));
    assert_eq!(relo.access(&btf), "0:0:1:2");
    assert_eq!(
        btf.type_by_id(relo.type_id).map(|ty| ty.name()),
        Some("ctx")
    );
    assert!(ext.lines(&btf, "nothing").is_empty());
}

#[test]
fn records_of_a_program_with_its_subprogram() {
    let btf = flow();
    let ext = BtfExt::parse(EXT, &btf).expect("clang's .BTF.ext");
    let mut info = ProgInfo::default();
    info.append(&ext, &btf, "xdp", 0..88, 0);
    info.append(&ext, &btf, ".text", 0..24, 11);
    let starts: Vec<_> = info.func_info.iter().map(|func| func.insn_off).collect();
    assert_eq!(starts, [0, 11]);
    let offsets: Vec<_> = info.line_info.iter().map(|line| line.insn_off).collect();
    assert!(offsets.is_sorted(), "{offsets:?}");
    let line = |insn| info.line_at(insn).map(|line| line.text(&btf).trim());
    assert_eq!(line(7), Some("counter += limit;"));
    assert_eq!(line(9), Some("return helper(ctx, counter);"));
    assert_eq!(line(12), Some("return ctx->in.b[2] + index;"));
    assert_eq!(info.func_at(12), info.func_info.last());
    assert_eq!(info.func_info_bytes().len(), 2 * 8);
    assert_eq!(info.line_info_bytes().len(), offsets.len() * 16);
    assert_eq!(info.func_info_bytes()[8..12], 11u32.to_le_bytes());
}

#[test]
fn extension_records_may_be_longer_but_not_shorter() {
    let btf = flow();
    let ext = |size: u32| {
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        let record = vec![0u8; size as usize];
        let len = 12 + size;
        for word in [24, 0, len, len, 0, size, 1, 1] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes.extend(record);
        bytes
    };
    let parsed = BtfExt::parse(&ext(24), &btf).expect("longer records");
    assert_eq!(parsed.func_info[0].records.len(), 1);
    let error = BtfExt::parse(&ext(4), &btf).expect_err("shorter records");
    assert!(error.to_string().contains("records of 4 bytes"), "{error}");
}

#[test]
fn a_split_btf_continues_its_base() {
    let base = Arc::new(flow());
    let mut builder = BtfBuilder::split(&base);
    let key = id(&base, "flow_key", Kind::Struct);
    let pair = builder.array(key, TypeId(4), 2);
    let name = builder.typedef("key_pair", pair);
    let split = builder.build_split(Arc::clone(&base)).expect("walkable");
    assert_eq!(split.first_id().0, base.last_id().0 + 1);
    assert_eq!(split.size_of(name), Ok(48));
    assert_eq!(
        split
            .find_by_name("key_pair", Kind::Typedef)
            .map(|ty| ty.id()),
        Some(name)
    );
    assert_eq!(
        split
            .find_by_name("flow_key", Kind::Struct)
            .map(|ty| ty.id()),
        Some(key)
    );
    assert_eq!(split.type_name(pair).as_deref(), Ok("struct flow_key[2]"));
    assert_eq!(split.check(), Ok(()));
    let again = Btf::parse_split(base, &split.to_bytes()).expect("written");
    assert_eq!(again.type_by_id(name).map(|ty| ty.name()), Some("key_pair"));
}
