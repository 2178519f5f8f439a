//! Accesses to values: what is inside, what is not, what is said about it.

use super::*;

const SIZE: usize = 12;

/// Two slots of twelve bytes for two cpus, in the middle of other things.
fn values(mem: &RawMem) -> Values<'_> {
    let layout = ValueLayout {
        base: 64,
        stride: 16,
        cpu_stride: 64,
        value_size: SIZE,
        slots: 2,
        cpus: 2,
    };
    Values::new(mem, layout)
}

fn piece() -> RawMem {
    RawMem::zeroed(256).expect("memory")
}

const PLACE: ValueRef = ValueRef { slot: 1, cpu: 1 };

const WIDTHS: [Width; 4] = [Width::One, Width::Two, Width::Four, Width::Eight];

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri cannot follow accesses of several widths to a word"
)]
fn an_access_is_inside_or_refused() {
    let mem = piece();
    let values = values(&mem);
    let far = [i64::MIN, i64::MIN + 1, -9, -1, i64::MAX - 8, i64::MAX];
    for width in WIDTHS {
        let len = width.bytes();
        for offset in (-9..20).chain(far) {
            let inside = offset >= 0 && offset.saturating_add(len as i64) <= SIZE as i64;
            let fault = ValueFault::OutOfBounds {
                offset,
                len,
                value_size: SIZE,
            };
            let expected = if inside { Ok(()) } else { Err(fault) };
            assert_eq!(values.load(PLACE, offset, width).map(|_| ()), expected);
            assert_eq!(values.store(PLACE, offset, width, 1), expected);
            assert_eq!(values.check(PLACE, offset, len), expected);
            assert_eq!(values.read(PLACE, offset, &mut vec![0; len]), expected);
            assert_eq!(values.write(PLACE, offset, &vec![0; len]), expected);
        }
    }
    assert_eq!(values.check(PLACE, 12, 0), Ok(()));
    assert!(values.check(PLACE, 13, 0).is_err());
    assert!(values.check(PLACE, 0, usize::MAX).is_err());
}

#[test]
fn a_place_that_is_not_there_is_refused() {
    let mem = piece();
    let values = values(&mem);
    for (slot, cpu) in [(2, 0), (0, 2), (u32::MAX, 0), (0, u32::MAX)] {
        let fault = ValueFault::NoElement {
            slot,
            cpu,
            slots: 2,
            cpus: 2,
        };
        let value = ValueRef { slot, cpu };
        assert_eq!(values.load(value, 0, Width::One), Err(fault));
    }
}

#[test]
fn faults_are_sentences() {
    let mem = piece();
    let fault = values(&mem)
        .load(PLACE, -1, Width::Four)
        .expect_err("outside");
    let text = "4 bytes at offset -1 are not inside a value of 12 bytes";
    assert_eq!(fault.to_string(), text);
}

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri cannot follow accesses of several widths to a word"
)]
fn accesses_touch_their_own_bytes() {
    let mem = piece();
    let values = values(&mem);
    let whole = |mem: &RawMem| {
        let mut bytes = [0; 256];
        mem.copy_out(0, &mut bytes);
        bytes
    };
    for len in 0..=SIZE {
        for offset in 0..=SIZE - len {
            mem.clear(0, 256);
            let from: Vec<u8> = (1..=len as u8).collect();
            assert_eq!(values.write(PLACE, offset as i64, &from), Ok(()));
            let mut expected = [0; 256];
            let start = 64 + 16 + 64 + offset;
            expected[start..start + len].copy_from_slice(&from);
            assert_eq!(whole(&mem), expected, "{len} at {offset}");
            let mut to = vec![0; len];
            assert_eq!(values.read(PLACE, offset as i64, &mut to), Ok(()));
            assert_eq!(to, from);
        }
    }
}

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri cannot follow accesses of several widths to a word"
)]
fn atomic_operations_are_those_of_the_instructions() {
    let mem = piece();
    let values = values(&mem);
    let expected = 0xf0;
    for (op, operand, after) in [
        (AtomicOp::Add, 0x11, 0x101),
        (AtomicOp::Or, 0x0f, 0xff),
        (AtomicOp::And, 0x3c, 0x30),
        (AtomicOp::Xor, 0xff, 0x0f),
        (AtomicOp::Exchange, 0x12, 0x12),
        (AtomicOp::CompareExchange { expected }, 0x13, 0x13),
        (AtomicOp::CompareExchange { expected: 0xf1 }, 0x13, 0xf0),
        (AtomicOp::LoadAcquire, 0x14, 0xf0),
        (AtomicOp::StoreRelease, 0x15, 0x15),
    ] {
        for width in [Width::Four, Width::Eight] {
            assert_eq!(values.store(PLACE, 0, width, 0xf0), Ok(()));
            let before = values.atomic(PLACE, 0, width, op, operand);
            assert_eq!(before, Ok(0xf0), "{op:?} {width:?}");
            assert_eq!(values.load(PLACE, 0, width), Ok(after), "{op:?} {width:?}");
        }
    }
    // The upper halves of operand and comparison do not count for four bytes.
    assert_eq!(values.store(PLACE, 0, Width::Eight, 7 << 32 | 5), Ok(()));
    let op = AtomicOp::CompareExchange {
        expected: 9 << 32 | 5,
    };
    assert_eq!(values.atomic(PLACE, 0, Width::Four, op, 9 << 32 | 6), Ok(5));
    assert_eq!(values.load(PLACE, 0, Width::Eight), Ok(7 << 32 | 6));
}

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri cannot follow accesses of several widths to a word"
)]
fn atomic_operations_want_aligned_words() {
    let mem = piece();
    let values = values(&mem);
    let add = |offset, width| values.atomic(PLACE, offset, width, AtomicOp::Add, 1);
    for (offset, width) in [
        (2, Width::Four),
        (4, Width::Eight),
        (0, Width::One),
        (0, Width::Two),
    ] {
        let len = width.bytes();
        assert_eq!(
            add(offset, width),
            Err(ValueFault::NotAtomic { offset, len })
        );
    }
    assert_eq!((add(4, Width::Four), add(8, Width::Four)), (Ok(0), Ok(0)));
    for width in WIDTHS {
        let stored = values.atomic(PLACE, 0, width, AtomicOp::StoreRelease, 200);
        let loaded = values.atomic(PLACE, 0, width, AtomicOp::LoadAcquire, 0);
        assert_eq!((stored.is_ok(), loaded), (true, Ok(200)));
    }
}
