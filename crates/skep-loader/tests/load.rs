//! Loading over a system that records what it is asked.

mod common;

use common::Fake;
use skep_abi::insn::Insn;
use skep_abi::{Bpf, Errno, ProgType};
use skep_loader::{LoadError, LoadOptions, Object, ObjectSpec, TypedError};
use std::sync::Arc;

fn spec(name: &str) -> ObjectSpec {
    ObjectSpec::parse_named(&common::object(name), &format!("{name}.bpf.o")).unwrap()
}

fn load(fake: &Arc<Fake>, name: &str, options: &LoadOptions) -> Result<Object, LoadError> {
    let bpf: Arc<dyn Bpf> = fake.clone();
    spec(name).load_with(&bpf, options)
}

fn load_ok(name: &str) -> (Arc<Fake>, Object) {
    let fake = Arc::new(Fake::default());
    let object = load(&fake, name, &LoadOptions::new()).unwrap();
    (fake, object)
}

#[test]
fn the_commands_come_in_order() {
    let (fake, object) = load_ok("globals");
    let commands = fake.state().commands.clone();
    insta::assert_snapshot!(commands.join("\n"), @r#"
    btf_load
    map_create globals.rodata array 4/32/1 flags 0x480 btf 101 0/41
    map_update_elem 102
    map_freeze 102
    map_create globals.data array 4/20/1 flags 0x400 btf 101 0/39
    map_update_elem 103
    map_create .data.own array 4/8/1 flags 0x400 btf 101 0/40
    map_update_elem 104
    map_create .rodata.fixed array 4/8/1 flags 0x480 btf 101 0/42
    map_update_elem 105
    map_freeze 105
    map_create globals.bss array 4/24/1 flags 0x400 btf 101 0/38
    prog_load touch xdp attach 37 insns 55 license "Dual MIT/GPL" btf 101 funcs 1 lines 23 log 0
    "#);
    assert_eq!(object.maps().len(), 5);
    assert!(object.warnings().is_empty());
}

#[test]
fn data_maps_begin_with_what_the_file_says() {
    let (fake, object) = load_ok("globals");
    let contents = |name: &str| {
        let fd = object.map(name).unwrap().fd();
        fake.state().contents.get(&fd.0).cloned()
    };
    let mut data = vec![0; 20];
    data[..8].copy_from_slice(&1000u64.to_le_bytes());
    data[8] = 7;
    data[12] = 0xee;
    data[16] = 42;
    assert_eq!(contents(".data"), Some(data));
    assert_eq!(contents(".data.own"), Some(7u64.to_le_bytes().to_vec()));
    assert_eq!(contents(".bss"), None, "zero as it is");
    let rodata = contents(".rodata").unwrap();
    assert_eq!(rodata[..4], 2u32.to_le_bytes());
    assert_eq!(&rodata[4..12], b"globals\0");
    assert_eq!(object.map("globals.rodata").unwrap().name(), ".rodata");
}

#[test]
fn loads_of_maps_hold_descriptors_and_calls_distances() {
    let (fake, object) = load_ok("map-relocations");
    let program = object.program("walk").unwrap();
    let linked = program.linked();
    let loaded = Insn::decode_all(&fake.state().programs["walk"]);
    assert_eq!(loaded, linked.insns);
    assert_eq!(linked.map_uses.len(), 10);
    for used in &linked.map_uses {
        let [first, second] = loaded[used.insn..used.insn + 2] else {
            panic!("a load has two slots")
        };
        assert_eq!(first.imm, object.maps()[used.map].fd().0);
        assert_eq!((first.src, second.imm), (1, 0));
    }
    let names: Vec<&str> = linked.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["walk", "store_static", "store_global"]);
    let calls = loaded.iter().enumerate();
    let calls = calls.filter(|(_, insn)| insn.code == 0x85 && insn.src == 1);
    let targets: Vec<usize> = calls
        .map(|(at, insn)| (at as i64 + 1 + i64::from(insn.imm)) as usize)
        .collect();
    let starts: Vec<usize> = linked.functions[1..]
        .iter()
        .map(|function| function.insns.start)
        .collect();
    assert_eq!(targets, starts);
}

#[test]
fn a_system_without_btf_is_given_none() {
    let fake = Arc::new(Fake::default());
    fake.state().refuse_btf = Some(Errno::EINVAL);
    let object = load(&fake, "map-kinds", &LoadOptions::new()).unwrap();
    assert_eq!(object.btf_fd(), None);
    assert!(object.btf().is_some(), "it still tells the types");
    assert!(matches!(
        object.warnings(),
        [LoadError::BtfLoad {
            errno: Errno::EINVAL,
            ..
        }]
    ));
    let commands = fake.state().commands.clone();
    let later: Vec<&String> = commands.iter().filter(|c| !c.starts_with("btf")).collect();
    assert_eq!(later.len(), 5);
    for command in later {
        assert!(command.contains(" btf 0 "), "{command}");
        assert!(
            command.ends_with("0/0") || command.contains("funcs 0 lines 0"),
            "{command}"
        );
    }
}

#[test]
fn a_map_refused_with_types_is_made_without() {
    let fake = Arc::new(Fake::default());
    fake.state().refuse_types = Some(Errno::ENOTSUPP);
    let object = load(&fake, "ipv4-key", &LoadOptions::new()).unwrap();
    assert_eq!(object.warnings().len(), 1);
    let text = object.warnings()[0].to_string();
    assert!(
        text.contains("destinations") && text.contains("ENOTSUPP"),
        "{text}"
    );
    assert!(object.map("destinations").unwrap().key_type().0 != 0);
}

#[test]
fn a_refused_program_brings_the_whole_log_and_leaves_nothing_open() {
    let fake = Arc::new(Fake::default());
    let log = "0: it is refused\n".repeat(20_000);
    fake.state().refuse_programs = Some((Errno::EACCES, log.clone()));
    let error = load(&fake, "xdp-and-tc", &LoadOptions::new()).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EACCES));
    assert_eq!(error.log(), Some(log.as_str()));
    assert!(error.to_string().starts_with(
        "program at_driver (section xdp): the system refused to load it: EACCES (13)"
    ));
    assert_eq!(fake.state().open, []);
}

#[test]
fn everything_is_closed_with_the_object() {
    let (fake, object) = load_ok("globals");
    assert_eq!(fake.state().open.len(), 1 + 5 + 1);
    drop(object);
    assert_eq!(fake.state().open, []);
}

#[test]
fn options_choose_programs_and_sizes() {
    let fake = Arc::new(Fake::default());
    let options = LoadOptions::new()
        .only("at_qdisc")
        .max_entries("counts", 77)
        .log_level(1);
    let object = load(&fake, "xdp-and-tc", &options).unwrap();
    let names: Vec<&str> = object.programs().iter().map(|p| p.name()).collect();
    assert_eq!(names, ["at_qdisc"]);
    assert_eq!(object.programs()[0].log(), "taken");
    assert_eq!(object.map("counts").unwrap().ops().shape().max_entries, 77);
    let options = LoadOptions::new().autoload("at_driver", false);
    let object = load(&fake, "xdp-and-tc", &options).unwrap();
    assert!(object.program("at_driver").is_none());
    assert!(object.program("at_qdisc").is_some());
}

#[test]
fn options_about_what_is_not_there_say_what_is() {
    let fake = Arc::new(Fake::default());
    let error = load(&fake, "xdp-and-tc", &LoadOptions::new().only("nobody")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no program \"nobody\" in the object; it has at_driver, at_qdisc"
    );
    let options = LoadOptions::new().max_entries("nothing", 1);
    let error = load(&fake, "xdp-and-tc", &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no map \"nothing\" in the object; it has counts"
    );
    assert_eq!(fake.state().commands, [""; 0]);
}

#[test]
fn a_program_of_no_type_is_given_one() {
    let fake = Arc::new(Fake::default());
    let bpf: Arc<dyn Bpf> = fake.clone();
    let mut spec = ObjectSpec::parse(&common::own_object("functions")).unwrap();
    let error = spec.load(&bpf).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("section elsewhere, symbol untyped: "),
        "{text}"
    );
    assert_eq!(fake.state().commands, [""; 0], "nothing was made");
    spec.program_mut("untyped").unwrap().prog_type = ProgType::XDP;
    let object = spec.load(&bpf).unwrap();
    let names: Vec<&str> = object.programs().iter().map(|p| p.name()).collect();
    assert_eq!(names, ["old", "untyped"], "? is not loaded by itself");
    let warnings: Vec<String> = object.warnings().iter().map(|w| w.to_string()).collect();
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("symbol pinned") && w.contains("pins by name"))
    );
    let ring = object.map("ring").unwrap();
    assert_eq!(ring.spec().max_entries, 8192, "pages, a power of two");
}

#[test]
fn typed_views_show_both_sides_of_a_mismatch() {
    let (_, object) = load_ok("map-kinds");
    let papa = object.map("papa").unwrap();
    assert!(papa.hash::<u32, u64>().is_ok());
    let size = papa.hash::<u64, u64>().err().unwrap();
    assert_eq!(
        size.to_string(),
        "map papa has keys of 4 bytes, but u64 has 8"
    );
    let kind = papa.array::<u64>().err().unwrap();
    assert!(matches!(kind, TypedError::Kind { .. }));
    assert_eq!(
        kind.to_string(),
        "map papa is of type hash, but was asked for as an array"
    );
    let values = object.map("tango").unwrap().percpu_hash::<u32, u64>();
    assert_eq!(values.unwrap().cpus(), 3);
}
