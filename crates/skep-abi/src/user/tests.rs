//! Slices and addresses answer alike.

use super::*;
use proptest::prelude::*;
use std::sync::Mutex;

/// Memory from address 1000 on.
struct Ram(Mutex<Vec<u8>>);

impl Ram {
    fn range(addr: u64, len: usize, all: usize) -> Result<core::ops::Range<usize>> {
        let start = addr.checked_sub(1000).ok_or(Errno::EFAULT)? as usize;
        let end = start.checked_add(len).ok_or(Errno::EFAULT)?;
        (end <= all).then_some(start..end).ok_or(Errno::EFAULT)
    }
}

impl UserMem for Ram {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        let ram = self.0.lock().unwrap();
        into.copy_from_slice(&ram[Self::range(addr, into.len(), ram.len())?]);
        Ok(())
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        let mut ram = self.0.lock().unwrap();
        let range = Self::range(addr, from.len(), ram.len())?;
        ram[range].copy_from_slice(from);
        Ok(())
    }
}

/// Runs `test` on the same bytes as a slice and by an address.
fn on_each_input(bytes: &[u8], test: impl Fn(UserIn<'_>)) {
    test(UserIn::new(bytes));
    let ram = Ram(Mutex::new(bytes.to_vec()));
    test(UserIn::remote(1000, &ram));
}

#[test]
fn input_ends_where_its_memory_does() {
    on_each_input(&[1, 2, 3, 4, 5], |input| {
        let mut scratch = Scratch::new();
        assert!(!input.is_null());
        assert_eq!(input.bytes(5, &mut scratch), Ok(&[1, 2, 3, 4, 5][..]));
        assert_eq!(input.bytes(6, &mut scratch), Err(Errno::EFAULT));
        assert_eq!(input.to_vec(3), Ok(vec![1, 2, 3]));
        assert_eq!(input.to_vec(6), Err(Errno::EFAULT));
        let mut two = [0; 2];
        assert_eq!(input.read_at(3, &mut two), Ok(()));
        assert_eq!(two, [4, 5]);
        assert_eq!(input.read_at(4, &mut two), Err(Errno::EFAULT));
        assert!(input.read_at(usize::MAX, &mut two).is_err());
    });
}

#[test]
fn strings_end_at_their_nul_or_not_at_all() {
    on_each_input(b"ab\0c", |input| {
        assert_eq!(input.read_str(4), Ok(Some(b"ab".to_vec())));
        assert_eq!(input.read_str(3), Ok(Some(b"ab".to_vec())));
        assert_eq!(input.read_str(2), Ok(None));
        assert_eq!(input.read_str(0), Ok(None));
    });
    let mut long = vec![b'x'; 300];
    long.push(0);
    on_each_input(&long, |input| {
        assert_eq!(input.read_str(4096), Ok(Some(vec![b'x'; 300])));
        assert_eq!(input.read_str(300), Ok(None));
    });
    on_each_input(b"ab", |input| {
        assert_eq!(input.read_str(2), Ok(None));
        assert_eq!(input.read_str(3), Err(Errno::EFAULT));
    });
}

#[test]
fn null_is_no_memory() {
    let mut scratch = Scratch::new();
    for null in [UserIn::NULL, UserIn::default(), UserIn::from(None::<&[u8]>)] {
        assert!(null.is_null());
        assert_eq!(null.addr(), 0);
        assert_eq!(null.bytes(1, &mut scratch), Err(Errno::EFAULT));
        assert_eq!(null.bytes(0, &mut scratch), Ok(&[][..]));
    }
    let trusted = TrustedMem::for_tests();
    assert!(UserIn::remote(0, &trusted).is_null());
    assert!(UserOut::remote(0, &trusted).is_null());
    assert_eq!(UserIn::remote(0, &trusted).to_vec(1), Err(Errno::EFAULT));
    let mut null = UserOut::null();
    assert!(null.is_null());
    assert_eq!(null.write(&[1]), Err(Errno::EFAULT));
    assert_eq!(null.write(&[]), Ok(()));
    assert!(!UserIn::new(&[]).is_null(), "an empty slice is somewhere");
}

#[test]
fn output_is_written_within_its_memory_only() {
    let ram = Ram(Mutex::new(vec![0xee; 6]));
    let mut array = [0xee; 6];
    for mut out in [UserOut::new(&mut array), UserOut::remote(1000, &ram)] {
        assert_eq!(out.write(&[1, 2]), Ok(()));
        assert_eq!(out.write_at(4, &[5, 6]), Ok(()));
        assert_eq!(out.write_at(5, &[9, 9]), Err(Errno::EFAULT));
        assert!(out.write_at(usize::MAX, &[9]).is_err());
        let mut four = [0; 4];
        assert_eq!(out.read_at(0, &mut four), Ok(()));
        assert_eq!(four, [1, 2, 0xee, 0xee]);
        assert_eq!(out.read_at(3, &mut four), Err(Errno::EFAULT));
    }
    assert_eq!(array, [1, 2, 0xee, 0xee, 5, 6]);
    assert_eq!(*ram.0.lock().unwrap(), array);
}

#[test]
fn filling_what_is_too_short_is_efault_after_the_work_is_done() {
    let ram = Ram(Mutex::new(vec![0; 4]));
    let mut array = [0; 4];
    for mut out in [UserOut::new(&mut array), UserOut::remote(1000, &ram)] {
        let mut scratch = Scratch::new();
        let seven = |bytes: &mut [u8]| {
            bytes.fill(7);
            Ok(())
        };
        assert_eq!(out.fill(3, &mut scratch, seven), Ok(()));
        assert_eq!(out.fill(5, &mut scratch, seven), Err(Errno::EFAULT));
        let refuse = |_: &mut [u8]| Err(Errno::ENOENT);
        assert_eq!(out.fill(5, &mut scratch, refuse), Err(Errno::ENOENT));
    }
    assert_eq!(array, [7, 7, 7, 0]);
    assert_eq!(*ram.0.lock().unwrap(), array);
}

#[test]
fn trusted_memory_moves_every_length() {
    let mem = TrustedMem::for_tests();
    for len in [1, 2, 4, 7, 8, 16, 17, 100] {
        let from: Vec<u8> = (0..len).map(|byte| byte as u8 + 1).collect();
        let mut to = vec![0u8; len];
        let mut scratch = Scratch::new();
        let input = UserIn::remote(from.as_ptr().expose_provenance() as u64, &mem);
        assert_eq!(input.bytes(len, &mut scratch), Ok(&from[..]));
        let addr = to.as_mut_ptr().expose_provenance() as u64;
        let mut out = UserOut::remote(addr, &mem);
        assert_eq!(
            out.fill(len, &mut scratch, |b| {
                b.copy_from_slice(&from);
                Ok(())
            }),
            Ok(())
        );
        assert_eq!(to, from);
    }
    assert!(mem.own_process().is_some());
    assert!(NoMem.own_process().is_none());
}

proptest! {
    #[test]
    fn zeros_are_told_from_the_rest_alike(
        mut bytes in proptest::collection::vec(Just(0u8), 0..600),
        at: u16,
        value: u8,
    ) {
        if let Some(byte) = bytes.get_mut(usize::from(at)) {
            *byte = value;
        }
        let expected = Ok(bytes.iter().all(|&byte| byte == 0));
        let trusted = TrustedMem::for_tests();
        let addr = bytes.as_ptr().expose_provenance() as u64;
        prop_assert_eq!(trusted.is_zero(addr, bytes.len()), expected);
        let ram = Ram(Mutex::new(bytes.clone()));
        prop_assert_eq!(ram.is_zero(1000, bytes.len()), expected);
        prop_assert_eq!(ram.is_zero(1000, bytes.len() + 1), Err(Errno::EFAULT));
        prop_assert_eq!(trusted.is_zero(0, 1), Err(Errno::EFAULT));
    }
}
