//! Memory made up for a command.
//!
//! Some commands read addresses out of memory they were given: the information of
//! an object names further room for its parts. A slice cannot hold such an
//! address; a [`Space`] can, since addresses mean what it says. Each piece of it
//! lies alone: the byte before it and the byte after it are nowhere.
//!
//! Lock order: its one lock is held during a copy only.
//!
//! Answers to: copy_from_user and copy_to_user in include/linux/uaccess.h.

use crate::{Errno, Result, UserMem};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Pieces of memory at addresses of their own.
#[derive(Debug, Default)]
pub struct Space {
    /// By the address of their first byte.
    pieces: Mutex<BTreeMap<u64, Vec<u8>>>,
}

/// The distance of the pieces, and the first one's address.
const PAGE: u64 = 4096;

impl Space {
    /// An empty space.
    pub fn new() -> Self {
        Space::default()
    }

    /// Adds a piece that holds `bytes`. Returns its address.
    pub fn put(&self, bytes: &[u8]) -> u64 {
        let mut pieces = self.pieces();
        let end = pieces
            .last_key_value()
            .map_or(0, |(addr, piece)| addr + piece.len() as u64);
        let addr = end.next_multiple_of(PAGE) + PAGE;
        pieces.insert(addr, bytes.to_vec());
        addr
    }

    /// The `len` bytes at `addr`. EFAULT if they are not all in one piece.
    pub fn get(&self, addr: u64, len: usize) -> Result<Vec<u8>> {
        self.at(addr, len, |bytes| bytes.to_vec())
    }

    fn pieces(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<u8>>> {
        // A copy that panicked left bytes behind, which is all there are.
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at<T>(&self, addr: u64, len: usize, with: impl FnOnce(&mut [u8]) -> T) -> Result<T> {
        let mut pieces = self.pieces();
        let (start, piece) = pieces.range_mut(..=addr).next_back().ok_or(Errno::EFAULT)?;
        let from = usize::try_from(addr - start).map_err(|_| Errno::EFAULT)?;
        let end = from.checked_add(len).ok_or(Errno::EFAULT)?;
        piece.get_mut(from..end).map(with).ok_or(Errno::EFAULT)
    }
}

impl UserMem for Space {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        if into.is_empty() {
            return Ok(());
        }
        self.at(addr, into.len(), |bytes| into.copy_from_slice(bytes))
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        if from.is_empty() {
            return Ok(());
        }
        self.at(addr, from.len(), |bytes| bytes.copy_from_slice(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lie_alone() {
        let space = Space::new();
        let first = space.put(&[1; 4096]);
        let second = space.put(&[]);
        let third = space.put(&[3, 4]);
        assert!(first > 0 && first + 4096 < second && second < third);
        assert_eq!(space.get(third, 2), Ok(vec![3, 4]));
        assert_eq!(space.write(third + 1, &[9]), Ok(()));
        let mut bytes = [0; 2];
        assert_eq!(space.read(third, &mut bytes), Ok(()));
        assert_eq!(bytes, [3, 9]);
        for nowhere in [0, first - 1, first + 4096, second, third - 1, third + 2] {
            assert_eq!(space.get(nowhere, 1), Err(Errno::EFAULT), "{nowhere}");
            assert_eq!(space.write(nowhere, &[1]), Err(Errno::EFAULT));
            assert_eq!(space.write(nowhere, &[]), Ok(()));
        }
        assert_eq!(space.get(third, 3), Err(Errno::EFAULT));
        assert_eq!(space.get(u64::MAX, usize::MAX), Err(Errno::EFAULT));
    }
}
