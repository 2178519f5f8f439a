//! Maps as Rust types, over maps that keep what they are given.

mod common;

use common::FakeMap;
use skep_abi::flags::elem;
use skep_abi::{Errno, MapOps, MapType};
use skep_loader::typed::{Array, ByteArray, HashMap, PerCpuArray, PerCpuHash};
use skep_loader::{Pod, TypedError, pod_struct};
use std::sync::Arc;

pod_struct! {
    /// Padding between and behind.
    #[derive(PartialEq, Eq, Debug)]
    struct Padded {
        small: u8,
        wide: u64,
        pair: [u16; 2],
        inner: Inner,
    }

    #[derive(PartialEq, Eq, Debug)]
    struct Inner {
        bytes: [u8; 3],
        word: i32,
    }
}

const SAMPLE: Padded = Padded {
    small: 1,
    wide: 0x0203_0405_0607_0809,
    pair: [0x0a0b, 0x0c0d],
    inner: Inner {
        bytes: [0xe, 0xf, 0x10],
        word: -2,
    },
};

fn map(kind: MapType, key: u32, value: u32, entries: u32) -> Arc<FakeMap> {
    Arc::new(FakeMap::new(kind, key, value, entries, 3))
}

#[test]
fn structs_are_laid_out_as_in_c() {
    assert_eq!((Padded::SIZE, Inner::SIZE), (32, 8));
    let bytes = SAMPLE.to_bytes();
    let bytes = bytes.bytes();
    assert_eq!(bytes[0], 1);
    assert_eq!(bytes[1..8], [0; 7], "padding is zero");
    assert_eq!(bytes[8..16], SAMPLE.wide.to_ne_bytes());
    assert_eq!(bytes[16..18], 0x0a0bu16.to_ne_bytes());
    assert_eq!(bytes[20..24], [0xe, 0xf, 0x10, 0]);
    assert_eq!(bytes[24..28], (-2i32).to_ne_bytes());
    assert_eq!(Padded::from_bytes(&SAMPLE.to_bytes()), SAMPLE);
}

#[test]
fn a_hash_keeps_what_it_is_given() {
    let hash = HashMap::<Inner, Padded>::new(map(MapType::HASH, 8, 32, 4)).unwrap();
    let key = SAMPLE.inner;
    assert_eq!(hash.get(&key), Ok(None));
    assert_eq!(hash.insert(&key, &SAMPLE, elem::EXIST), Err(Errno::ENOENT));
    assert_eq!(hash.insert(&key, &SAMPLE, elem::ANY), Ok(()));
    assert_eq!(
        hash.insert(&key, &SAMPLE, elem::NOEXIST),
        Err(Errno::EEXIST)
    );
    assert_eq!(hash.get(&key), Ok(Some(SAMPLE)));
    let all: Vec<_> = hash.iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(all, [(key, SAMPLE)]);
    assert_eq!(hash.take(&key), Ok(Some(SAMPLE)));
    assert_eq!(hash.take(&key), Ok(None));
    assert_eq!(hash.remove(&key), Ok(false));
}

#[test]
fn a_walk_survives_the_removal_of_what_it_yields() {
    let hash = HashMap::<u32, u64>::new(map(MapType::HASH, 4, 8, 100)).unwrap();
    for key in 0..100 {
        hash.insert(&key, &u64::from(key), elem::ANY).unwrap();
    }
    let mut seen = 0;
    for element in hash.iter() {
        let (key, value) = element.unwrap();
        assert_eq!(u64::from(key), value);
        assert_eq!(hash.remove(&key), Ok(true));
        seen += 1;
    }
    assert_eq!((seen, hash.keys().count()), (100, 0));
}

#[test]
fn a_walk_that_others_begin_again_ends() {
    let fake = map(MapType::HASH, 4, 8, 10);
    let hash = HashMap::<u32, u64>::new(fake.clone()).unwrap();
    for key in 0..10 {
        hash.insert(&key, &0, elem::ANY).unwrap();
    }
    // The key that it has asked for already is gone when it goes on from
    // there, and is back when it comes to it again.
    let mut yielded = 0;
    for key in hash.keys() {
        let key = key.unwrap();
        hash.insert(&key, &0, elem::ANY).unwrap();
        let _ = fake.delete(&(key + 1).to_ne_bytes());
        yielded += 1;
    }
    assert_eq!(yielded, 10);
}

#[test]
fn an_array_ends_where_the_map_does() {
    let array = Array::<i16>::new(map(MapType::ARRAY, 4, 2, 3)).unwrap();
    assert_eq!(array.set(2, &-5), Ok(()));
    assert_eq!(array.get(2), Ok(Some(-5)));
    assert_eq!(array.get(3), Ok(None));
    let all: Vec<i16> = array.iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(all, [0, 0, -5]);
    assert_eq!((array.len(), array.is_empty()), (3, false));
}

#[test]
fn per_cpu_values_are_one_a_cpu_eight_bytes_apart() {
    let fake = map(MapType::PERCPU_ARRAY, 4, 4, 2);
    let array = PerCpuArray::<u32>::new(fake.clone()).unwrap();
    assert_eq!(array.cpus(), 3);
    assert_eq!(array.set(1, &[7, 8]), Err(Errno::EINVAL));
    assert_eq!(array.set(1, &[7, 8, 9]), Ok(()));
    let mut raw = [0; 24];
    fake.lookup(&1u32.to_ne_bytes(), &mut raw, 0).unwrap();
    assert_eq!(raw[8..16], 8u64.to_ne_bytes());
    let all: Vec<_> = array.iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(all, [vec![0, 0, 0], vec![7, 8, 9]]);
    assert_eq!(array.fold(1, 0, |sum, value| sum + value), Ok(Some(24)));
    assert_eq!(array.fold(2, 0, |sum, value| sum + value), Ok(None));

    let hash = PerCpuHash::<u8, [u8; 12]>::new(map(MapType::PERCPU_HASH, 1, 12, 2)).unwrap();
    let values = [[1; 12], [2; 12], [3; 12]];
    assert_eq!(hash.insert(&9, &values, elem::ANY), Ok(()));
    assert_eq!(hash.get(&9), Ok(Some(values.to_vec())));
    let first = |sum: u32, value: [u8; 12]| sum + u32::from(value[0]);
    assert_eq!(hash.fold(&9, 0, first), Ok(Some(6)));
    assert_eq!(hash.fold(&8, 0, first), Ok(None));
    assert_eq!(hash.keys().collect::<Vec<_>>(), [Ok(9)]);
    assert_eq!(hash.iter().count(), 1);
    assert_eq!(hash.take(&9), Ok(Some(values.to_vec())));
    assert_eq!(hash.remove(&9), Ok(false));
}

#[test]
fn sizes_and_kinds_are_compared() {
    let error = HashMap::<u32, u32>::new(map(MapType::HASH, 4, 8, 1)).err();
    let expected = TypedError::Size {
        name: String::new(),
        what: "value",
        map: 8,
        ty: "u32",
        size: 4,
    };
    assert_eq!(error, Some(expected));
    assert!(HashMap::<u32, u64>::new(map(MapType::LRU_HASH, 4, 8, 1)).is_ok());
    assert!(HashMap::<u32, u64>::new(map(MapType::PERCPU_HASH, 4, 8, 1)).is_err());
    assert!(PerCpuArray::<u64>::new(map(MapType::ARRAY, 4, 8, 1)).is_err());
}
