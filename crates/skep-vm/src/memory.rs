//! The memory of a run that is the machine's own to reach: context and packet.

use crate::packet::Packet;

/// Context and packet of a run.
#[derive(Debug)]
pub struct RunMemory<'a> {
    /// The packet; an empty one where the program has none.
    pub packet: &'a mut Packet,
    /// The context in its native layout. Rows that hold packet pointers are
    /// answered from `packet` and need no bytes filled in.
    pub context: &'a mut [u8],
}
