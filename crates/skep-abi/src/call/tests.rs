//! bpf(2)'s rules for attributes, tried on an implementation that records what reaches it.
//!
//! Every errno here was first asked of Linux 6.18.

use super::*;
use crate::{MapRef, TrustedMem};
use core::cell::UnsafeCell;
use proptest::prelude::*;
use std::sync::Mutex;

/// Memory of `LEN` bytes at address 0x10000; nothing else is mapped.
struct Ram(Mutex<Vec<u8>>);

const BASE: u64 = 0x10000;

impl Ram {
    fn new(bytes: &[u8]) -> Self {
        Ram(Mutex::new(bytes.to_vec()))
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

fn place(addr: u64, len: usize, all: usize) -> Result<core::ops::Range<usize>> {
    let start = addr.checked_sub(BASE).ok_or(Errno::EFAULT)? as usize;
    let end = start.checked_add(len).ok_or(Errno::EFAULT)?;
    if end <= all {
        Ok(start..end)
    } else {
        Err(Errno::EFAULT)
    }
}

impl UserMem for Ram {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        let ram = self.0.lock().unwrap();
        if !into.is_empty() {
            into.copy_from_slice(&ram[place(addr, into.len(), ram.len())?]);
        }
        Ok(())
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        let mut ram = self.0.lock().unwrap();
        let all = ram.len();
        ram[place(addr, from.len(), all)?].copy_from_slice(from);
        Ok(())
    }
}

/// Notes what it is asked, and answers what the test wants.
#[derive(Default)]
struct Recorder {
    log: Mutex<Vec<String>>,
    refuse: Option<Errno>,
}

impl Recorder {
    fn note(&self, text: String) {
        self.log.lock().unwrap().push(text);
    }

    fn taken(&self) -> Vec<String> {
        core::mem::take(&mut self.log.lock().unwrap())
    }

    fn answer<T>(&self, value: T) -> Result<T> {
        self.refuse.map_or(Ok(value), Err)
    }
}

impl Bpf for Recorder {
    fn close(&self, fd: Fd) -> Result<()> {
        self.note(format!("close {fd}"));
        Ok(())
    }

    fn resolve(&self, _map: Fd) -> Result<MapRef> {
        Err(Errno::EBADF)
    }

    fn possible_cpus(&self) -> Result<u32> {
        Ok(1)
    }

    fn map_lookup_elem(&self, cmd: &mut MapLookupElem<'_>) -> Result<()> {
        self.note(format!("lookup {} {:?} {:#x}", cmd.map, cmd.key, cmd.flags));
        cmd.value.write(&[7; 8])?;
        self.answer(())
    }

    fn map_get_next_id(&self, cmd: &mut MapGetNextId) -> Result<()> {
        cmd.next_id = 0x01020304;
        self.answer(())
    }

    fn map_update_batch(&self, cmd: &mut MapUpdateBatch<'_>) -> Result<()> {
        cmd.count = 2;
        self.answer(())
    }

    fn prog_load(&self, cmd: &mut ProgLoad<'_>) -> Result<Fd> {
        cmd.log_true_size = 98;
        self.answer(Fd(5))
    }

    fn prog_query(&self, cmd: &mut ProgQuery<'_>) -> Result<()> {
        self.note(format!("query {}", cmd.target));
        self.answer(())
    }

    fn prog_stream_read_by_fd(&self, cmd: &mut ProgStreamRead<'_>) -> Result<u32> {
        self.answer(cmd.buf_len)
    }
}

/// An attribute: bytes at offsets, `len` long.
fn attr(len: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (at, field) in fields {
        bytes[*at..*at + field.len()].copy_from_slice(field);
    }
    bytes
}

fn ask(cmd: Cmd, bytes: &[u8], size: usize) -> Result<i64> {
    call(
        &Recorder::default(),
        &Ram::new(bytes),
        cmd.0,
        BASE,
        size as u32,
    )
}

#[test]
fn a_length_over_a_page_is_refused_before_anything_is_read() {
    let bpf = Recorder::default();
    for cmd in [Cmd::MAP_LOOKUP_ELEM, Cmd::MAP_FREEZE, Cmd(99)] {
        let answer = call(&bpf, &Ram::new(&[]), cmd.0, 8, 4097);
        assert_eq!(answer, Err(Errno::E2BIG), "{cmd}");
    }
    assert_eq!(
        ask(Cmd::MAP_GET_NEXT_ID, &[0; 4096], 4096),
        Ok(0),
        "a page is fine"
    );
}

#[test]
fn an_unknown_number_is_told_so_after_its_attribute_was_read() {
    for cmd in [38, 99, 1 << 16, 1 << 31, u32::MAX] {
        assert_eq!(ask(Cmd(cmd), &[0; 168], 168), Err(Errno::EINVAL));
        assert_eq!(ask(Cmd(cmd), &[], 168), Err(Errno::EFAULT));
        assert_eq!(ask(Cmd(cmd), &[], 0), Err(Errno::EINVAL));
        assert_eq!(ask(Cmd(cmd), &[1; 172], 172), Err(Errno::E2BIG));
    }
}

#[test]
fn a_tail_past_the_known_attribute_must_be_zero() {
    for (len, at) in [(169, 168), (176, 175), (4096, 4095), (4096, 168)] {
        let bytes = attr(len, &[(at, &[1])]);
        for cmd in [Cmd::MAP_LOOKUP_ELEM, Cmd::PROG_LOAD, Cmd::MAP_GET_NEXT_ID] {
            assert_eq!(ask(cmd, &bytes, len), Err(Errno::E2BIG), "{cmd} {at}");
        }
    }
    // Both wrong: what comes first in memory decides.
    let bytes = attr(176, &[(168, &[1])]);
    assert_eq!(ask(Cmd::MAP_FREEZE, &bytes, 200), Err(Errno::E2BIG));
    assert_eq!(ask(Cmd::MAP_FREEZE, &[0; 176], 200), Err(Errno::EFAULT));
    // The tail is judged before the fields.
    let bytes = attr(176, &[(4, &[1]), (172, &[1])]);
    assert_eq!(ask(Cmd::MAP_FREEZE, &bytes, 176), Err(Errno::E2BIG));
}

#[test]
fn bytes_past_the_last_field_must_be_zero_for_every_command() {
    for &cmd in Cmd::ALL {
        if cmd == Cmd::PROG_LOAD {
            continue; // It fills the whole attribute.
        }
        for size in [168, 200] {
            let bytes = attr(size, &[(167, &[1])]);
            assert_eq!(ask(cmd, &bytes, size), Err(Errno::EINVAL), "{cmd}");
        }
    }
    let ends = [
        (Cmd::MAP_LOOKUP_ELEM, 32),
        (Cmd::MAP_GET_NEXT_ID, 8),
        (Cmd::MAP_UPDATE_BATCH, 56),
        (Cmd::PROG_STREAM_READ_BY_FD, 20),
    ];
    for (cmd, end) in ends {
        for size in [end + 1, end + 9, 168] {
            let bytes = attr(size, &[(end, &[1])]);
            assert_eq!(ask(cmd, &bytes, size), Err(Errno::EINVAL), "{cmd} {size}");
            assert_ne!(
                ask(cmd, &attr(size, &[]), size),
                Err(Errno::EINVAL),
                "{cmd}"
            );
        }
    }
}

#[test]
fn a_shorter_attribute_is_zero_extended_and_nothing_past_it_is_read() {
    let bpf = Recorder::default();
    let key = 0x1122334455667788u64.to_ne_bytes();
    let value = (BASE + 40).to_ne_bytes();
    let bytes = attr(48, &[(0, &[3]), (8, &key), (16, &value), (24, &[4])]);
    let ram = Ram::new(&bytes);
    assert_eq!(call(&bpf, &ram, 1, BASE, 32), Ok(0));
    assert_eq!(call(&bpf, &ram, 1, BASE, 24), Ok(0));
    assert_eq!(call(&bpf, &ram, 1, BASE, 8), Err(Errno::EFAULT));
    assert_eq!(call(&bpf, &Ram::new(&[]), 1, 0, 0), Err(Errno::EFAULT));
    assert_eq!(
        bpf.taken(),
        [
            "lookup 3 0x1122334455667788 0x4",
            "lookup 3 0x1122334455667788 0x0",
            "lookup 3 0x0 0x0",
            "lookup 0 0x0 0x0",
        ]
    );
    assert_eq!(ram.bytes()[40..], [7; 8]);
    // The attribute ends where the memory does: only what was given is touched.
    assert_eq!(ask(Cmd::MAP_GET_NEXT_ID, &[0; 8], 8), Ok(0));
    assert_eq!(ask(Cmd::MAP_GET_NEXT_ID, &[0; 8], 9), Err(Errno::EFAULT));
    assert_eq!(ask(Cmd::MAP_LOOKUP_ELEM, &[0; 31], 32), Err(Errno::EFAULT));
}

#[test]
fn padding_between_fields_is_not_looked_at() {
    let bpf = Recorder::default();
    let value = (BASE + 40).to_ne_bytes();
    let bytes = attr(48, &[(4, &[0xff; 4]), (16, &value)]);
    assert_eq!(call(&bpf, &Ram::new(&bytes), 1, BASE, 32), Ok(0));
}

#[test]
fn an_output_is_written_even_past_a_short_attribute() {
    let ram = Ram::new(&[0xee; 12]);
    assert_eq!(call(&Recorder::default(), &ram, 12, BASE, 0), Ok(0));
    let mut expected = vec![0xee; 12];
    expected[4..8].copy_from_slice(&0x01020304u32.to_ne_bytes());
    assert_eq!(ram.bytes(), expected);
}

#[test]
fn an_output_set_by_a_failing_command_is_written_and_another_is_not() {
    let bpf = Recorder {
        refuse: Some(Errno::E2BIG),
        ..Recorder::default()
    };
    let ram = Ram::new(&attr(56, &[(32, &[9])]));
    assert_eq!(
        call(&bpf, &ram, Cmd::MAP_UPDATE_BATCH.0, BASE, 56),
        Err(Errno::E2BIG)
    );
    assert_eq!(ram.bytes()[32..36], 2u32.to_ne_bytes());
    let ram = Ram::new(&attr(56, &[(32, &[9])]));
    assert_eq!(
        call(&bpf, &ram, Cmd::MAP_DELETE_BATCH.0, BASE, 56),
        Err(Errno::EINVAL)
    );
    assert_eq!(ram.bytes()[32..36], 9u32.to_ne_bytes());
}

#[test]
fn the_length_of_a_log_is_told_only_to_who_left_room_for_it() {
    for (size, told) in [(140, false), (143, false), (144, true), (168, true)] {
        let ram = Ram::new(&[0; 168]);
        assert_eq!(
            call(&Recorder::default(), &ram, Cmd::PROG_LOAD.0, BASE, size),
            Ok(5)
        );
        let expected = if told { 98u32 } else { 0 };
        assert_eq!(ram.bytes()[140..144], expected.to_ne_bytes(), "{size}");
    }
}

#[test]
fn a_descriptor_nobody_can_be_told_of_is_closed() {
    struct ReadOnly;
    impl UserMem for ReadOnly {
        fn read(&self, _addr: u64, into: &mut [u8]) -> Result<()> {
            into.fill(0);
            Ok(())
        }
        fn write(&self, _addr: u64, _from: &[u8]) -> Result<()> {
            Err(Errno::EFAULT)
        }
    }
    let bpf = Recorder::default();
    let answer = call(&bpf, &ReadOnly, Cmd::PROG_LOAD.0, BASE, 168);
    assert_eq!(answer, Err(Errno::EFAULT));
    assert_eq!(bpf.taken(), ["close 5"]);
    assert_eq!(call(&bpf, &ReadOnly, Cmd::PROG_LOAD.0, BASE, 140), Ok(5));
}

#[test]
fn a_query_asks_who_calls_before_it_looks_at_its_attribute() {
    let bytes = attr(168, &[(0, &[3]), (167, &[1])]);
    for (refuse, expected) in [
        (None, Errno::EINVAL),
        (Some(Errno::EPERM), Errno::EPERM),
        (Some(Errno::EBADF), Errno::EINVAL),
    ] {
        let bpf = Recorder {
            refuse,
            ..Recorder::default()
        };
        let answer = call(&bpf, &Ram::new(&bytes), Cmd::PROG_QUERY.0, BASE, 168);
        assert_eq!(answer, Err(expected));
        assert_eq!(bpf.taken(), ["query 0"], "nothing of the attribute is used");
    }
}

#[test]
fn a_number_is_returned_as_the_system_call_returns_it() {
    let bytes = attr(20, &[(8, &[42])]);
    assert_eq!(ask(Cmd::PROG_STREAM_READ_BY_FD, &bytes, 20), Ok(42));
}

#[test]
fn any_memory_and_any_implementation_can_be_behind_a_reference() {
    let bpf: &dyn Bpf = &Recorder::default();
    let ram = Ram::new(&[0; 8]);
    let mem: &dyn UserMem = &ram;
    assert_eq!(call(bpf, &mem, 12, BASE, 8), Ok(0));
}

#[test]
fn trusted_memory_is_read_and_written_in_place() {
    let value = UnsafeCell::new([0u8; 8]);
    let key = [1u8, 2, 3, 4];
    let value_addr = (value.get().expose_provenance() as u64).to_ne_bytes();
    let key_addr = (key.as_ptr().expose_provenance() as u64).to_ne_bytes();
    let bytes = attr(168, &[(8, &key_addr), (16, &value_addr)]);
    let addr = bytes.as_ptr().expose_provenance() as u64;
    let mem = TrustedMem::for_tests();
    assert_eq!(call(&Recorder::default(), &mem, 1, addr, 168), Ok(0));
    assert_eq!(value.into_inner(), [7; 8]);
    assert_eq!(
        call(&Recorder::default(), &mem, 1, 0, 168),
        Err(Errno::EFAULT)
    );
}

proptest! {
    #[test]
    fn no_attribute_is_too_wrong(
        cmd in prop_oneof![0u32..40, any::<u32>()],
        bytes in proptest::collection::vec(prop_oneof![9 => Just(0u8), 1 => any::<u8>()], 0..300),
        offset in 0u64..400,
        size in prop_oneof![0u32..300, any::<u32>()],
    ) {
        let ram = Ram::new(&bytes);
        let answer = call(&Recorder::default(), &ram, cmd, BASE + offset, size);
        // What was not given is not written, but for the outputs.
        if answer.is_ok() {
            prop_assert!(cmd < 38 && size <= MAX_SIZE);
        } else {
            prop_assert!(cmd == Cmd::MAP_UPDATE_BATCH.0 || ram.bytes() == bytes);
        }
    }
}
