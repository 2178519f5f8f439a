//! Broken objects: every fault is refused by its name and place.

mod common;

use common::Fake;
use common::patch::*;
use skep_abi::Bpf;
use skep_loader::{FileProblem, LoadError, ObjectSpec, Place, Problem};
use std::sync::Arc;

/// The error of reading these bytes, or of putting a program together.
fn refused(patch: Patch) -> LoadError {
    let read = ObjectSpec::parse(&patch.bytes).and_then(|spec| {
        let mut programs = spec.programs().iter();
        programs.try_for_each(|program| spec.link(program).map(drop))
    });
    read.expect_err("the object is broken")
}

fn file_problem(patch: Patch) -> FileProblem {
    match refused(patch) {
        LoadError::File(problem) => problem,
        other => panic!("expected a problem of the file: {other}"),
    }
}

#[track_caller]
fn assert_refused(patch: Patch, at: Place, problem: Problem) {
    let error = refused(patch);
    let expected = LoadError::Object {
        at: Box::new(at.clone()),
        problem: Box::new(problem),
    };
    assert_eq!(error, expected, "{error}");
    let text = error.to_string();
    for part in [at.section, at.symbol].into_iter().flatten() {
        assert!(text.contains(&part), "{text:?} names {part}");
    }
}

#[test]
fn other_files_are_refused_in_words() {
    let object = || Patch::of("globals");
    assert_eq!(
        file_problem(object().set(0, 4, 0x46454c46)),
        FileProblem::Magic(*b"FLEF")
    );
    assert_eq!(file_problem(object().set(4, 1, 1)), FileProblem::Class(1));
    assert_eq!(file_problem(object().set(5, 1, 2)), FileProblem::BigEndian);
    assert_eq!(
        file_problem(object().set(6, 1, 9)),
        FileProblem::Ident {
            order: 1,
            version: 9
        }
    );
    assert_eq!(file_problem(object().set(16, 2, 2)), FileProblem::Type(2));
    assert_eq!(
        file_problem(object().set(18, 2, 62)),
        FileProblem::Machine(62)
    );
    let short = Patch {
        bytes: object().bytes[..40].to_vec(),
    };
    assert_eq!(
        file_problem(short),
        FileProblem::Short { have: 40, need: 64 }
    );
    let text = LoadError::File(FileProblem::BigEndian).to_string();
    assert!(text.contains("-target bpfel"), "{text}");
}

#[test]
fn section_headers_outside_the_file_are_refused() {
    let problem = file_problem(Patch::of("globals").set(40, 8, u64::MAX - 100));
    assert!(matches!(problem, FileProblem::Headers(_)), "{problem}");
    let problem = file_problem(Patch::of("globals").set(62, 2, 0xfe00));
    assert!(matches!(problem, FileProblem::Headers(_)), "{problem}");
}

#[test]
fn a_section_lies_within_the_file_and_overlaps_no_other() {
    let object = Patch::of("globals");
    let end = object.bytes.len() as u64;
    let offset = object.section_field(".data", SH_OFFSET);
    for size in [end, u64::MAX, u64::MAX - offset] {
        assert_refused(
            object.clone().set_section(".data", SH_SIZE, size),
            Place::section(".data"),
            Problem::OutsideFile { offset, size, end },
        );
    }
    assert_refused(
        object.clone().set_section(".data", SH_SIZE, 0x100),
        Place::section(".data.own"),
        Problem::Overlap(".data".to_owned()),
    );
    assert_refused(
        object.clone().set_section(".data", SH_FLAGS, 3 | 1 << 11),
        Place::section(".data"),
        Problem::Compressed,
    );
    assert_refused(
        object.clone().set_section(".data", SH_NAME, 0xffff),
        Place::section("number 6"),
        Problem::Name(0xffff),
    );
    assert_refused(
        object.set_section(".bss", SH_SIZE, 1 << 40),
        Place::section(".bss"),
        Problem::DataSize(1 << 40),
    );
}

#[test]
fn a_symbol_has_a_name_and_a_section() {
    let object = Patch::of("globals");
    let place = |name: &str| {
        let offset = (object.symbol(name) - object.data(".symtab")) as u64;
        Place::section(".symtab").offset(offset)
    };
    assert_refused(
        object.clone().set_symbol("touch", ST_NAME, 0xffff),
        place("touch"),
        Problem::Name(0xffff),
    );
    assert_refused(
        object.clone().set_symbol("touch", ST_SHNDX, 0x77),
        place("touch").symbol("touch"),
        Problem::NoSection {
            section: 0x77,
            count: 17,
        },
    );
    assert_refused(
        object.clone().set_symbol("runs", ST_SHNDX, 5),
        Place::section(".bss").symbol("runs"),
        Problem::NoVariable,
    );
}

#[test]
fn a_function_is_whole_instructions_of_its_own() {
    let object = Patch::of("two-xdp");
    let at = |name: &str, offset| Place::section("xdp").symbol(name).offset(offset);
    let outside = |value, size| Problem::OutsideSection {
        value,
        size,
        section: 0x70,
    };
    for (value, size) in [(0x70, 8), (0, 0x78), (u64::MAX, 8), (8, u64::MAX)] {
        let broken = object.clone().set_symbol("pass", ST_VALUE, value);
        assert_refused(
            broken.set_symbol("pass", ST_SIZE, size),
            at("pass", value),
            outside(value, size),
        );
    }
    let odd = |what, found| Problem::NotInstructions { what, found };
    let broken = object.clone().set_symbol("pass", ST_VALUE, 4);
    assert_refused(broken, at("pass", 4), odd("its offset", 4));
    let broken = object.clone().set_symbol("pass", ST_SIZE, 12);
    assert_refused(broken, at("pass", 0), odd("its size", 12));
    let broken = object.clone().set_symbol("pass", ST_SIZE, 0);
    assert_refused(broken, at("pass", 0), Problem::EmptyFunction);
    let broken = object.set_symbol("pass", ST_SIZE, 0x40);
    let problem = Problem::FunctionOverlap("pass".to_owned());
    assert_refused(broken, at("drop", 0x38), problem);
}

#[test]
fn a_relocation_is_of_an_instruction_that_can_have_one() {
    let object = Patch::of("globals");
    let first = 0x30;
    let at = |offset| Place::section("xdp").symbol("touch").offset(offset);
    assert_refused(
        object.clone().set_relocation("xdp", R_TYPE, 3),
        Place::section("xdp").offset(first),
        Problem::RelocationType(3),
    );
    assert_refused(
        object.clone().set_relocation("xdp", R_OFFSET, 0x34),
        Place::section("xdp").offset(0x34),
        Problem::NotInstructions {
            what: "the relocation's offset",
            found: 0x34,
        },
    );
    for offset in [0x1b8, u64::MAX - 7] {
        assert_refused(
            object.clone().set_relocation("xdp", R_OFFSET, offset),
            Place::section("xdp").offset(offset),
            Problem::RelocationOffset(0x1b8),
        );
    }
    assert_refused(
        object.clone().set_relocation("xdp", R_OFFSET, 0),
        at(0),
        Problem::RelocationInsn(object.bytes[object.data("xdp")]),
    );
    assert_refused(
        object.clone().set_relocation("xdp", R_SYM, 0x1000),
        at(first),
        Problem::RelocationSymbol {
            symbol: 0x1000,
            count: 17,
        },
    );
    assert_refused(
        object.clone().set_section(".relxdp", SH_TYPE, 4),
        Place::section("xdp"),
        Problem::Rela,
    );
    assert_refused(
        object.set_relocation("xdp", R_SYM, 16),
        at(first),
        Problem::TargetSection("license".to_owned()),
    );
}

#[test]
fn a_relocation_refers_to_what_is_there() {
    let object = Patch::of("map-relocations");
    assert_refused(
        object.clone().set_symbol("journal", ST_VALUE, 8),
        Place::section(".maps").symbol("seen").offset(0x20),
        Problem::Overlap("journal".to_owned()),
    );
    let offset = object.get(object.data(".relxdp"), 8);
    let load = object.data("xdp") + offset as usize;
    assert_eq!(object.get(load, 1), 0x18, "a load of a map");
    assert_refused(
        object.set(load + 4, 4, 4),
        Place::section("xdp").symbol("walk").offset(offset),
        Problem::NoTarget {
            section: ".maps".to_owned(),
            offset: 4,
            expected: "map",
        },
    );
    let object = Patch::of("subprograms");
    let call = object.get(object.data(".relxdp"), 8);
    let insn = object.data("xdp") + call as usize;
    assert_eq!(object.get(insn, 1), 0x85, "a call");
    let target = |imm: i32, offset| {
        assert_refused(
            object.clone().set(insn + 4, 4, u64::from(imm as u32)),
            Place::section("xdp").symbol("call").offset(call),
            Problem::NoTarget {
                section: ".text".to_owned(),
                offset,
                expected: "function begins",
            },
        );
    };
    target(0, 8);
    target(i32::MAX, 0x4_0000_0000);
    target(i32::MIN, u64::MAX);
    assert_refused(
        object.clone().set(insn + 1, 1, 0x20),
        Place::section("xdp").symbol("call").offset(call),
        Problem::CallMark(2),
    );
}

#[test]
fn undefined_symbols_are_named_where_they_are_used() {
    let spec = ObjectSpec::parse(&common::object("bad-extern")).unwrap();
    let error = |name: &str| spec.link(spec.program(name).unwrap()).unwrap_err();
    assert_eq!(
        error("call").to_string(),
        "section xdp, symbol call, offset 0x8: refers to \"nowhere\", which is not defined in the object"
    );
    assert!(error("use").to_string().contains("\"missing\""));
}

#[test]
fn a_descriptor_in_the_file_is_refused() {
    let object = Patch::of("bad-pointer");
    let load = object.data("xdp");
    assert_eq!(object.get(load, 1), 0x18);
    assert_refused(
        object.set(load + 1, 1, 0x11),
        Place::section("xdp").symbol("from_number").offset(0),
        Problem::Unrelocated(1),
    );
}

#[test]
fn legacy_map_definitions_are_checked() {
    let bytes = common::object("bad-legacy-extra");
    let error = ObjectSpec::parse(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "section maps, symbol first, offset 0x34: byte 24 of the map definition is 0x1: \
         past the five known fields all must be 0"
    );
    let object = Patch::of("legacy-no-btf");
    assert_refused(
        object.clone().set_symbol("alpha", ST_VALUE, 0x30),
        Place::section("maps").symbol("alpha").offset(0x30),
        Problem::OutsideSection {
            value: 0x30,
            size: 20,
            section: 60,
        },
    );
    assert_refused(
        object.clone().set_section("maps", SH_SIZE, 59),
        Place::section("maps"),
        Problem::MapDefinitions {
            size: 59,
            symbols: 3,
        },
    );
    // Local, an object.
    assert_refused(
        object.set_symbol("alpha", ST_INFO, 1),
        Place::section("maps").symbol("alpha").offset(20),
        Problem::StaticMap,
    );
}

#[test]
fn map_definitions_by_types_are_checked() {
    let fields = [
        (1, "map field key gives 4 bytes, but 8 were given before"),
        (2, "map field value_size gives 4 bytes, but 8"),
        (3, "map field colour: expected a field that is known"),
        (4, "the map definition has no type"),
        (5, "map field type: expected a pointer to an array"),
        (6, "map field key: expected a pointer to the type"),
        (7, "map field pinning: expected 0 or 1"),
        (
            8,
            "map field values: expected a map of maps or of programs, found hash",
        ),
        (9, "map field values: expected the last member"),
        (15, "one that is not global"),
    ];
    for (case, expected) in fields {
        let error = ObjectSpec::parse(&common::own_object(&format!("map-error-{case}")));
        let text = error.expect_err(expected).to_string();
        assert!(
            text.starts_with("section .maps, symbol map, offset 0x0: "),
            "{text}"
        );
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_cannot_be_loaded_yet_can_be_looked_at() {
    let cases = [
        (
            10,
            "section .maps, symbol map, offset 0x0: maps of maps are not supported yet",
        ),
        (
            11,
            "section .maps, symbol tail, offset 0x18: first values of a map are not supported yet",
        ),
        (
            13,
            "section xdp, symbol use, offset 0x8: the instruction cannot be adapted to the target's types: byte offset of struct ",
        ),
        (
            14,
            "section xdp, symbol use, offset 0x0: refers to \"provided\", which the system is to provide (.kconfig)",
        ),
    ];
    for (case, expected) in cases {
        let bytes = common::own_object(&format!("map-error-{case}"));
        let spec = ObjectSpec::parse(&bytes).unwrap_or_else(|e| panic!("case {case}: {e}"));
        assert!(spec.map("map").is_some());
        let fake = Arc::new(Fake::default());
        let bpf: Arc<dyn Bpf> = fake.clone();
        let text = spec.load(&bpf).expect_err(expected).to_string();
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(fake.state().open, [], "nothing stays open");
    }
}

#[test]
fn two_sections_of_one_name_are_refused() {
    let object = Patch::of("subprograms");
    let name = object.section_field(".rodata.cst16", SH_NAME);
    assert_refused(
        object.set_section(".BTF.ext", SH_NAME, name),
        Place::section(".rodata.cst16"),
        Problem::SameName,
    );
}

/// An object with a section `xdp` of `count` functions of one name, each one
/// call of the next.
fn chain(count: usize, name: &str) -> Patch {
    let strings = [b"\0.strtab\0.symtab\0xdp\0", name.as_bytes(), b"\0"].concat();
    let mut code = [0x85, 0x10, 0, 0, 0, 0, 0, 0].repeat(count - 1);
    code.extend([0x95, 0, 0, 0, 0, 0, 0, 0]);
    let mut symbols = vec![0; 24];
    for index in 0..count as u64 {
        symbols.extend(21u32.to_le_bytes());
        symbols.extend([0x12, 0, 2, 0]);
        symbols.extend((index * 8).to_le_bytes());
        symbols.extend(8u64.to_le_bytes());
    }
    let mut bytes = vec![0; 64];
    let mut headers = vec![0; 64];
    let mut add = |[name, kind, flags, link, entry]: [u64; 5], data: &[u8]| {
        let half = |word: u64| (word as u32).to_le_bytes();
        headers.extend([half(name), half(kind)].concat());
        let words = [flags, 0, bytes.len() as u64, data.len() as u64];
        headers.extend(words.map(u64::to_le_bytes).concat());
        headers.extend([half(link), half(0)].concat());
        headers.extend([8, entry].map(u64::to_le_bytes).concat());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    };
    // Name, type, flags, link, bytes of an entry.
    add([1, 3, 0, 0, 0], &strings);
    add([17, 1, 6, 0, 0], &code);
    add([9, 2, 0, 1, 24], &symbols);
    let start = bytes.len() as u64;
    bytes.extend(headers);
    let patch = Patch { bytes };
    patch
        .set(0, 8, 0x0001_0102_464c_457f)
        .set(16, 4, 247 << 16 | 1)
        .set(40, 8, start)
        .set(58, 2, 64)
        .set(60, 2, 4)
        .set(62, 2, 1)
}

#[test]
fn a_program_has_as_many_functions_as_linux_takes() {
    let spec = ObjectSpec::parse(&chain(256, "f").bytes).unwrap();
    assert_eq!(spec.programs().len(), 256);
    let linked = spec.link(&spec.programs()[0]).unwrap();
    assert_eq!((linked.functions.len(), linked.insns.len()), (256, 256));
    assert_refused(
        chain(257, "f"),
        Place::section("xdp").symbol("f").offset(256 * 8),
        Problem::TooManyFunctions(256),
    );
}

#[test]
fn one_long_name_of_many_functions_is_refused() {
    let name = "f".repeat(511);
    let object = chain(1000, &name);
    let size = object.bytes.len();
    assert_refused(
        object,
        Place::section("xdp").symbol(&name),
        Problem::TooManyNames(size),
    );
    let object = chain(1000, &"f".repeat(512));
    assert_refused(
        object,
        Place::section(".symtab").offset(24),
        Problem::Name(21),
    );
}
