//! Runs a BPF program inside this one and reads its map as Rust types.
//!
//! The object is the one of `examples/per-source`: it counts packets by source
//! address and drops what a source sends beyond its limit.

use skep::abi::{ProgTestRun, UserIn};
use skep::loader::spec::Contents;
use skep::loader::{Object, ObjectSpec, pod_struct};
use skep::{Bpf, Engine, Kernel};
use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::sync::Arc;

/// The object as clang made it. A real program might read it from a file.
const OBJECT: &[u8] = include_bytes!("../../per-source/per-source.bpf.o");

/// Packets that a source may send, in place of the 400 that the object says.
const LIMIT: u64 = 3;

/// What the program returns for a packet to be dropped.
const XDP_DROP: u32 = 1;

// As in the C source.
pod_struct! {
    /// `struct source`: the map's key.
    struct Source {
        family: u32,
        address: [u8; 16],
    }

    /// `struct traffic`: its value.
    struct Traffic {
        packets: u64,
        bytes: u64,
        first_seen: u64,
        last_seen: u64,
    }
}

fn main() -> ExitCode {
    match count() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn count() -> Result<(), Box<dyn Error>> {
    let on_linux = std::env::args().any(|arg| arg == "--kernel");
    // The one choice: everything below is the same on both.
    let bpf: Arc<dyn Bpf> = if on_linux {
        Arc::new(Kernel::new()?)
    } else {
        Arc::new(Engine::new())
    };

    let object = load(&bpf)?;
    let senders = [1, 2, 1, 3, 1, 1, 2, 1].map(|host| Ipv4Addr::new(192, 0, 2, host));
    let mut dropped = 0;
    for sender in senders {
        if run(&object, &frame(sender))? == XDP_DROP {
            dropped += 1;
        }
    }
    println!("{dropped} of {} packets dropped", senders.len());

    let sources = object
        .map("sources")
        .ok_or("the object has no map sources")?;
    let sources = sources.hash::<Source, Traffic>()?;
    let mut found = sources.iter().collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|(source, _)| source.address);
    for (Source { family, address }, Traffic { packets, bytes, .. }) in found {
        let address = Ipv6Addr::from(address).to_canonical();
        println!("{address} (IPv{family}): packets {packets}, bytes {bytes}");
    }

    // A map is not only read: this source begins anew.
    let first = Source {
        family: 4,
        address: senders[0].to_ipv6_mapped().octets(),
    };
    sources.remove(&first)?;
    let verdict = run(&object, &frame(senders[0]))?;
    println!(
        "after its element is removed, {} sends again: {verdict}",
        senders[0]
    );
    Ok(())
}

/// Loads the object with a limit of our own.
fn load(bpf: &Arc<dyn Bpf>) -> Result<Object, Box<dyn Error>> {
    let mut spec = ObjectSpec::parse_named(OBJECT, "per-source.bpf.o")?;
    // The section of constants holds nothing but the limit. Until the object is
    // loaded, everything it asks for can still be changed.
    let constants = spec
        .map_mut(".rodata")
        .ok_or("the object has no constants")?;
    constants.contents = Contents::Bytes(LIMIT.to_ne_bytes().to_vec());
    Ok(spec.load(bpf)?)
}

/// Gives a packet to the program; what it returns.
fn run(object: &Object, frame: &[u8]) -> Result<u32, Box<dyn Error>> {
    let program = object
        .program("per_source")
        .ok_or("the object has no program per_source")?;
    let mut run = ProgTestRun {
        prog: program.fd(),
        data_in: UserIn::new(frame),
        data_size_in: u32::try_from(frame.len())?,
        ..ProgTestRun::default()
    };
    object.bpf().prog_test_run(&mut run)?;
    Ok(run.retval)
}

/// An Ethernet frame with an IPv4 packet from this address, and nothing in it.
fn frame(from: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![0; 14 + 20];
    frame[12..14].copy_from_slice(&0x0800_u16.to_be_bytes());
    frame[14] = 0x45;
    frame[26..30].copy_from_slice(&from.octets());
    frame
}
