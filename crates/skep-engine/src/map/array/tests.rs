//! ARRAY and PERCPU_ARRAY: each operation as Linux was seen to answer, a model, threads.

use std::sync::Barrier;
use std::thread;

use proptest::prelude::*;
use skep_abi::{Errno, MapType};
use skep_vm::{AtomicOp, Width};

use super::super::testing::{get, made};
use super::*;

const BOTH: [MapType; 2] = [MapType::ARRAY, MapType::PERCPU_ARRAY];

fn array(map_type: MapType, value_size: u32, max_entries: u32, map_flags: u32) -> Arc<dyn Map> {
    let map = made(map_type, |cmd| {
        cmd.value_size = value_size;
        cmd.max_entries = max_entries;
        cmd.map_flags = map_flags;
    });
    map.expect("memory")
}

fn key(index: u32) -> [u8; 4] {
    index.to_ne_bytes()
}

#[test]
fn elements_are_there_and_zero_from_the_beginning() {
    for map_type in BOTH {
        let map = array(map_type, 5, 4, 0);
        let size = if map_type == MapType::ARRAY { 5 } else { 16 };
        assert_eq!(map.desc().user_value_size(), size);
        assert_eq!(map.desc().shape().value_size, 5);
        for index in 0..4 {
            assert_eq!(get(&*map, &key(index)), Ok(vec![0; size]));
        }
        for index in [4, 5, 0x7fff_ffff, u32::MAX] {
            assert_eq!(get(&*map, &key(index)), Err(Errno::ENOENT));
        }
    }
}

#[test]
fn an_update_is_refused_in_linuxs_order() {
    for map_type in BOTH {
        let map = array(map_type, 8, 4, 0);
        let value = vec![1; map.desc().user_value_size()];
        for (index, flags, expected) in [
            (1, 0, Ok(())),
            (1, 1, Err(Errno::EEXIST)),
            (1, 2, Ok(())),
            (4, 0, Err(Errno::E2BIG)),
            (4, 1, Err(Errno::E2BIG)),
            (u32::MAX, 2, Err(Errno::E2BIG)),
        ] {
            let found = map.update(&key(index), &value, flags);
            assert_eq!(found, expected, "{map_type} {index} {flags}");
            let found = map.program_update(0, &key(index), &value[..8], flags);
            assert_eq!(found, expected, "{map_type} {index} {flags} by a program");
        }
        for flags in [3, 4, 5, 6, 7, 8, 16, 1 << 32, 1 << 63] {
            for index in [1, 4] {
                let found = map.update(&key(index), &value, flags);
                assert_eq!(found, Err(Errno::EINVAL), "{map_type} {index} {flags:#x}");
            }
            let found = map.lookup(&key(1), &mut [0; 16], flags);
            assert_eq!(found, Err(Errno::EINVAL));
            let found = map.program_update(0, &key(1), &value[..8], flags);
            // A program's NOEXIST answers before its LOCK.
            let expected = if flags == 5 {
                Errno::EEXIST
            } else {
                Errno::EINVAL
            };
            assert_eq!(found, Err(expected), "{flags:#x}");
        }
    }
}

#[test]
fn a_programs_index_answers_before_its_lock() {
    for map_type in BOTH {
        let map = array(map_type, 8, 4, 0);
        let update = |flags| map.program_update(0, &key(77), &[0; 8], flags);
        for flags in [0, 1, 2, 4, 5, 6] {
            assert_eq!(update(flags), Err(Errno::E2BIG), "{flags}");
        }
        for flags in [3, 7, 8, 1 << 32] {
            assert_eq!(update(flags), Err(Errno::EINVAL), "{flags:#x}");
        }
    }
}

#[test]
fn nothing_is_ever_removed() {
    for map_type in BOTH {
        let map = array(map_type, 8, 4, 0);
        for index in [1, 4, u32::MAX] {
            assert_eq!(map.delete(&key(index)), Err(Errno::EINVAL));
            assert_eq!(map.program_delete(&key(index)), Err(Errno::EINVAL));
            let found = map.lookup_and_delete(&key(index), &mut [0; 16], 0);
            assert_eq!(found, Err(Errno::ENOTSUPP));
        }
    }
}

#[test]
fn keys_are_walked_in_order() {
    for map_type in BOTH {
        let map = array(map_type, 8, 4, 0);
        let next = |from: Option<u32>| {
            let mut out = [0xaa; 4];
            let from = from.map(key);
            map.next_key(from.as_ref().map(|key| &key[..]), &mut out)
                .map(|()| u32::from_ne_bytes(out))
        };
        assert_eq!(next(None), Ok(0));
        assert_eq!(
            [0, 1, 2].map(|index| next(Some(index))),
            [Ok(1), Ok(2), Ok(3)]
        );
        assert_eq!(next(Some(3)), Err(Errno::ENOENT));
        for index in [4, 5, 0x7fff_ffff, 0xffff_fffe, u32::MAX] {
            assert_eq!(next(Some(index)), Ok(0), "{index}");
        }
        assert_eq!(map.next_key(Some(&key(0)), &mut [0; 3]), Err(Errno::EFAULT));
        // The last key answers before the room for the next is looked at.
        assert_eq!(map.next_key(Some(&key(3)), &mut []), Err(Errno::ENOENT));
    }
}

#[test]
fn short_memory_is_a_fault_and_long_memory_stays() {
    for map_type in BOTH {
        let map = array(map_type, 5, 4, 0);
        let size = map.desc().user_value_size();
        let fault = Err(Errno::EFAULT);
        assert_eq!(map.lookup(&[0; 3], &mut [0; 32], 0), fault);
        assert_eq!(map.lookup(&key(0), &mut vec![0; size - 1], 0), fault);
        assert_eq!(map.update(&[0; 3], &[0; 32], 0), fault);
        assert_eq!(map.update(&key(0), &vec![0; size - 1], 0), fault);
        assert_eq!(map.program_update(0, &key(0), &[0; 4], 0), fault);
        assert_eq!(map.program_lookup(0, &[0; 3]), None);
        let mut long = vec![0xaa; size + 3];
        assert_eq!(map.lookup(&[0, 0, 0, 0, 9], &mut long, 0), Ok(()));
        assert_eq!(
            (&long[..size], &long[size..]),
            (&vec![0; size][..], &[0xaa; 3][..])
        );
    }
}

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri cannot follow accesses of several widths to a word"
)]
fn padding_of_a_cpus_value_is_user_spaces() {
    let map = array(MapType::PERCPU_ARRAY, 5, 2, 0);
    let written: Vec<u8> = (1..=16).collect();
    assert_eq!(map.update(&key(1), &written, 0), Ok(()));
    assert_eq!(get(&*map, &key(1)), Ok(written.clone()));
    // A program writes five bytes, of its own cpu.
    assert_eq!(map.program_update(1, &key(1), &[99; 5], 0), Ok(()));
    let mut expected = written;
    expected[8..13].fill(99);
    assert_eq!(get(&*map, &key(1)), Ok(expected));
    assert_eq!(get(&*map, &key(0)), Ok(vec![0; 16]));
}

#[test]
fn a_program_has_its_own_cpus_value() {
    let map = array(MapType::PERCPU_ARRAY, 8, 3, 0);
    let place = |cpu| map.program_lookup(cpu, &key(2));
    assert_eq!(place(1), Some(ValueRef { slot: 2, cpu: 1 }));
    assert_eq!((place(2), place(u32::MAX)), (None, None));
    assert_eq!(map.program_lookup(0, &key(3)), None);
    for cpu in [0, 1] {
        let value = place(cpu).expect("there");
        let stored = map
            .values()
            .store(value, 0, Width::Eight, 10 + u64::from(cpu));
        assert_eq!(stored, Ok(()));
    }
    let both = [10_u64, 11].map(u64::to_ne_bytes).concat();
    assert_eq!(get(&*map, &key(2)), Ok(both));
    assert_eq!(
        map.program_update(2, &key(0), &[0; 8], 0),
        Err(Errno::EINVAL)
    );

    let shared = array(MapType::ARRAY, 8, 3, 0);
    let here = Some(ValueRef { slot: 2, cpu: 0 });
    assert_eq!(shared.program_lookup(1, &key(2)), here);
}

#[test]
fn cpus_share_no_line_and_no_page() {
    for (entries, apart) in [(1, 64), (8, 64), (9, 128), (512, 4096), (513, 8192)] {
        let map = array(MapType::PERCPU_ARRAY, 8, entries, 0);
        let layout = *map.values().layout();
        assert_eq!(
            (layout.stride, layout.cpu_stride, layout.cpus),
            (8, apart, 2)
        );
    }
    let map = array(MapType::PERCPU_ARRAY, 12, 3, 0);
    assert_eq!(map.values().layout().stride, 16);
}

#[test]
fn an_array_is_made_of_its_own_type_only() {
    use super::super::testing::{cmd, host};
    let plain = |map_type| Array::<false>::create(&cmd(map_type, |_| ()), &host()).err();
    let per_cpu = |map_type| Array::<true>::create(&cmd(map_type, |_| ()), &host()).err();
    assert_eq!(
        (plain(MapType::ARRAY), per_cpu(MapType::PERCPU_ARRAY)),
        (None, None)
    );
    let invalid = Some(Errno::EINVAL);
    assert_eq!(
        (plain(MapType::PERCPU_ARRAY), per_cpu(MapType::ARRAY)),
        (invalid, invalid)
    );
    assert_eq!(plain(MapType::HASH), invalid);
}

#[test]
fn only_a_single_element_has_an_address() {
    let place = Ok(ValueRef { slot: 0, cpu: 0 });
    let single = array(MapType::ARRAY, 16, 1, 0);
    assert_eq!(
        [0, 4, 15].map(|offset| single.direct_value(offset)),
        [place; 3]
    );
    assert_eq!(single.direct_value(16), Err(Errno::EINVAL));
    let several = array(MapType::ARRAY, 16, 4, 0);
    for offset in [0, 15, 16] {
        assert_eq!(several.direct_value(offset), Err(Errno::ENOTSUPP));
    }
    let per_cpu = array(MapType::PERCPU_ARRAY, 16, 1, 0);
    assert_eq!(per_cpu.direct_value(0), Err(Errno::EINVAL));
}

#[test]
fn pages_are_whole_and_only_where_asked_for() {
    for (value_size, entries, len) in [(8, 4, 4096), (8, 512, 4096), (8, 513, 8192), (5, 2, 4096)] {
        let map = array(MapType::ARRAY, value_size, entries, flag::MMAPABLE);
        let pages = map.pages().expect("asked for");
        assert_eq!(pages.len(), len);
        assert_eq!(pages.store(len as i64 - 8, Width::Eight, 7), Ok(()));
        assert!(pages.store(len as i64 - 7, Width::Eight, 7).is_err());
    }
    for map_type in BOTH {
        assert!(array(map_type, 8, 4, 0).pages().is_none());
    }
}

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri cannot follow accesses of several widths to a word"
)]
fn pages_show_elements_and_leave_their_padding() {
    let map = array(MapType::ARRAY, 5, 4, flag::MMAPABLE);
    let pages = map.pages().expect("asked for");
    assert_eq!(pages.write(0, &[0xff; 40]), Ok(()));
    assert_eq!(map.update(&key(1), &[1, 2, 3, 4, 5], 0), Ok(()));
    let mut seen = [0; 16];
    assert_eq!(pages.read(8, &mut seen), Ok(()));
    let expected = [
        1, 2, 3, 4, 5, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    ];
    assert_eq!(seen, expected);
    // The last page goes on behind the last element, which makes no elements.
    assert_eq!(get(&*map, &key(4)), Err(Errno::ENOENT));
    let added = pages.atomic(16, Width::Four, AtomicOp::Add, 2);
    assert_eq!(added, Ok(0xffff_ffff));
    assert_eq!(get(&*map, &key(2)), Ok(vec![1, 0, 0, 0, 255]));
}

#[test]
fn memory_is_what_the_elements_take() {
    let bytes = |map_type, entries, flags| array(map_type, 8, entries, flags).memory();
    let one = bytes(MapType::ARRAY, 1, 0);
    assert_eq!(bytes(MapType::ARRAY, 1001, 0), one + 8000);
    assert_eq!(bytes(MapType::ARRAY, 1, flag::MMAPABLE), one - 8 + 4096);
    assert_eq!(bytes(MapType::PERCPU_ARRAY, 1024, 0), one - 8 + 2 * 8192);
}

/// What an operation does, to a model too.
#[derive(Clone, Debug)]
enum Step {
    Update(u32, Vec<u8>, u64),
    ProgramUpdate(u32, u32, Vec<u8>),
    Store(u32, u32, i64, Width, u64),
    Lookup(u32),
}

const ENTRIES: u32 = 5;

/// Steps with accesses of any width anywhere, or of whole words only.
fn steps(value_size: usize, words: bool) -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop::collection::vec(any::<u8>(), 64);
    let widths = match words {
        true => vec![Width::Eight],
        false => vec![Width::One, Width::Two, Width::Four, Width::Eight],
    };
    let width = prop::sample::select(widths);
    let (index, cpu) = (0..ENTRIES + 2, 0..3_u32);
    let scale = if words { 8 } else { 1 };
    let offset = (-1..value_size as i64 / scale + 1).prop_map(move |offset| offset * scale);
    let step = prop_oneof![
        (index.clone(), bytes.clone(), 0..4_u64).prop_map(|(i, b, f)| Step::Update(i, b, f)),
        (cpu.clone(), index.clone(), bytes).prop_map(|(c, i, b)| Step::ProgramUpdate(c, i, b)),
        (cpu, index.clone(), offset, width, any::<u64>())
            .prop_map(|(c, i, o, w, v)| Step::Store(c, i, o, w, v)),
        index.prop_map(Step::Lookup),
    ];
    prop::collection::vec(step, 1..40)
}

/// Plays the steps on a map and on plain vectors: one value an element and cpu, padding included.
fn play(map_type: MapType, value_size: usize, steps: &[Step]) {
    let map = array(map_type, value_size as u32, ENTRIES, 0);
    let cpus = if map_type == MapType::ARRAY { 1 } else { 2 };
    let each = if cpus == 1 {
        value_size
    } else {
        value_size.next_multiple_of(8)
    };
    let mut model = vec![vec![vec![0; each]; cpus]; ENTRIES as usize];
    for step in steps {
        match step {
            Step::Update(index, bytes, flags) => {
                let bytes = bytes.repeat(2);
                let fine = map.update(&key(*index), &bytes, *flags).is_ok();
                assert_eq!(fine, *index < ENTRIES && matches!(flags, 0 | 2));
                for (value, bytes) in model
                    .iter_mut()
                    .skip(*index as usize)
                    .take(usize::from(fine))
                    .flat_map(|values| values.iter_mut().zip(bytes.chunks(each)))
                {
                    value.copy_from_slice(bytes);
                }
            }
            Step::ProgramUpdate(cpu, index, bytes) => {
                let fine = map.program_update(*cpu, &key(*index), bytes, 0).is_ok();
                assert_eq!(fine, *index < ENTRIES && (cpus == 1 || *cpu < 2));
                if fine {
                    let value = &mut model[*index as usize][*cpu as usize % cpus];
                    value[..value_size].copy_from_slice(&bytes[..value_size]);
                }
            }
            Step::Store(cpu, index, offset, width, word) => {
                let Some(place) = map.program_lookup(*cpu, &key(*index)) else {
                    assert!(*index >= ENTRIES || cpus == 2 && *cpu == 2);
                    continue;
                };
                let fine = map.values().store(place, *offset, *width, *word).is_ok();
                let end = *offset + width.bytes() as i64;
                assert_eq!(fine, *offset >= 0 && end <= value_size as i64);
                if fine {
                    let value = &mut model[*index as usize][*cpu as usize % cpus];
                    value[*offset as usize..end as usize]
                        .copy_from_slice(&word.to_le_bytes()[..width.bytes()]);
                    let loaded = map.values().load(place, *offset, *width);
                    assert_eq!(loaded, Ok(width.truncate(*word)));
                }
            }
            Step::Lookup(index) => {
                let expected = model.get(*index as usize).map(|values| values.concat());
                assert_eq!(get(&*map, &key(*index)), expected.ok_or(Errno::ENOENT));
            }
        }
    }
    for (index, values) in (0..).zip(&model) {
        assert_eq!(get(&*map, &key(index)), Ok(values.concat()));
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 128 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    #[cfg_attr(miri, ignore = "Miri cannot follow accesses of several widths to a word")]
    fn an_array_is_a_vector(
        (size, steps) in (1..24_usize).prop_flat_map(|size| (Just(size), steps(size, false))),
    ) {
        for map_type in BOTH {
            play(map_type, size, &steps);
        }
    }

    #[test]
    fn an_array_of_words_is_a_vector(
        (size, steps) in (1..4_usize).prop_flat_map(|n| (Just(n * 8), steps(n * 8, true))),
    ) {
        for map_type in BOTH {
            play(map_type, size, &steps);
        }
    }
}

const ROUNDS: u64 = if cfg!(miri) { 20 } else { 20_000 };

/// Runs `work` with 0 and 1 on two threads that start together.
fn two_threads(work: impl Fn(u32) + Sync) {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        for number in 0..2 {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(number);
            });
        }
    });
}

#[test]
fn threads_on_distinct_elements_do_not_meet() {
    for map_type in BOTH {
        let map = array(map_type, 12, 2, 0);
        let size = map.desc().user_value_size();
        two_threads(|number| {
            for round in 0..ROUNDS {
                let value = vec![(round as u8).wrapping_add(number as u8); size];
                assert_eq!(map.update(&key(number), &value, 0), Ok(()));
                assert_eq!(get(&*map, &key(number)), Ok(value));
            }
        });
    }
}

#[test]
fn atomic_additions_to_one_element_are_all_counted() {
    let map = array(MapType::ARRAY, 8, 1, 0);
    two_threads(|cpu| {
        let place = map.program_lookup(cpu, &key(0)).expect("there");
        for _ in 0..ROUNDS {
            let added = map
                .values()
                .atomic(place, 0, Width::Eight, AtomicOp::Add, 1);
            assert!(added.is_ok_and(|before| before < 2 * ROUNDS));
        }
    });
    assert_eq!(get(&*map, &key(0)), Ok((2 * ROUNDS).to_ne_bytes().to_vec()));
}

#[test]
fn cpus_count_for_themselves_without_atomics() {
    let map = array(MapType::PERCPU_ARRAY, 8, 1, 0);
    two_threads(|cpu| {
        let place = map.program_lookup(cpu, &key(0)).expect("there");
        for _ in 0..ROUNDS {
            let count = map.values().load(place, 0, Width::Eight).expect("inside");
            let stored = map.values().store(place, 0, Width::Eight, count + 1);
            assert_eq!(stored, Ok(()));
        }
    });
    let both = [ROUNDS.to_ne_bytes(); 2].concat();
    assert_eq!(get(&*map, &key(0)), Ok(both));
}

#[test]
fn a_word_is_never_torn() {
    for value_size in [4, 8] {
        let map = array(MapType::ARRAY, value_size, 1, 0);
        two_threads(|number| {
            for round in 0..ROUNDS {
                if number == 0 {
                    let value = vec![round as u8; value_size as usize];
                    assert_eq!(map.update(&key(0), &value, 0), Ok(()));
                } else {
                    let value = get(&*map, &key(0)).expect("there");
                    assert!(value.iter().all(|byte| *byte == value[0]), "{value:?}");
                }
            }
        });
    }
}
