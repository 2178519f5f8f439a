//! Numbers in a context's native layout, and in the C structure it is made from.

/// The `WIDTH` bytes at `offset`, zero-extended; what is not there is zero.
pub(crate) fn get<const WIDTH: usize>(bytes: &[u8], offset: usize) -> u64 {
    let mut word = [0; 8];
    let from = bytes.get(offset..).unwrap_or_default();
    for (to, from) in word.iter_mut().zip(from).take(WIDTH) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

/// Sets the `WIDTH` bytes at `offset`, as far as they are there.
pub(crate) fn set<const WIDTH: usize>(bytes: &mut [u8], offset: usize, value: u64) {
    let to = bytes.get_mut(offset..).unwrap_or_default();
    for (to, from) in to.iter_mut().zip(value.to_le_bytes()).take(WIDTH) {
        *to = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_bytes() {
        let mut bytes = [0xee; 8];
        set::<4>(&mut bytes, 2, 0x1_0403_0201);
        assert_eq!(bytes, [0xee, 0xee, 1, 2, 3, 4, 0xee, 0xee]);
        assert_eq!(get::<2>(&bytes, 3), 0x0302);
        set::<8>(&mut bytes, 7, 0);
        assert_eq!(get::<8>(&bytes, 6), 0xee);
        assert_eq!(get::<4>(&bytes, 99), 0);
    }
}
