//! Who asks: capabilities, and how the system treats those who have none.
//!
//! An engine has one credential, and every command is judged by it as Linux
//! judges the calling process.
//!
//! Answers to: bpf_capable and its like in include/linux/bpf.h and
//! capability.h; the sysctl kernel.unprivileged_bpf_disabled.

use std::ops::BitOr;

use skep_abi::{Errno, Result};

/// A set of capabilities. CAP_SYS_ADMIN stands in for each of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capabilities(u8);

impl Capabilities {
    /// No capability.
    pub const NONE: Capabilities = Capabilities(0);
    /// To use bpf(2) beyond what is open to all.
    #[doc(alias = "CAP_BPF")]
    pub const BPF: Capabilities = Capabilities(1);
    /// To load programs that look into memory and timing.
    #[doc(alias = "CAP_PERFMON")]
    pub const PERFMON: Capabilities = Capabilities(2);
    /// To load programs that handle packets.
    #[doc(alias = "CAP_NET_ADMIN")]
    pub const NET_ADMIN: Capabilities = Capabilities(4);
    /// Everything, and to go by ids.
    #[doc(alias = "CAP_SYS_ADMIN")]
    pub const SYS_ADMIN: Capabilities = Capabilities(8);
    /// All of them: root.
    pub const ALL: Capabilities = Capabilities(15);

    /// Whether all of `others` are in the set, CAP_SYS_ADMIN counting for any.
    pub const fn allow(self, others: Capabilities) -> bool {
        let missing = others.0 & !self.0;
        missing == 0 || self.0 & Capabilities::SYS_ADMIN.0 != 0
    }
}

impl BitOr for Capabilities {
    type Output = Capabilities;

    fn bitor(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 | other.0)
    }
}

/// What those without capabilities may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[doc(alias = "unprivileged_bpf_disabled")]
pub enum Unprivileged {
    /// 0: maps of the common types and socket programs.
    Allowed,
    /// 1: nothing, and that cannot be changed until the next boot.
    Forbidden,
    /// 2, Linux's default: nothing, for now.
    #[default]
    Disabled,
}

/// In whose name an engine's commands are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credential {
    /// What the caller may do.
    pub capabilities: Capabilities,
    /// The caller's user id.
    pub uid: u32,
    /// What anybody may do.
    pub unprivileged: Unprivileged,
}

impl Credential {
    /// root, with every capability.
    pub const ROOT: Credential = Credential {
        capabilities: Capabilities::ALL,
        uid: 0,
        unprivileged: Unprivileged::Disabled,
    };

    /// Whether the caller has `capabilities`.
    pub const fn capable(&self, capabilities: Capabilities) -> bool {
        self.capabilities.allow(capabilities)
    }

    /// EPERM unless the caller has `capabilities`.
    pub fn require(&self, capabilities: Capabilities) -> Result<()> {
        if self.capable(capabilities) {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }

    /// EPERM unless the caller may do what is open to all where it is open to all.
    pub fn require_common(&self) -> Result<()> {
        match self.unprivileged {
            Unprivileged::Allowed => Ok(()),
            Unprivileged::Forbidden | Unprivileged::Disabled => self.require(Capabilities::BPF),
        }
    }
}

impl Default for Credential {
    fn default() -> Self {
        Credential::ROOT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sys_admin_stands_in_for_the_others() {
        let admin = Capabilities::SYS_ADMIN;
        assert!(admin.allow(Capabilities::BPF | Capabilities::NET_ADMIN));
        assert!(!Capabilities::BPF.allow(Capabilities::BPF | Capabilities::PERFMON));
        assert!(!Capabilities::BPF.allow(admin));
        assert!(Capabilities::NONE.allow(Capabilities::NONE));
    }

    #[test]
    fn common_things_are_open_to_all_only_where_allowed() {
        let mut nobody = Credential {
            capabilities: Capabilities::NONE,
            uid: 65534,
            unprivileged: Unprivileged::Allowed,
        };
        assert_eq!(nobody.require_common(), Ok(()));
        for closed in [Unprivileged::Forbidden, Unprivileged::Disabled] {
            nobody.unprivileged = closed;
            assert_eq!(nobody.require_common(), Err(Errno::EPERM));
        }
        nobody.capabilities = Capabilities::BPF;
        assert_eq!(nobody.require_common(), Ok(()));
    }
}
