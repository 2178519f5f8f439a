//! Per-CPU values as user space sees them.
//!
//! Answers to: bpf_percpu_copy and its like in kernel/bpf/syscall.c, arraymap.c,
//! hashtab.c.

use crate::system::*;
use skep::abi::*;

cases![
    each_cpu_has_its_own_value,
    values_are_rounded_up_to_eight_bytes,
    padding_written_is_padding_read,
    the_largest_value,
];

const BOTH: [MapAttr; 2] = [PERCPU_HASH, PERCPU_ARRAY];

fn each_cpu_has_its_own_value(s: &System) {
    for attr in BOTH {
        let map = s.map(attr);
        let value: Vec<u8> = (0..s.cpus() as u64)
            .flat_map(|cpu| (cpu * 1000 + 7).to_ne_bytes())
            .collect();
        assert_eq!(s.update(&map, 3, &value, 0), Ok(()), "{attr:?}");
        assert_eq!(
            s.lookup(&map, 3, value.len()),
            Ok(value.clone()),
            "{attr:?}"
        );
        let zero = s.user_value(attr, 0);
        assert_eq!(s.update(&map, 2, &zero, 0), Ok(()), "{attr:?}");
        assert_eq!(s.lookup(&map, 2, value.len()), Ok(zero), "{attr:?}");
        assert_eq!(s.lookup(&map, 3, value.len()), Ok(value), "{attr:?}");
    }
}

fn values_are_rounded_up_to_eight_bytes(s: &System) {
    for attr in BOTH {
        for value_size in [1usize, 4, 7, 8, 9, 12, 16, 17] {
            let map = s.map(MapAttr {
                value_size: value_size as u32,
                ..attr
            });
            let stride = value_size.next_multiple_of(8);
            let whole = stride * s.cpus();
            let value: Vec<u8> = (0..whole).map(|at| at as u8 + 1).collect();
            assert_eq!(
                s.update(&map, 0, &value, 0),
                Ok(()),
                "{attr:?} {value_size}"
            );
            assert_eq!(
                s.update(&map, 0, &value[1..], 0),
                Err(Errno::EFAULT),
                "{attr:?}"
            );
            let seen = s.lookup(&map, 0, whole).expect("the value");
            for (cpu, (one, other)) in seen.chunks(stride).zip(value.chunks(stride)).enumerate() {
                assert_eq!(one[..value_size], other[..value_size], "{attr:?} cpu {cpu}");
            }
            assert_eq!(s.lookup(&map, 0, whole - 1), Err(Errno::EFAULT), "{attr:?}");
        }
    }
}

fn padding_written_is_padding_read(s: &System) {
    for attr in BOTH {
        let map = s.map(MapAttr {
            value_size: 5,
            ..attr
        });
        let value = vec![0xab; 8 * s.cpus()];
        assert_eq!(s.update(&map, 1, &value, 0), Ok(()), "{attr:?}");
        assert_eq!(s.lookup(&map, 1, value.len()), Ok(value), "{attr:?}");
    }
}

fn the_largest_value(s: &System) {
    for attr in BOTH {
        let map = s.map(MapAttr {
            value_size: 32768,
            ..attr
        });
        let value: Vec<u8> = (0..32768 * s.cpus()).map(|at| (at >> 5) as u8).collect();
        assert_eq!(s.update(&map, 1, &value, 0), Ok(()), "{attr:?}");
        assert!(s.lookup(&map, 1, value.len()) == Ok(value), "{attr:?}");
    }
}
