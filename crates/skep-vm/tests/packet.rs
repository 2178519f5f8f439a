//! The packet's bounds: what moves, what is refused, what becomes of the bytes.

use skep_vm::Packet;

fn packet() -> Packet {
    let mut packet = Packet::new();
    packet.fill(16, &[1, 2, 3, 4, 5, 6], 8);
    packet
}

/// Everything that can be seen of a packet.
fn seen(packet: &Packet) -> (Vec<u8>, Vec<u8>, usize, usize) {
    (
        packet.meta().to_vec(),
        packet.data().to_vec(),
        packet.headroom(),
        packet.tailroom(),
    )
}

#[test]
fn the_head_moves_and_takes_the_metadata_along() {
    let mut packet = packet();
    assert_eq!(packet.adjust_meta(-2), Some(()));
    assert_eq!(seen(&packet), (vec![0, 0], vec![1, 2, 3, 4, 5, 6], 14, 8));
    assert_eq!(packet.adjust_head(2), Some(()));
    assert_eq!(seen(&packet), (vec![0, 0], vec![3, 4, 5, 6], 16, 8));
    assert_eq!(packet.adjust_head(-3), Some(()));
    assert_eq!(packet.data().len(), 7);
    assert_eq!(&packet.data()[3..], [3, 4, 5, 6]);
}

#[test]
fn the_tail_grows_with_zeros() {
    let mut packet = packet();
    assert_eq!(packet.adjust_tail(-4), Some(()));
    assert_eq!(packet.adjust_tail(3), Some(()));
    assert_eq!(seen(&packet), (vec![], vec![1, 2, 0, 0, 0], 16, 9));
}

#[test]
fn bytes_are_put_in_and_taken_out() {
    let mut packet = packet();
    assert_eq!(packet.insert(2, 3), Some(()));
    assert_eq!(
        seen(&packet),
        (vec![], vec![1, 2, 0, 0, 0, 3, 4, 5, 6], 13, 8)
    );
    assert_eq!(packet.remove(1, 4), Some(()));
    assert_eq!(seen(&packet), (vec![], vec![1, 3, 4, 5, 6], 17, 8));
}

#[test]
fn room_is_made() {
    let mut packet = packet();
    packet.reserve(20, 100);
    assert_eq!(seen(&packet), (vec![], vec![1, 2, 3, 4, 5, 6], 20, 100));
    packet.reserve(1, 1);
    assert_eq!((packet.headroom(), packet.tailroom()), (20, 100));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let refused: &[fn(&mut Packet) -> Option<()>] = &[
        |packet| packet.adjust_head(-17),
        |packet| packet.adjust_head(7),
        |packet| packet.adjust_head(isize::MIN),
        |packet| packet.adjust_head(isize::MAX),
        |packet| packet.adjust_tail(9),
        |packet| packet.adjust_tail(-7),
        |packet| packet.adjust_tail(isize::MAX),
        |packet| packet.adjust_meta(1),
        |packet| packet.adjust_meta(-17),
        |packet| packet.insert(7, 1),
        |packet| packet.insert(0, 17),
        |packet| packet.insert(usize::MAX, 1),
        |packet| packet.remove(5, 2),
        |packet| packet.remove(1, usize::MAX),
    ];
    for (index, operation) in refused.iter().enumerate() {
        let mut packet = packet();
        assert_eq!(operation(&mut packet), None, "operation {index}");
        assert_eq!(seen(&packet), seen(&self::packet()), "operation {index}");
    }
}

#[test]
fn every_move_begins_a_generation() {
    let moves: &[fn(&mut Packet) -> Option<()>] = &[
        |packet| packet.adjust_head(1),
        |packet| packet.adjust_meta(-1),
        |packet| packet.adjust_tail(-1),
        |packet| packet.insert(0, 1),
        |packet| packet.remove(0, 1),
    ];
    for operation in moves {
        let mut packet = packet();
        let before = packet.generation();
        assert_eq!(operation(&mut packet), Some(()));
        assert_ne!(packet.generation(), before);
    }
}
