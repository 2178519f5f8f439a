//! Objects and what refers to them: descriptors and ids.
//!
//! ```text
//!   descriptor 3 ──► Object::Map(MapFile) ─┐ Held          Ids (weak)
//!   descriptor 4 ──► Object::Prog ──► Program ─ Held ─► use ◄───── id 7
//!                                                        │ Arc
//!   per-thread cache (fd, epoch) ───────────────────► MapObject
//! ```
//!
//! A descriptor or a program that names a map is a *use* of it ([`Held`]). With
//! the last use the object's id goes. The per-thread cache of [`Files`] refers
//! to the object alone, so it never keeps an id alive.
//!
//! Answers to: kernel/bpf/syscall.c (files, ids, reference counts).

mod btf;
mod cache;
mod files;
mod ids;
mod map;

pub use btf::BtfObject;
pub use files::Files;
pub use ids::{Held, Ids};
pub use map::{MapFile, MapObject, MapTypes, MapUser};

use crate::program::Program;
use skep_abi::flags::map as flag;
use skep_abi::{Errno, Result};

/// What a descriptor lets its owner do to a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Read elements.
    #[doc(alias = "FMODE_CAN_READ")]
    pub read: bool,
    /// Write elements.
    #[doc(alias = "FMODE_CAN_WRITE")]
    pub write: bool,
}

impl Access {
    /// Everything.
    pub const FULL: Access = Access {
        read: true,
        write: true,
    };

    /// What `BPF_F_RDONLY` and `BPF_F_WRONLY` ask for. EINVAL for both at once.
    #[doc(alias = "bpf_get_file_flag")]
    pub fn from_flags(flags: u32) -> Result<Access> {
        let read_only = flags & flag::RDONLY != 0;
        let write_only = flags & flag::WRONLY != 0;
        if read_only && write_only {
            return Err(Errno::EINVAL);
        }
        Ok(Access {
            read: !write_only,
            write: !read_only,
        })
    }

    /// EPERM unless it lets its owner read.
    #[inline]
    pub fn require_read(self) -> Result<()> {
        if self.read { Ok(()) } else { Err(Errno::EPERM) }
    }
}

/// What a descriptor is of.
#[derive(Clone)]
pub enum Object {
    /// A map.
    Map(MapFile),
    /// A program.
    Prog(Held<Program>),
    /// Type information.
    Btf(Held<BtfObject>),
}

/// A program at a hook. There are no hooks yet, so there is no link either.
pub enum Link {}
