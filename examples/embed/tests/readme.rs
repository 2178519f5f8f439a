//! The code in the repository's README does what it says: this file holds the same
//! lines, and they are run here.

use std::path::Path;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// An Ethernet frame that carries the fixed header of IPv4 with TCP.
fn packet() -> Vec<u8> {
    let mut packet = vec![0; 64];
    packet[12..14].copy_from_slice(&[0x08, 0x00]);
    packet[14] = 0x45;
    packet[23] = 6;
    packet
}

fn library() -> Result<(u32, Option<u64>), Box<dyn std::error::Error>> {
    std::env::set_current_dir(root())?;
    let packet = packet();

    use skep::abi::{ProgTestRun, UserIn};
    use skep::{Bpf, Engine, loader::ObjectSpec};
    use std::sync::Arc;

    let bpf: Arc<dyn Bpf> = Arc::new(Engine::new()); // or Kernel::new()?, which is Linux
    let file = std::fs::read("examples/proto-count/proto-count.bpf.o")?;
    let object = ObjectSpec::parse(&file)?.load(&bpf)?;
    let program = object.program("proto_count").ok_or("no such program")?;
    let mut run = ProgTestRun {
        prog: program.fd(),
        ..ProgTestRun::default()
    };
    (run.data_in, run.data_size_in) = (UserIn::new(&packet), packet.len() as u32);
    bpf.prog_test_run(&mut run)?;
    let packets = object.map("packets").ok_or("no such map")?.array::<u64>()?;
    let tcp = packets.get(6)?;
    println!("returned {}; TCP packets: {tcp:?}", run.retval);

    Ok((run.retval, tcp))
}

#[test]
fn the_code_in_the_readme_counts_a_packet() {
    let answer = library().expect("it runs");
    assert_eq!(answer, (2, Some(1)), "XDP_PASS, and a packet of TCP");
}

#[test]
fn the_readme_shows_this_code() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let block = readme.split("```rust\n").nth(1).expect("a block of Rust");
    let block = block.split("```").next().expect("its end");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words(include_str!("readme.rs")).contains(&words(block)),
        "the README's code is not what is tested here:\n{block}"
    );
}
