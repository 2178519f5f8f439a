//! Types as C and values for people.
//!
//! Answers to: tools/lib/bpf/btf_dump.c, kernel/bpf/btf.c (btf_type_show)

use skep_btf::{
    Btf, BtfBuilder, Decoder, Format, FormatError, Formats, Kind, MemberSpec, TypeId, Value,
};

fn flow() -> Btf {
    Btf::parse(include_bytes!("data/flow.btf")).expect("clang's BTF")
}

fn id(btf: &Btf, name: &str, kind: Kind) -> TypeId {
    btf.find_by_name(name, kind)
        .expect("it is in flow.bpf.c")
        .id()
}

fn decode(btf: &Btf, id: TypeId, bytes: &[u8]) -> String {
    Decoder::new(btf)
        .decode(id, bytes)
        .expect("sound types")
        .to_string()
}

/// A flow_key: family 2, 10.0.0.1 (and the rest of the union), port 443.
const KEY: [u8; 24] = [
    2, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xbb, 0x26, 7,
];

#[test]
fn a_struct_as_bpftool_prints_it() {
    let btf = flow();
    let text = btf
        .c_decl(id(&btf, "flow", Kind::Struct))
        .expect("printable");
    assert_eq!(
        text,
        "struct flow {\n\
         \t__u64 packets;\n\
         \tvolatile long long delta;\n\
         \t_Bool seen;\n\
         \tchar comm[16];\n\
         \tconst struct flow_key *key;\n\
         \tint (*hook)(struct flow *, const char * const *, ...);\n\
         \tstruct squeezed marks[2];\n\
         \tenum wide wide;\n\
         \tfloat ratio;\n\
         \tdouble mean;\n\
         };"
    );
    let text = btf
        .c_decl(id(&btf, "flow_key", Kind::Struct))
        .expect("printable");
    assert!(
        text.contains("\tunion {\n\t\t__u32 ip4;\n\t\t__u8 ip6[16];\n\t};\n"),
        "{text}"
    );
    assert!(text.contains("\t__u16 proto: 5;\n"), "{text}");
    let text = btf
        .c_decl(id(&btf, "squeezed", Kind::Struct))
        .expect("printable");
    assert!(text.ends_with("} __attribute__((packed));"), "{text}");
}

#[test]
fn short_names_and_declarations() {
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, true);
    let char = builder.int("char", 1, true);
    let konst = builder.constant(char);
    let ptr = builder.ptr(konst);
    let konst_ptr = builder.constant(ptr);
    let ptr_array = builder.array(ptr, int, 3);
    let array_ptr = builder.ptr(ptr_array);
    let grid = builder.array(int, int, 2);
    let grid = builder.array(grid, int, 5);
    let proto = builder.func_proto(ptr, &[("n", int), ("", TypeId::VOID)]);
    let hook = builder.ptr(proto);
    let hooks = builder.array(hook, int, 4);
    let void_ptr = builder.ptr(TypeId::VOID);
    let user = builder.type_tag("user", int);
    let user_ptr = builder.ptr(user);
    let btf = builder.build().expect("walkable");
    let cases = [
        (ptr, "", "const char *"),
        (konst_ptr, "p", "const char * const p"),
        (array_ptr, "p", "const char * (*p)[3]"),
        (grid, "g", "int g[5][2]"),
        (hooks, "h", "const char * (*h[4])(int n, ...)"),
        (void_ptr, "", "void *"),
        (
            user_ptr,
            "p",
            "__attribute__((btf_type_tag(\"user\"))) int *p",
        ),
    ];
    for (id, name, text) in cases {
        assert_eq!(btf.c_variable(id, name).as_deref(), Ok(text));
    }
}

#[test]
fn a_struct_with_union_enum_and_bit_fields() {
    let btf = flow();
    let key = id(&btf, "flow_key", Kind::Struct);
    assert_eq!(
        decode(&btf, key, &KEY),
        "{.family = FAMILY_INET, .ip4 = 16777226, \
         .ip6 = [10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], \
         .port = 47873, .proto = 6, .dir = 1, .tag = 7}"
    );
    let mut odd = KEY;
    odd[0] = 77;
    let value = Decoder::new(&btf).decode(key, &odd).expect("sound types");
    assert_eq!(value.field("family"), Some(&Value::Unsigned(77)));
    assert_eq!(value.field("proto").and_then(Value::as_integer), Some(6));
}

#[test]
fn numbers_text_pointers_and_floats() {
    let btf = flow();
    let mut bytes = Vec::new();
    bytes.extend(9u64.to_le_bytes());
    bytes.extend((-5i64).to_le_bytes());
    bytes.push(1);
    bytes.extend(b"cur\"l\0\0\0\0\0\0\0\0\0\0\0");
    bytes.resize(40, 0);
    bytes.extend(0xffff_8880_0000_1000u64.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend([b'x', 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes.resize(80, 0);
    bytes.extend((-1i64).to_le_bytes());
    bytes.extend(0.5f32.to_le_bytes());
    bytes.resize(96, 0);
    bytes.extend(2.25f64.to_le_bytes());
    assert_eq!(
        decode(&btf, id(&btf, "flow", Kind::Struct), &bytes),
        "{.packets = 9, .delta = -5, .seen = true, .comm = \"cur\\\"l\", \
         .key = 0xffff888000001000, .hook = 0x0, \
         .marks = [{.kind = 'x', .at = 1}, {.kind = '\\0', .at = 2}], \
         .wide = WIDE_SMALL, .ratio = 0.5, .mean = 2.25}"
    );
}

#[test]
fn characters_that_are_no_text_stay_numbers() {
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, true);
    let char = builder.int("char", 1, true);
    let text = builder.array(char, int, 4);
    let btf = builder.build().expect("walkable");
    assert_eq!(decode(&btf, text, b"abcd"), "\"abcd\"");
    assert_eq!(decode(&btf, text, b"ab\0\0"), "\"ab\"");
    assert_eq!(decode(&btf, text, b"a\0b\0"), "['a', '\\0', 'b', '\\0']");
    assert_eq!(
        decode(&btf, text, &[1, 200, 0, 0]),
        "['\\u{1}', 200, '\\0', '\\0']"
    );
}

#[test]
fn bytes_too_few_are_said_to_be() {
    let btf = flow();
    let key = id(&btf, "flow_key", Kind::Struct);
    let value = Decoder::new(&btf)
        .decode(key, &KEY[..10])
        .expect("sound types");
    assert!(value.is_short());
    assert_eq!(
        value.to_string(),
        "{.family = FAMILY_INET, .ip4 = 16777226, .ip6 = [10, 0, 0, 1, 0, 0, <6 of 16 bytes>], \
         .port = <0 of 2 bytes>, .proto = <0 of 1 bytes>, .dir = <0 of 1 bytes>, \
         .tag = <0 of 1 bytes>}"
    );
}

#[test]
fn a_section_by_its_variables() {
    let btf = flow();
    let section = id(&btf, ".rodata", Kind::DataSec);
    assert_eq!(decode(&btf, section, &[7, 0, 0, 0]), "{.limit = 7}");
}

#[test]
fn formats_by_path() {
    let btf = flow();
    let key = id(&btf, "flow_key", Kind::Struct);
    let mut formats = Formats::new();
    for text in [
        "key.ip4=ipv4",
        "key.ip6=ipv6",
        "key.port=port",
        "key.tag=hex",
    ] {
        formats.add(text).expect("well formed");
    }
    assert_eq!(formats.check(&btf, "key", key), Ok(()));
    let decoder = Decoder::new(&btf);
    let value = decoder.with_formats(&formats, "key").decode(key, &KEY);
    assert_eq!(
        value.expect("sound types").to_string(),
        "{.family = FAMILY_INET, .ip4 = 10.0.0.1, .ip6 = a00:1::, .port = 443, \
         .proto = 6, .dir = 1, .tag = 0x7}"
    );
    // Another root is another value's business.
    let other = decoder.with_formats(&formats, "value").decode(key, &KEY);
    assert_eq!(
        other.expect("sound types").to_string(),
        decode(&btf, key, &KEY)
    );
}

#[test]
fn formats_on_whole_values_and_elements() {
    let mut builder = BtfBuilder::new();
    let u8 = builder.int("__u8", 1, false);
    let u32 = builder.int("__u32", 4, false);
    let mac = builder.array(u8, u32, 6);
    let addrs = builder.array(u32, u32, 2);
    let wrap = builder.structure("key", 4, &[MemberSpec::at("addr", u32, 0)]);
    let btf = builder.build().expect("walkable");
    let with = |format, id, bytes: &[u8]| {
        let mut formats = Formats::new();
        formats.set("key", format);
        assert_eq!(formats.check(&btf, "key", id), Ok(()));
        let decoder = Decoder::new(&btf);
        let value = decoder.with_formats(&formats, "key").decode(id, bytes);
        value.expect("sound types").to_string()
    };
    assert_eq!(
        with(Format::Mac, mac, &[0x52, 0x54, 0, 1, 2, 3]),
        "52:54:00:01:02:03"
    );
    assert_eq!(
        with(Format::Hex, mac, &[0x52, 0x54, 0, 1, 2, 3]),
        "525400010203"
    );
    assert_eq!(
        with(Format::Ipv4, addrs, &[10, 0, 0, 1, 10, 0, 0, 2]),
        "[10.0.0.1, 10.0.0.2]"
    );
    assert_eq!(with(Format::Ipv4, wrap, &[10, 0, 0, 1]), "10.0.0.1");
    assert_eq!(with(Format::Hex, u32, &[0x10, 0x20, 0, 0]), "0x2010");
    assert_eq!(with(Format::BigEndian, u32, &[0, 0, 1, 2]), "258");
}

#[test]
fn wrong_formats_are_explained() {
    let btf = flow();
    let key = id(&btf, "flow_key", Kind::Struct);
    let check = |text| {
        let mut formats = Formats::new();
        formats
            .add(text)
            .and_then(|()| formats.check(&btf, "key", key))
    };
    assert!(matches!(check("key"), Err(FormatError::Syntax { .. })));
    assert!(matches!(
        check("key..x=hex"),
        Err(FormatError::Syntax { .. })
    ));
    let message = |text| check(text).expect_err("wrong").to_string();
    assert_eq!(
        message("key=ip"),
        "\"ip\" is not a format: there are ipv4, ipv6, mac, port, be, hex"
    );
    assert_eq!(
        message("key.port=ipv4"),
        "key.port has 2 bytes, but ipv4 takes 4"
    );
    assert_eq!(
        message("key.addr=ipv4"),
        "key.addr names no field: key has family, port, proto, dir, tag, ip4, ip6"
    );
    assert_eq!(
        message("key.port.x=hex"),
        "key.port.x names no field: key.port has no fields"
    );
}
