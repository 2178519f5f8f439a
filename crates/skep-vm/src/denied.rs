//! Why an access is refused, in words for a report.

use crate::address::{Address, Class};
use crate::env::{Fault, FaultKind};
use crate::violation::ViolationKind;

/// An access that is refused.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) kind: ViolationKind,
    /// Where the access begins: `packet offset 12`.
    pub(crate) place: String,
    /// What stands against it: `the packet ends at 14`.
    pub(crate) problem: String,
}

pub(crate) type Allowed<T> = Result<T, Box<Denied>>;

impl Denied {
    #[cold]
    pub(crate) fn new<T>(
        kind: ViolationKind,
        place: impl Into<String>,
        problem: impl Into<String>,
    ) -> Allowed<T> {
        Err(Box::new(Denied {
            kind,
            place: place.into(),
            problem: problem.into(),
        }))
    }

    /// An address that means no memory.
    #[cold]
    pub(crate) fn not_memory<T>(address: Address) -> Allowed<T> {
        let number = address.0 as i64;
        match address.class() {
            Class::Null => {
                let place = match number {
                    0 => "null".to_owned(),
                    1.. => format!("null + {number}"),
                    _ => format!("null - {}", number.unsigned_abs()),
                };
                let problem =
                    "there is nothing; a pointer that may be null has to be compared with it first";
                Denied::new(ViolationKind::NullPointer, place, problem)
            }
            Class::Map => Denied::new(
                ViolationKind::NotAPointer,
                "a map itself",
                "a map is only handed to helpers",
            ),
            Class::Func => Denied::new(
                ViolationKind::NotAPointer,
                "a subprogram",
                "instructions are no memory",
            ),
            _ => Denied::new(
                ViolationKind::NotAPointer,
                format!("{:#x}", address.0),
                "that is a number, not a pointer",
            ),
        }
    }
}

impl From<Fault> for Box<Denied> {
    #[cold]
    fn from(fault: Fault) -> Box<Denied> {
        let Fault {
            kind,
            what,
            offset,
            allowed,
        } = fault;
        let (kind, problem) = match kind {
            FaultKind::OutOfBounds if allowed.is_empty() => {
                (ViolationKind::ValueBounds, "it has no byte".to_owned())
            }
            FaultKind::OutOfBounds => (
                ViolationKind::ValueBounds,
                format!(
                    "only offsets {} to {} are allowed",
                    allowed.start,
                    allowed.end - 1
                ),
            ),
            FaultKind::ReadOnly => (
                ViolationKind::ReadOnly,
                "a program may only read it".to_owned(),
            ),
            FaultKind::WriteOnly => (
                ViolationKind::WriteOnly,
                "a program may only write it".to_owned(),
            ),
            FaultKind::NoObject => (
                ViolationKind::NotAPointer,
                "there is no such object".to_owned(),
            ),
        };
        Box::new(Denied {
            kind,
            place: format!("offset {offset} of {what}"),
            problem,
        })
    }
}
