//! BTF_LOAD's answers: what Linux takes and refuses, [`Btf::load`] does, with
//! the same errno. The answers were recorded on Linux 6.18.
//!
//! Answers to: kernel/bpf/btf.c (btf_parse)

use skep_btf::{Btf, BtfBuilder, Linkage, TypeId, VarSecInfo};

const EINVAL: i32 = 22;
const E2BIG: i32 = 7;

fn answer(bytes: &[u8]) -> i32 {
    Btf::load(bytes).map_or_else(|error| error.errno().raw(), |_| 0)
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("a hexadecimal digit") as u8;
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

#[test]
fn recorded_answers_are_ours() {
    let mut words = "";
    let (mut taken, mut refused) = (0, 0);
    for line in include_str!("data/kernel_answers.txt").lines() {
        if let Some(comment) = line.strip_prefix('#') {
            words = comment;
            continue;
        }
        let (errno, hex) = line.split_once(' ').expect("errno and bytes");
        let errno: i32 = errno.parse().expect("a number");
        let bytes = unhex(hex);
        assert_eq!(answer(&bytes), errno, "Linux said{words}: {hex}");
        match errno {
            0 => taken += 1,
            _ => refused += 1,
        }
        // What Linux takes can be walked, and is written as it was read when
        // the header is the usual one.
        if errno == 0 {
            let btf = Btf::parse(&bytes).expect("loads, so parses");
            assert_eq!(btf.check(), Ok(()));
            if bytes[4] == 24 && bytes[8] == 0 {
                assert_eq!(btf.to_bytes(), bytes);
            }
        }
    }
    assert!(
        taken >= 20 && refused >= 200,
        "{taken} taken, {refused} refused"
    );
}

fn with_int() -> (BtfBuilder, TypeId) {
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, true);
    (builder, int)
}

#[test]
fn chains_wait_for_32_types_at_most() {
    for (length, errno) in [(31, 0), (32, 0), (33, E2BIG), (34, E2BIG)] {
        let (mut builder, int) = with_int();
        for next in 0..length - 1 {
            builder.constant(TypeId(3 + next));
        }
        builder.constant(int);
        assert_eq!(answer(&builder.to_bytes()), errno, "{length} types");
    }
    // Backwards each is resolved by the time it is referred to.
    let (mut builder, mut last) = with_int();
    for _ in 0..200 {
        last = builder.constant(last);
    }
    assert_eq!(answer(&builder.to_bytes()), 0);
}

#[test]
fn names_have_512_bytes_at_most_but_tags_any() {
    for (length, errno) in [(511, 0), (512, 0), (513, EINVAL)] {
        let name = "a".repeat(length);
        let (mut builder, int) = with_int();
        builder.typedef(&name, int);
        assert_eq!(answer(&builder.to_bytes()), errno, "typedef of {length}");
        let (mut builder, int) = with_int();
        let ty = builder.var("v", int, Linkage::Static);
        let (offset, size) = (0, 4);
        builder.datasec(&name, 4, &[VarSecInfo { ty, offset, size }]);
        assert_eq!(answer(&builder.to_bytes()), errno, "section of {length}");
        let (mut builder, int) = with_int();
        builder.type_tag(&name.repeat(10), int);
        assert_eq!(answer(&builder.to_bytes()), 0, "tag");
    }
}

#[test]
fn identifiers_and_section_names() {
    let identifiers = [
        (".x", 0),
        (".", 0),
        ("x1", 0),
        ("1x", EINVAL),
        ("a-b", EINVAL),
        ("é", EINVAL),
        ("a$", EINVAL),
    ];
    for (name, errno) in identifiers {
        let (mut builder, int) = with_int();
        builder.typedef(name, int);
        assert_eq!(answer(&builder.to_bytes()), errno, "{name:?}");
    }
    for (name, errno) in [("%", 0), (" ", 0), ("?x", 0), ("é", 0), ("x\ty", EINVAL)] {
        let (mut builder, int) = with_int();
        let ty = builder.var("v", int, Linkage::Static);
        let (offset, size) = (0, 4);
        builder.datasec(name, 4, &[VarSecInfo { ty, offset, size }]);
        assert_eq!(answer(&builder.to_bytes()), errno, "{name:?}");
    }
}

#[test]
fn a_section_checks_sizes_only_of_variables_before_it() {
    let section = |ty| {
        let (offset, size) = (0, 3);
        [VarSecInfo { ty, offset, size }]
    };
    let (mut builder, int) = with_int();
    let var = builder.var("v", int, Linkage::Static);
    builder.datasec(".data", 3, &section(var));
    assert_eq!(answer(&builder.to_bytes()), EINVAL);
    let (mut builder, int) = with_int();
    builder.datasec(".data", 3, &section(TypeId(3)));
    builder.var("v", int, Linkage::Static);
    assert_eq!(answer(&builder.to_bytes()), 0);
}

#[test]
fn pointers_to_functions_and_tags() {
    let (mut builder, int) = with_int();
    let proto = builder.func_proto(int, &[]);
    let func = builder.func("f", proto, Linkage::Static);
    builder.ptr(func);
    assert_eq!(answer(&builder.to_bytes()), 0);
    let (mut builder, int) = with_int();
    builder.ptr(TypeId(4));
    let proto = builder.func_proto(int, &[]);
    builder.func("f", proto, Linkage::Static);
    assert_eq!(answer(&builder.to_bytes()), EINVAL);

    let (mut builder, int) = with_int();
    let constant = builder.constant(int);
    builder.type_tag("user", constant);
    assert_eq!(answer(&builder.to_bytes()), 0);
    let (mut builder, int) = with_int();
    let tag = builder.type_tag("user", int);
    builder.constant(tag);
    assert_eq!(answer(&builder.to_bytes()), EINVAL);
}

#[test]
fn no_types_and_too_many_bytes() {
    assert_eq!(answer(&BtfBuilder::new().to_bytes()), EINVAL);
    assert!(BtfBuilder::new().build().is_ok_and(|btf| btf.is_empty()));
    assert_eq!(answer(&vec![0; skep_btf::MAX_SIZE + 1]), E2BIG);
}

#[test]
fn errors_say_where_and_what() {
    let (mut builder, int) = with_int();
    let member = |name, bit_offset| skep_btf::MemberSpec {
        name,
        ty: int,
        bit_offset,
        bitfield_size: 0,
    };
    builder.structure("pair", 8, &[member("a", 0), member("b", 48)]);
    let error = Btf::load(&builder.to_bytes()).expect_err("it does not fit");
    assert_eq!(
        error.to_string(),
        "type 2 (STRUCT \"pair\") at byte 0x10 of the type section: \
         member 1 ends at bit 80, past the end of the type at 64"
    );
    let mut big = builder.to_bytes();
    big[..2].reverse();
    let error = Btf::parse(&big).expect_err("big-endian");
    assert!(error.to_string().contains("big-endian"), "{error}");
}
