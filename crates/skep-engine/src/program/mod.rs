//! Programs.

use skep_abi::{Errno, ObjGetInfoByFd, Result};

use crate::object::Held;

/// A loaded program.
pub struct Program {}

impl Program {
    /// What is known of it.
    pub(crate) fn info(prog: &Held<Program>, cmd: &mut ObjGetInfoByFd<'_>) -> Result<()> {
        let _ = (prog, cmd);
        Err(Errno::EINVAL)
    }
}
