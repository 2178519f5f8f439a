//! Tests of the raw memory and of region creation.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::*;

fn piece(len: usize) -> RawMem {
    RawMem::zeroed(len).expect("memory")
}

#[test]
fn a_new_piece_is_zero_and_page_aligned() {
    let mem = piece(100);
    assert_eq!(mem.len(), 100);
    assert_eq!(mem.base().as_ptr() as usize % 4096, 0);
    let mut out = [1; 96];
    mem.copy_out(0, &mut out);
    assert_eq!(out, [0; 96]);
}

#[test]
fn words_are_where_they_were_put() {
    let mem = piece(64);
    mem.store_u32(4, 7, Release);
    mem.store_u64(8, u64::MAX, Relaxed);
    assert_eq!(mem.load_u32(4, Acquire), 7);
    assert_eq!(mem.load_u32(0, Acquire), 0);
    assert_eq!(mem.fetch_add_u32(4, 3, Relaxed), 7);
    assert_eq!(
        mem.compare_exchange_u32(4, 10, 11, Relaxed, Relaxed),
        Ok(10)
    );
    assert_eq!(
        mem.compare_exchange_u32(4, 10, 12, Relaxed, Relaxed),
        Err(11)
    );
    assert_eq!(mem.fetch_add_u64(8, 2, Relaxed), u64::MAX);
    assert_eq!(mem.load_u64(8, Relaxed), 1);
}

#[test]
fn copies_of_every_length_come_back_and_pad_with_zeros() {
    let mem = piece(64);
    for len in 0..=24_usize {
        mem.copy_in(16, &[0xff; 24]);
        let bytes: Vec<u8> = (1..=len as u8).collect();
        mem.copy_in(16, &bytes);
        let mut out = vec![0; len.next_multiple_of(8)];
        mem.copy_out(16, &mut out);
        assert_eq!(&out[..len], bytes);
        assert!(out[len..].iter().all(|byte| *byte == 0));
        let mut short = vec![0; len];
        mem.copy_out(16, &mut short);
        assert_eq!(short, bytes);
    }
    mem.clear(16, 24);
    let mut out = [1; 24];
    mem.copy_out(16, &mut out);
    assert_eq!(out, [0; 24]);
}

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri cannot follow accesses of several widths to a word"
)]
fn a_program_may_access_any_width_at_any_offset() {
    let mem = piece(64);
    for size in [1, 2, 4, 8] {
        let limit = if size == 8 {
            u64::MAX
        } else {
            (1 << (size * 8)) - 1
        };
        for offset in 8..24 {
            mem.clear(0, 64);
            let value = 0x8877_6655_4433_2211;
            mem.store_bytes(offset, size, value);
            assert_eq!(mem.load_bytes(offset, size), value & limit);
            let mut all = [0; 64];
            mem.copy_out(0, &mut all);
            let mut expected = [0; 64];
            let from = if cfg!(target_endian = "little") {
                0
            } else {
                8 - size
            };
            expected[offset..offset + size]
                .copy_from_slice(&value.to_ne_bytes()[from..from + size]);
            assert_eq!(all, expected, "size {size} at {offset}");
        }
    }
}

#[test]
fn atomic_operations_answer_the_old_word() {
    let mem = piece(64);
    for (op, word) in [
        (AtomicOp::Add, 0x1_0000_0005_u64),
        (AtomicOp::Or, 0xffff_ffff_0000_000f),
        (AtomicOp::And, 2),
        (AtomicOp::Xor, 0x0f),
        (AtomicOp::Exchange, 1),
    ] {
        mem.store_u64(0, 0xffff_ffff_0000_0006, Relaxed);
        assert_eq!(mem.atomic_u64(0, op, word), 0xffff_ffff_0000_0006);
        assert_eq!(
            mem.load_u64(0, Relaxed),
            op.apply(0xffff_ffff_0000_0006, word)
        );
        mem.store_u32(8, 6, Relaxed);
        assert_eq!(mem.atomic_u32(8, op, word as u32), 6);
        assert_eq!(
            mem.load_u32(8, Relaxed),
            op.apply(6, word & 0xffff_ffff) as u32
        );
    }
}

#[test]
fn a_region_says_what_it_is_and_shares_no_page() {
    let attr = RegionAttr {
        map_type: 1,
        key_size: 4,
        max_entries: 3,
        ..Default::default()
    };
    let region = Region::<RawMem>::create(&attr, 10, 20).expect("memory");
    assert_eq!(region.attr(), &attr);
    assert_eq!(region.control().len(), HEADER_SIZE + 20);
    assert_eq!(region.control().load_u64(field::MAGIC, Relaxed), MAGIC);
    assert_eq!(region.control().load_u32(field::MAX_ENTRIES, Relaxed), 3);
    assert_eq!(region.len(), 10 + 20 + HEADER_SIZE as u64);
    let data = region.data().base().as_ptr() as usize / 4096;
    let control = region.control().base().as_ptr() as usize / 4096;
    assert_ne!(data, control);
}

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri ends where a system answers that there is no memory"
)]
fn more_than_there_is_gives_enomem() {
    let attr = RegionAttr::default();
    for (data, control) in [(u64::MAX, 0), (0, u64::MAX), (1 << 62, 0), (0, 1 << 61)] {
        let region = Region::<RawMem>::create(&attr, data, control);
        assert_eq!(region.err(), Some(Errno::ENOMEM), "{data} {control}");
    }
}

/// Wild offsets cannot leave the piece. Only without debug assertions, which report them first.
#[cfg(not(debug_assertions))]
#[test]
fn a_wild_offset_stays_inside() {
    let mem = piece(4096);
    for offset in [4096, 4097, usize::MAX, usize::MAX - 6, 1 << 40] {
        mem.store_u64(offset, 1, Relaxed);
        mem.load_u32(offset, Relaxed);
        mem.load_bytes(offset, 8);
    }
}

#[test]
fn both_ways_to_compare_bytes_agree() {
    let words = [
        0,
        1,
        0x0100,
        u64::MAX,
        0x8000_0000_0000_0000,
        0x0101_0001_ff7f_8000,
    ];
    for word in words
        .into_iter()
        .flat_map(|word| [word, !word, word.rotate_left(20)])
    {
        for byte in 0..=255 {
            let bits = word.to_le_bytes().into_iter().rev();
            let expected = bits.fold(0, |bits, is| bits << 1 | u32::from(is == byte));
            assert_eq!(raw::equal_bytes(word, byte), expected, "{word:x} {byte:x}");
            assert_eq!(
                raw::equal_bytes_by_arithmetic(word, byte),
                expected,
                "{word:x} {byte:x}"
            );
        }
    }
}
