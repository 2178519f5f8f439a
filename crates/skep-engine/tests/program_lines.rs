//! Functions and source lines of a program: which records Linux 6.18 was seen to
//! take, and what comes of them.

mod programs;

use programs::*;
use skep_abi::insn::{op, pseudo};
use skep_abi::*;
use skep_engine::Engine;

const STRINGS: &[u8] = b"\0int\0main\0sub\0file.c\0line one\0";
const INT: u32 = 1;
const PROTO: u32 = 2;
const MAIN: u32 = 3;
const SUB: u32 = 4;

fn name(text: &str) -> u32 {
    let mut ends = STRINGS.windows(text.len() + 1);
    let at = ends.position(|window| window.strip_suffix(&[0]) == Some(text.as_bytes()));
    at.unwrap() as u32
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// BTF of `int`, `int (void)` and two functions of that type.
fn btf(engine: &Engine) -> Fd {
    let types = words(&[
        name("int"),
        1 << 24,
        4,
        1 << 24 | 32,
        0,
        13 << 24,
        INT,
        name("main"),
        12 << 24 | 1,
        PROTO,
        name("sub"),
        12 << 24,
        PROTO,
    ]);
    let (len, strings) = (types.len() as u32, STRINGS.len() as u32);
    let mut bytes = words(&[0x0001_eb9f, 24, 0, len, len, strings]);
    bytes.extend(types);
    bytes.extend(STRINGS);
    let mut cmd = BtfLoad {
        btf: UserIn::new(&bytes),
        btf_size: bytes.len() as u32,
        ..BtfLoad::default()
    };
    engine.btf_load(&mut cmd).unwrap()
}

/// A line record of an instruction.
fn line(insn: u32) -> [u32; 4] {
    [insn, name("file.c"), name("line one"), 5 << 10 | 2]
}

/// Two functions: the first calls the second.
fn two() -> Code {
    let sub = Insn::new(op::JMP | op::CALL, 0, pseudo::CALL_SUBPROG, 0, 1);
    [vec![sub], exit(), ret(2)].concat()
}

/// Loads with records of functions and lines.
fn load_lines(
    engine: &Engine,
    code: &[Insn],
    functions: &[[u32; 2]],
    lines: &[[u32; 4]],
) -> Result<Fd> {
    let btf = btf(engine);
    let (functions, lines) = (words(functions.as_flattened()), words(lines.as_flattened()));
    let bytes = Insn::encode_all(code);
    engine.prog_load(&mut ProgLoad {
        prog_type: ProgType::XDP,
        insn_cnt: code.len() as u32,
        insns: UserIn::new(&bytes),
        license: UserIn::new(b"GPL\0"),
        prog_btf_fd: btf,
        func_info_rec_size: 8,
        func_info: UserIn::new(&functions),
        func_info_cnt: functions.len() as u32 / 8,
        line_info_rec_size: 16,
        line_info: UserIn::new(&lines),
        line_info_cnt: lines.len() as u32 / 16,
        ..ProgLoad::default()
    })
}

#[test]
fn functions_are_the_subprograms() {
    let engine = Engine::new();
    let one = ret(2);
    let two = two();
    for (code, functions, fine) in [
        (&one, &[[0, MAIN]][..], true),
        (&one, &[[0, INT]], false),
        (&one, &[[0, PROTO]], false),
        (&one, &[[0, 0]], false),
        (&one, &[[0, 99]], false),
        (&one, &[[1, MAIN]], false),
        (&one, &[[0, MAIN], [1, SUB]], false),
        (&two, &[[0, MAIN], [2, SUB]], true),
        (&two, &[[0, MAIN]], false),
        (&two, &[[0, MAIN], [1, SUB]], false),
        (&two, &[[0, MAIN], [0, SUB]], false),
    ] {
        let answer = load_lines(&engine, code, functions, &[]).err();
        let expected = (!fine).then_some(Errno::EINVAL);
        assert_eq!(answer, expected, "{functions:?}");
    }
}

#[test]
fn every_subprogram_begins_with_a_line() {
    let engine = Engine::new();
    let one = ret(2);
    let two = two();
    let wide = [set64(1, 5), ret(2)].concat();
    let no_file = [[0, 999, name("line one"), 0]];
    let no_text = [[0, name("file.c"), 999, 0]];
    for (code, lines, fine) in [
        (&one, &[line(0)][..], true),
        (&one, &[line(0), line(1)], true),
        (&one, &[line(0), line(0)], false),
        (&one, &[line(1), line(0)], false),
        (&one, &[line(0), line(2)], false),
        (&one, &[line(1)], false),
        (&one, &no_file, false),
        (&one, &no_text, false),
        (&two, &[line(0)], false),
        (&two, &[line(0), line(2)], true),
        (&two, &[line(0), line(3)], false),
        (&wide, &[line(0), line(1)], false),
    ] {
        let answer = load_lines(&engine, code, &[], lines).err();
        let expected = (!fine).then_some(Errno::EINVAL);
        assert_eq!(answer, expected, "{lines:?}");
    }
}

#[test]
fn records_may_be_longer_if_what_is_not_known_is_zero() {
    let engine = Engine::new();
    let fd = btf(&engine);
    let mut record = words(&[0, MAIN]);
    record.resize(256, 0);
    let load = |size: u32, bytes: &[u8], btf: Fd| {
        let code = Insn::encode_all(&ret(2));
        let mut cmd = ProgLoad {
            prog_type: ProgType::XDP,
            insn_cnt: 2,
            insns: UserIn::new(&code),
            license: UserIn::new(b"GPL\0"),
            prog_btf_fd: btf,
            func_info_rec_size: size,
            func_info: UserIn::new(bytes),
            func_info_cnt: 1,
            ..ProgLoad::default()
        };
        engine.prog_load(&mut cmd).err()
    };
    for size in [8, 12, 16, 252] {
        assert_eq!(load(size, &record, fd), None);
    }
    for size in [0, 4, 9, 256] {
        assert_eq!(load(size, &record, fd), Some(Errno::EINVAL));
    }
    assert_eq!(load(8, &record[..7], fd), Some(Errno::EFAULT));
    assert_eq!(load(8, &record, Fd(99)), Some(Errno::EBADF));
    record[8] = 1;
    assert_eq!(load(12, &record, fd), Some(Errno::E2BIG));
}

#[test]
fn a_report_names_function_and_line() {
    let engine = Engine::new();
    let sub = Insn::new(op::JMP | op::CALL, 0, pseudo::CALL_SUBPROG, 0, 1);
    let code = [vec![sub], exit(), set(1, 0), load(op::B, 0, 1, 0), exit()].concat();
    let functions = [[0, MAIN], [2, SUB]];
    let lines = [line(0), [2, name("file.c"), name("line one"), 7 << 10 | 3]];
    let fd = load_lines(&engine, &code, &functions, &lines).unwrap();
    assert_eq!(run(&engine, fd, &count()).result, Err(Errno::EACCES));
    let report = engine.last_violation(fd).unwrap().unwrap();
    assert_eq!(report.violation.kind.name(), "null pointer");
    let source = report.source.clone().unwrap();
    assert_eq!(source.function.as_deref(), Some("sub"));
    assert_eq!((source.line, source.column), (7, 3));
    assert!(
        report.to_string().ends_with("(file.c:7: line one)"),
        "{report}"
    );
    let info = ProgInfo::get(&engine, fd).unwrap();
    assert_eq!((info.nr_func_info, info.nr_line_info), (2, 2));
    assert_ne!(info.btf_id, 0);
}
