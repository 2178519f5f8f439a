//! Whatever the bytes are, nothing panics, hangs or takes much memory.
//!
//! Answers to: kernel/bpf/btf.c (its bounds on depth and size)

use proptest::prelude::*;
use skep_btf::{
    Btf, BtfBuilder, BtfError, BtfExt, Decoder, Format, FormatError, Formats, Kind, LineInfo,
    MAX_SIZE, MemberSpec, TypeId, Value,
};
use std::time::{Duration, Instant};

const BTF: &[u8] = include_bytes!("data/flow.btf");
const EXT: &[u8] = include_bytes!("data/flow.btf_ext");

/// Asks everything there is to ask of a BTF.
fn exercise(btf: &Btf) {
    let zeros = [0u8; 256];
    for ty in btf.types() {
        let _ = (ty.def(), ty.name(), format!("{ty:?}"));
        let _ = (btf.size_of(ty.id()), btf.align_of(ty.id()));
        let _ = (btf.c_decl(ty.id()), btf.type_name(ty.id()));
        if let Ok(value) = Decoder::new(btf).decode(ty.id(), &zeros) {
            let _ = (value.to_string(), value.is_short());
        }
    }
    let _ = btf.find_by_name("flow", Kind::Struct);
    let _ = btf.check().map_err(|error| error.to_string());
    let again = Btf::parse(&btf.to_bytes()).expect("what was read can be read again");
    assert_eq!(again.len(), btf.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn mutated_btf(
        changes in prop::collection::vec((0usize..BTF.len(), any::<u8>()), 1..12),
        cut in prop::option::weighted(0.2, 0usize..BTF.len()),
    ) {
        let mut bytes = BTF.to_vec();
        for (at, value) in changes {
            bytes[at] = value;
        }
        bytes.truncate(cut.unwrap_or(bytes.len()));
        if let Ok(btf) = Btf::parse(&bytes) {
            exercise(&btf);
        }
        if let Err(error) = Btf::load(&bytes) {
            prop_assert!(!error.to_string().is_empty());
            prop_assert!(error.errno().raw() > 0);
        }
    }

    #[test]
    fn mutated_words(changes in prop::collection::vec((6usize..300, 0u32..0x2000_0000), 1..6)) {
        let mut bytes = BTF.to_vec();
        for (word, value) in changes {
            bytes[word * 4..word * 4 + 4].copy_from_slice(&value.to_le_bytes());
        }
        if let Ok(btf) = Btf::parse(&bytes) {
            exercise(&btf);
        }
        let _ = Btf::load(&bytes).map_err(|error| error.to_string());
    }

    #[test]
    fn mutated_ext(
        changes in prop::collection::vec((0usize..EXT.len(), any::<u8>()), 1..8),
        cut in 0usize..=EXT.len(),
    ) {
        let btf = Btf::parse(BTF).expect("clang's BTF");
        let mut bytes = EXT.to_vec();
        for (at, value) in changes {
            bytes[at] = value;
        }
        let _ = BtfExt::parse(&bytes, &btf).map_err(|error| error.to_string());
        let _ = BtfExt::parse(&EXT[..cut], &btf).map_err(|error| error.to_string());
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Btf::parse(&bytes).map(|btf| exercise(&btf));
        let _ = Btf::load(&bytes);
    }
}

/// Runs and holds it to a time far above what it takes.
fn quickly<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{what} took {took:?}");
    result
}

#[test]
fn circles_end() {
    let mut builder = BtfBuilder::new();
    builder.constant(TypeId(1));
    let array = builder.array(TypeId(2), TypeId(2), 1);
    let own = builder.structure("s", 8, &[MemberSpec::at("", TypeId(3), 0)]);
    let btf = builder.build().expect("walkable");
    for id in [TypeId(1), array] {
        assert!(matches!(btf.size_of(id), Err(BtfError::Depth { .. })));
        assert!(matches!(btf.c_decl(id), Err(BtfError::Depth { .. })));
    }
    assert!(matches!(btf.align_of(own), Err(BtfError::Depth { .. })));
    exercise(&btf);
}

#[test]
fn endless_and_doubling_values_are_cut() {
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, true);
    let empty = builder.structure("empty", 0, &[]);
    let many = builder.array(empty, int, u32::MAX);
    let mut double = int;
    for _ in 0..60 {
        double = builder.union(
            "",
            4,
            &[
                MemberSpec::at("a", double, 0),
                MemberSpec::at("b", double, 0),
            ],
        );
    }
    let btf = builder.build().expect("walkable");
    let value = quickly("the array", || Decoder::new(&btf).decode(many, &[]));
    let Ok(Value::Array(values)) = value else {
        panic!("an array")
    };
    assert!(values.len() < 100_000);
    assert_eq!(values.last(), Some(&Value::Omitted));
    let value = quickly("the union", || Decoder::new(&btf).decode(double, &[0; 4]));
    assert!(value.expect("sound types").to_string().len() < 4 << 20);
    let text = quickly("the declaration", || btf.c_decl(double));
    assert!(matches!(
        text,
        Err(BtfError::TooLong { .. } | BtfError::Depth { .. })
    ));
}

#[test]
fn texts_and_padding_count_as_values_do() {
    const LEN: u32 = 1 << 16;
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, true);
    let char = builder.int("char", 1, true);
    let text = builder.array(char, int, LEN);
    let same = vec![MemberSpec::at("text", text, 0); 60_000];
    let texts = builder.union("texts", LEN, &same);
    let unnamed = vec![MemberSpec::bits("", int, 0, 1); 60_000];
    let padding = builder.structure("padding", 1, &unnamed);
    let paddings = builder.array(padding, int, LEN);
    let btf = builder.build().expect("walkable");
    let bytes = vec![b'a'; LEN as usize];
    let mut formats = Formats::new();
    formats.set("value.text", Format::Hex);
    for decoder in [
        Decoder::new(&btf),
        Decoder::new(&btf).with_formats(&formats, "value"),
    ] {
        let value = quickly("the texts", || decoder.decode(texts, &bytes));
        let Ok(Value::Union(fields)) = value else {
            panic!("a union")
        };
        // A budget of 5 values a byte, each for 16 bytes; 2 digits a byte.
        assert!(fields.len() < 100, "{}", fields.len());
        assert_eq!(fields.last().map(|last| &last.value), Some(&Value::Omitted));
        let value = quickly("the padding", || decoder.decode(paddings, &bytes));
        assert!(matches!(value, Ok(Value::Array(values)) if values.len() < 100));
    }
}

#[test]
fn a_type_that_lies_in_many_is_looked_at_once() {
    let mut builder = BtfBuilder::new();
    let byte = builder.int("char", 1, true);
    let bytes: Vec<_> = (0..60_000)
        .map(|at| MemberSpec::at("b", byte, at))
        .collect();
    let large = builder.structure("large", 60_000, &bytes);
    let many = builder.structure("many", 60_000, &vec![MemberSpec::at("m", large, 0); 20_000]);
    let mut nested = byte;
    for _ in 0..31 {
        nested = builder.structure("", 1, &vec![MemberSpec::at("", nested, 0); 100]);
    }
    let btf = builder.build().expect("walkable");
    let text = quickly("the declaration", || btf.c_decl(many));
    assert!(text.is_ok_and(|text| text.contains("struct large m;")));
    let mut formats = Formats::new();
    formats.set("value.nowhere", Format::Hex);
    let found = quickly("the field", || formats.check(&btf, "value", nested));
    assert!(matches!(found, Err(FormatError::NoField { .. })));
}

#[test]
fn one_endless_string_is_no_trouble() {
    let mut builder = BtfBuilder::new();
    builder.string(&"a".repeat(MAX_SIZE / 2));
    for offset in 0..200_000 {
        builder.raw(1 + offset, 0x0800_0000, 0, &[]);
    }
    let btf = builder.build().expect("walkable");
    quickly("looking up", || {
        assert!(btf.find_by_name("a", Kind::Typedef).is_none())
    });
    quickly("checking", || assert!(btf.check().is_err()));
    let line = LineInfo {
        insn_off: 0,
        file_name_off: 1,
        line_off: 2,
        line_col: 1 << 10,
    };
    assert_eq!((line.file(&btf).len(), line.text(&btf).len()), (4096, 4096));
    quickly("names", || {
        assert!(btf.types().all(|ty| ty.name().len() <= 512))
    });
}

#[test]
fn a_full_size_chain_is_quick() {
    let mut builder = BtfBuilder::new();
    let mut last = builder.int("int", 4, true);
    for _ in 0..500_000 {
        last = builder.constant(last);
    }
    let bytes = builder.to_bytes();
    let btf = quickly("parsing", || Btf::parse(&bytes)).expect("walkable");
    quickly("checking", || assert_eq!(btf.check(), Ok(())));
}
