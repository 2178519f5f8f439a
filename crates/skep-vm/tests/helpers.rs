//! Helper calls: what a helper is given, what comes back, what is refused.

mod support;

use skep_abi::Insn;
use skep_abi::insn::op::{self, B, DW, W};
use skep_vm::ViolationKind as Kind;
use support::*;

fn with_map(body: &[Insn]) -> Vec<Insn> {
    let mut insns = imm64(1, 1, MAP as i32, 0).to_vec();
    insns.extend_from_slice(body);
    insns.push(EXIT);
    insns
}

/// Runs, and gives the result and what helpers saw.
fn run_logged(insns: &[Insn]) -> (Result<u64, String>, Vec<String>) {
    let data: Vec<u8> = (0..14).collect();
    let mut host = Host::new();
    let outcome = run_with(insns, &mut host, &mut packet(&data));
    let result = outcome
        .map(|returned| returned.value)
        .map_err(|violation| violation.to_string());
    (result, host.log)
}

#[test]
fn a_value_is_looked_up_and_read() {
    let insns = with_map(&[
        store_imm(DW, 10, -8, 1),
        mov_reg(2, 10),
        add(2, -8),
        call(HELPER_LOOKUP),
        load(W, 0, 0, 4),
    ]);
    let (result, log) = run_logged(&insns);
    assert_eq!(result, Ok(0x07060504));
    assert_eq!(
        log,
        ["1 [Map(3), In([1, 0, 0, 0, 0, 0, 0, 0]), None, None, None]"]
    );
}

#[test]
fn a_missing_value_is_null() {
    let insns = with_map(&[
        store_imm(DW, 10, -8, 2),
        mov_reg(2, 10),
        add(2, -8),
        call(HELPER_LOOKUP),
        load(W, 0, 0, 4),
    ]);
    let (result, _) = run_logged(&insns);
    assert_eq!(
        result,
        Err(
            "instruction 6: reads 4 bytes at null + 4, but there is nothing; a pointer that may \
             be null has to be compared with it first"
                .to_owned()
        )
    );
}

#[test]
fn bytes_come_from_packet_and_object() {
    let mut insns = vec![load(W, 6, 1, 0)];
    insns.extend(imm64(1, 1, MAP as i32, 0));
    insns.push(mov_reg(2, 6));
    insns.extend(imm64(3, 2, i32::from(OBJECT), 0));
    insns.extend([mov(4, 7), call(HELPER_UPDATE), EXIT]);
    let (result, log) = run_logged(&insns);
    assert_eq!(result, Ok(0));
    assert_eq!(
        log,
        [
            "9 [Map(3), In([0, 1, 2, 3, 4, 5, 6, 7]), In([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, \
          13, 14, 15]), Number(7), None]"
        ]
    );
}

#[test]
fn results_are_put_back() {
    let fill = |set_r1: &[Insn], check: &[Insn]| {
        let mut insns = set_r1.to_vec();
        insns.extend([mov_reg(6, 1), mov(2, 3), call(HELPER_FILL)]);
        insns.extend_from_slice(check);
        insns.push(EXIT);
        run_logged(&insns).0
    };
    let stack = fill(
        &[store_imm(DW, 10, -8, 0), mov_reg(1, 10), add(1, -8)],
        &[load(DW, 0, 10, -8)],
    );
    assert_eq!(stack, Ok(0xababab));
    let in_packet = fill(&[load(W, 1, 1, 0)], &[load(W, 0, 6, 0)]);
    assert_eq!(in_packet, Ok(0x03ababab));
    let object = fill(&imm64(1, 2, i32::from(OBJECT), 2), &[load(B, 0, 6, 2)]);
    assert_eq!(object, Ok(0xab));
    let constant = fill(&imm64(1, 2, i32::from(CONSTANT), 2), &[]);
    assert_eq!(
        constant,
        Err(
            "instruction 4: calls bpf_fill with r1 as room for its result, 3 writable bytes, at \
             offset 2 of the test's object, but a program may only read it"
                .to_owned()
        )
    );
}

#[test]
fn null_memory_of_size_zero() {
    let read = |pointer: i32, size: i32| {
        run_logged(&[mov(1, pointer), mov(2, size), call(HELPER_READ), EXIT])
    };
    assert_eq!(read(0, 0).1, ["7 [None, Number(0), None, None, None]"]);
    assert_eq!(
        read(0, 4).0,
        Err(
            "instruction 2: calls bpf_read with r1, but that may be null only with a size of 0"
                .to_owned()
        )
    );
    assert_eq!(
        read(5, -1).0,
        Err("instruction 2: calls bpf_read with r2, but a size of -1 is not allowed".to_owned())
    );
}

#[test]
fn a_subprogram_is_passed() {
    let insns = [
        imm64(1, 4, 3, 0)[0],
        imm64(1, 4, 3, 0)[1],
        call(HELPER_CALLBACK),
        EXIT,
        mov(0, 0),
        EXIT,
    ];
    assert_eq!(
        run_logged(&insns).1,
        ["8 [Func(4), None, None, None, None]"]
    );
}

#[test]
fn arguments_that_are_refused() {
    let cases: &[(&[Insn], &str)] = &[
        (
            &[mov(1, 5), call(HELPER_LOOKUP)],
            "instruction 1: calls bpf_lookup with r1, but that takes a map",
        ),
        (
            &[
                mov_reg(2, 1),
                add(2, 4),
                mov_reg(1, 2),
                call(HELPER_CONTEXT),
            ],
            "instruction 3: calls bpf_context with r1, but that takes the context, unmodified",
        ),
        (
            &[mov(1, 5), call(HELPER_CALLBACK)],
            "instruction 1: calls bpf_callback with r1, but that takes a subprogram",
        ),
        (
            &[mov_reg(1, 10), add(1, -8), mov(2, 0), call(HELPER_FILL)],
            "instruction 3: calls bpf_fill with r2, but a size of 0 is not allowed here",
        ),
        (
            &[mov_reg(1, 10), add(1, -8), mov(2, 9), call(HELPER_FILL)],
            "instruction 3: calls bpf_fill with r1 as room for its result, 9 writable bytes, at \
             r10-8, but the stack reaches from r10-512 up to r10",
        ),
        (
            &[mov(2, 4), call(HELPER_READ)],
            "instruction 1: calls bpf_read with r1 as its memory, 4 readable bytes, at the \
             context, but helpers do not take it as memory",
        ),
        (
            &[mov(1, 13), call(HELPER_NUMBER)],
            "instruction 1: calls bpf_number with r1, but 13 is not taken here",
        ),
    ];
    for (insns, sentence) in cases {
        assert_eq!(run_logged(insns).0, Err((*sentence).to_owned()));
    }
    let insns = with_map(&[load(W, 2, 1, 0)]);
    assert_eq!(
        run(&insns).expect_err("a map is no memory").kind,
        Kind::NotAPointer
    );
}

#[test]
fn a_key_beyond_the_packet() {
    let mut insns = vec![load(W, 6, 1, 4), add(6, -4)];
    insns.extend(imm64(1, 1, MAP as i32, 0));
    insns.extend([mov_reg(2, 6), call(HELPER_LOOKUP), EXIT]);
    let violation = run(&insns).expect_err("the key is 8 bytes");
    assert_eq!(
        violation.to_string(),
        "instruction 5: calls bpf_lookup with r2 as the map's key, 8 readable bytes, at packet \
         offset 10, but the packet ends at 14"
    );
    assert_eq!(violation.kind, Kind::HelperArgument);
    let access = violation.access.expect("it is about an access");
    assert_eq!((access.bytes, access.write), (8, false));
    assert_eq!(access.address.class(), skep_vm::Class::Packet);
}

#[test]
fn atomics_reach_objects() {
    let mut insns = imm64(2, 2, i32::from(OBJECT), 8).to_vec();
    insns.extend([
        mov(3, 1),
        atomic(DW, 2, 3, 0, i32::from(op::ADD) | op::FETCH),
        load(DW, 0, 2, 0),
        Insn::new(op::ALU64 | op::SUB | op::X, 0, 3, 0, 0),
        EXIT,
    ]);
    assert_eq!(run_logged(&insns).0, Ok(1));
}
