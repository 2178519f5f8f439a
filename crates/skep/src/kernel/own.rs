//! Descriptors that belong to what was resolved, and to nobody else.
//!
//! A resolved map is reached by a number, and its measures are all that keeps the
//! kernel inside the slices it is given ([`super::sys::Elements`]). So that number
//! has to mean that map for as long as it is used: to [`super::Kernel`], whose
//! `close` takes any number there is, a number kept here is not open.
//!
//! Invariant: a number is listed for as long as its descriptor is open, because it
//! is opened, listed, taken off and closed under the lock.
//!
//! Lock order: the one lock is innermost.
//!
//! Answers to: fcntl(2), close(2).

use skep_abi::{Errno, Fd, Result};
use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

static KEPT: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());

fn kept() -> MutexGuard<'static, BTreeSet<RawFd>> {
    // Nothing panics between two steps of a change.
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A descriptor that only its owner closes.
pub(super) struct Own {
    number: Fd,
    /// `None` only while it is dropped.
    owned: Option<OwnedFd>,
}

impl Own {
    /// Takes charge of what `open` opens.
    pub(super) fn open(open: impl FnOnce() -> Result<OwnedFd>) -> Result<Own> {
        let mut kept = kept();
        let owned = open()?;
        kept.insert(owned.as_raw_fd());
        Ok(Own {
            number: Fd(owned.as_raw_fd()),
            owned: Some(owned),
        })
    }

    /// The number.
    #[inline]
    pub(super) fn fd(&self) -> Fd {
        self.number
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut kept = kept();
        kept.remove(&self.number.0);
        drop(self.owned.take());
    }
}

/// Runs `close`, which closes `fd`. EBADF if that is kept here.
pub(super) fn close_with(fd: Fd, close: impl FnOnce() -> Result<()>) -> Result<()> {
    // Held meanwhile, so that nothing opened here gets the number before it is closed.
    let kept = kept();
    if kept.contains(&fd.0) {
        return Err(Errno::EBADF);
    }
    close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sys;

    #[test]
    fn a_number_of_ours_cannot_be_closed_by_others() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let own = sys::duplicate(Fd(file.as_raw_fd())).unwrap();
        assert_eq!(sys::close(own.fd()), Err(Errno::EBADF));
        // It is open still, and one of another's making is closed as ever.
        let again = sys::duplicate(own.fd()).unwrap();
        assert_ne!(own.fd(), again.fd());
        drop(own);
        assert_eq!(sys::duplicate(Fd(-1)).err(), Some(Errno::EBADF));
    }
}
