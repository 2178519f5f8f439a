//! Programs run from Rust: outcomes, reports, cpus, and maps as programs use them.

mod programs;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use programs::*;
use skep_abi::flags::map as flag;
use skep_abi::insn::{op, pseudo};
use skep_abi::*;
use skep_engine::Engine;
use skep_engine::run::{PacketBuf, RunError, Runner};
use skep_engine::world::{Clock, Device, World};

/// `r0 =` the value of element 1 of the map, or return 99.
fn lookup(fd: Fd) -> Code {
    [
        put(-8, &1u32.to_le_bytes()),
        map(1, fd),
        stack(2, -8),
        call_helper(1),
        vec![Insn::new(op::JMP | op::JNE, 0, 0, 2, 0)],
        ret(99),
    ]
    .concat()
}

fn value(engine: &Engine, fd: Fd, key: u32) -> Vec<u8> {
    let map = engine.resolve(fd).unwrap();
    let mut value = vec![0; map.shape().user_value_size];
    map.lookup(&key.to_ne_bytes(), &mut value, 0).unwrap();
    value
}

#[test]
fn a_run_changes_packet_and_maps() {
    let engine = Engine::new();
    let counts = new_map(&engine, MapType::ARRAY, 8, 0);
    let add = Insn::new(op::STX | op::ATOMIC | op::DW, 0, 1, 0, 0);
    let code = [
        copy(6, 1),
        lookup(counts),
        set(1, 3),
        vec![add],
        load(op::W, 2, 6, 0),
        set(1, 0x77),
        store(op::B, 2, 0, 1),
        ret(2),
    ];
    // Whether there are bytes is not asked: each run checks that there are.
    let runner = engine.program(xdp(&engine, &code.concat())).unwrap();
    let mut packet = PacketBuf::new();
    for _ in 0..1000 {
        runner.fill(&mut packet, &count(), None).unwrap();
        let outcome = runner.run(0, &mut packet).unwrap();
        assert_eq!(outcome.value, 2);
        assert!(outcome.instructions > 10);
    }
    assert_eq!(packet.linear()[..2], [0x77, 1]);
    assert_eq!(packet.to_vec().len(), 64);
    assert_eq!(value(&engine, counts, 1), 3000u64.to_ne_bytes());
}

#[test]
fn a_violation_is_reported_and_kept() {
    let engine = Engine::new();
    let counts = new_map(&engine, MapType::HASH, 8, 0);
    let code = [lookup(counts), load(op::DW, 0, 0, 0), exit()].concat();
    let fd = load_with(&engine, ProgType::XDP, &code, |cmd| {
        cmd.prog_name = Name::from("careful");
    })
    .unwrap();
    assert_eq!(returned(&engine, fd), 99);
    assert_eq!(engine.last_violation(fd), Ok(None));
    let code = [copy(3, 10), load(op::B, 0, 3, 0), exit()].concat();
    let fd = load_with(&engine, ProgType::XDP, &code, |cmd| {
        cmd.prog_name = Name::from("careless");
    })
    .unwrap();
    let answer = run(&engine, fd, &count());
    assert_eq!(answer.result, Err(Errno::EACCES));
    assert_eq!(answer.retval, UNTOUCHED);
    let report = engine.last_violation(fd).unwrap().unwrap();
    assert_eq!(report.violation.insn, 1);
    assert_eq!(report.violation.kind.name(), "stack out of bounds");
    assert!(
        report
            .to_string()
            .starts_with("program careless: instruction 1: ")
    );
}

#[test]
fn accesses_stay_inside_an_element() {
    let engine = Engine::builder().cpus(3).build();
    for map_type in [
        MapType::ARRAY,
        MapType::PERCPU_ARRAY,
        MapType::HASH,
        MapType::PERCPU_HASH,
    ] {
        let fd = new_map(&engine, map_type, 12, 0);
        let size = engine.resolve(fd).unwrap().shape().user_value_size;
        let put_all = |key: u32| {
            engine
                .resolve(fd)
                .unwrap()
                .update(&key.to_ne_bytes(), &vec![key as u8; size], 0)
                .unwrap();
        };
        (0..3).for_each(put_all);
        for (width, offset, fine) in [
            (op::B, 0, true),
            (op::B, 11, true),
            (op::W, 8, true),
            (op::B, 12, false),
            (op::W, 10, false),
            (op::DW, 8, false),
            (op::B, -1, false),
            (op::B, 4096, false),
            (op::B, i16::MIN, false),
        ] {
            let read = [lookup(fd), load(width, 0, 0, offset), exit()].concat();
            let runner = engine.program(xdp(&engine, &read)).unwrap();
            let mut packet = PacketBuf::new();
            runner.fill(&mut packet, &count(), None).unwrap();
            let seen = runner.run(2, &mut packet);
            match seen {
                Ok(outcome) => assert!(fine && outcome.value as u8 == 1, "{map_type} {offset}"),
                Err(RunError::Violation(report)) => {
                    assert!(!fine, "{map_type} {offset}: {report}");
                    assert_eq!(report.violation.kind.name(), "map value out of bounds");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_cpu_has_its_own_value() {
    let engine = Engine::builder().cpus(3).build();
    let fd = new_map(&engine, MapType::PERCPU_ARRAY, 8, 0);
    let write = [lookup(fd), call_helper(8), copy(7, 0), lookup(fd)].concat();
    let write = [write, store(op::DW, 0, 0, 7), ret(0)].concat();
    let runner = engine.program(xdp(&engine, &write)).unwrap();
    let mut packet = PacketBuf::new();
    runner.fill(&mut packet, &count(), None).unwrap();
    for cpu in 0..3 {
        runner.run(cpu, &mut packet).unwrap();
    }
    let values = [0u64, 1, 2].map(u64::to_ne_bytes).concat();
    assert_eq!(value(&engine, fd, 1), values);
    let error = runner.run(3, &mut packet).unwrap_err();
    assert_eq!(error.errno(), Errno::EINVAL);
    // Another cpu's value, by the helper.
    let other = |cpu: i32| {
        let code = [
            put(-8, &1u32.to_le_bytes()),
            map(1, fd),
            stack(2, -8),
            set(3, cpu),
            call_helper(195),
            vec![Insn::new(op::JMP | op::JNE, 0, 0, 2, 0)],
            ret(99),
            load(op::DW, 0, 0, 0),
            exit(),
        ];
        returned(&engine, xdp(&engine, &code.concat()))
    };
    assert_eq!([0, 2, 3, -1].map(other), [0, 2, 99, 99]);
}

#[test]
fn maps_may_be_closed_to_programs() {
    let engine = Engine::new();
    let kind = |code: Code| {
        let fd = xdp(&engine, &code);
        let result = run(&engine, fd, &count()).result;
        let report = engine.last_violation(fd).unwrap();
        report.map_or(format!("{result:?}"), |report| {
            report.violation.kind.name().to_owned()
        })
    };
    let read_only = new_map(&engine, MapType::ARRAY, 8, flag::RDONLY_PROG);
    let write_only = new_map(&engine, MapType::ARRAY, 8, flag::WRONLY_PROG);
    let reads = |fd| [lookup(fd), load(op::W, 0, 0, 0), exit()].concat();
    let writes = |fd| [lookup(fd), set(1, 1), store(op::W, 0, 0, 1), ret(0)].concat();
    let updates = |fd| {
        let code = [
            put(-8, &[0; 8]),
            map(1, fd),
            stack(2, -8),
            stack(3, -8),
            set(4, 0),
            call_helper(2),
            exit(),
        ];
        code.concat()
    };
    assert_eq!(kind(reads(read_only)), "Ok(())");
    assert_eq!(kind(writes(read_only)), "read-only memory");
    assert_eq!(kind(updates(read_only)), "helper argument");
    assert_eq!(kind(reads(write_only)), "write-only memory");
    assert_eq!(kind(writes(write_only)), "Ok(())");
    assert_eq!(kind(updates(write_only)), "Ok(())");
}

#[test]
fn updates_answer_as_on_linux() {
    let engine = Engine::new();
    for (map_type, answers) in [
        (MapType::ARRAY, [0, -17, 0, -22, -22]),
        (MapType::PERCPU_ARRAY, [0, -17, 0, -22, -22]),
        (MapType::HASH, [0, 0, -2, -22, -22]),
        (MapType::PERCPU_HASH, [0, 0, -2, -22, -22]),
    ] {
        for (flags, answer) in (0..).zip(answers) {
            let fd = new_map(&engine, map_type, 8, 0);
            let code = [
                put(-8, &[1, 0, 0, 0, 0, 0, 0, 0]),
                map(1, fd),
                stack(2, -8),
                stack(3, -8),
                set(4, flags),
                call_helper(2),
                exit(),
            ];
            let prog = xdp(&engine, &code.concat());
            assert_eq!(returned(&engine, prog) as i32, answer, "{map_type} {flags}");
        }
        let fd = new_map(&engine, map_type, 8, 0);
        let code = [
            put(-8, &[1, 0, 0, 0]),
            map(1, fd),
            stack(2, -8),
            call_helper(3),
            exit(),
        ];
        let absent = returned(&engine, xdp(&engine, &code.concat())) as i32;
        let hash = matches!(map_type, MapType::HASH | MapType::PERCPU_HASH);
        assert_eq!(absent, if hash { -2 } else { -22 });
    }
}

#[test]
fn globals_are_reached_directly() {
    let engine = Engine::new();
    let mut cmd = MapCreate {
        map_type: MapType::ARRAY,
        key_size: 4,
        value_size: 16,
        max_entries: 1,
        ..MapCreate::default()
    };
    let fd = engine.map_create(&mut cmd).unwrap();
    let code = [
        wide(1, pseudo::MAP_VALUE, fd.0, 8),
        set(2, 5),
        store(op::DW, 1, 0, 2),
        load(op::DW, 0, 1, 0),
        exit(),
    ];
    assert_eq!(returned(&engine, xdp(&engine, &code.concat())), 5);
    assert_eq!(value(&engine, fd, 0)[8..], 5u64.to_ne_bytes());
    let beyond = [
        wide(1, pseudo::MAP_VALUE, fd.0, 8),
        load(op::DW, 0, 1, 8),
        exit(),
    ];
    let answer = run(&engine, xdp(&engine, &beyond.concat()), &count());
    assert_eq!(answer.result, Err(Errno::EACCES));
}

#[test]
fn a_run_that_does_not_end_is_stopped() {
    let engine = Engine::new();
    let code = [
        vec![Insn::new(op::JMP | op::JEQ | op::X, 1, 1, -1, 0)],
        ret(0),
    ]
    .concat();
    let runner = engine
        .program(xdp(&engine, &code))
        .unwrap()
        .with_budget(1000);
    let mut packet = PacketBuf::new();
    runner.fill(&mut packet, &count(), None).unwrap();
    let Err(RunError::Violation(report)) = runner.run(0, &mut packet) else {
        panic!("it ended");
    };
    assert_eq!(report.violation.kind.name(), "instruction budget");
}

/// A world whose printing runs a program on cpu 0.
#[derive(Default)]
struct Nested {
    runner: std::sync::OnceLock<Runner>,
    answer: AtomicU32,
}

impl World for Nested {
    fn now(&self, _: Clock) -> u64 {
        0
    }

    fn random(&self, _: u32) -> u32 {
        0
    }

    fn device(&self, _: u32) -> Option<&Device> {
        None
    }

    fn trace(&self, _: u32, _: &[u8]) {
        let runner = self.runner.get().unwrap();
        let answer = runner.run(0, &mut PacketBuf::new());
        let errno = answer.err().map_or(0, |error| error.errno().raw());
        self.answer.store(errno as u32, Ordering::SeqCst);
    }
}

#[test]
fn a_cpu_does_not_run_two_programs_in_one_thread() {
    let world = Arc::new(Nested::default());
    let engine = Engine::builder().world(world.clone()).build();
    let inner = engine.program(xdp(&engine, &ret(2))).unwrap();
    assert!(world.runner.set(inner).is_ok());
    let code = [
        put(-8, b"hi\0"),
        stack(1, -8),
        set(2, 3),
        call_helper(6),
        ret(0),
    ];
    let outer = engine.program(xdp(&engine, &code.concat())).unwrap();
    let mut packet = PacketBuf::new();
    outer.fill(&mut packet, &count(), None).unwrap();
    assert_eq!(outer.run(0, &mut packet).unwrap().value, 0);
    assert_eq!(
        world.answer.load(Ordering::SeqCst),
        Errno::EBUSY.raw() as u32
    );
}

#[test]
fn cpus_run_at_the_same_time() {
    let engine = Engine::builder().cpus(2).build();
    let counts = new_map(&engine, MapType::ARRAY, 8, 0);
    let add = Insn::new(op::STX | op::ATOMIC | op::DW, 0, 1, 0, 0);
    let code = [lookup(counts), set(1, 1), vec![add], ret(0)].concat();
    let runner = engine.program(xdp(&engine, &code)).unwrap();
    std::thread::scope(|scope| {
        // Two threads on each cpu: one of them waits.
        for cpu in [0, 0, 1, 1] {
            let runner = &runner;
            scope.spawn(move || {
                let mut packet = PacketBuf::new();
                runner.fill(&mut packet, &count(), None).unwrap();
                for _ in 0..500 {
                    runner.run(cpu, &mut packet).unwrap();
                }
            });
        }
    });
    assert_eq!(value(&engine, counts, 1), 2000u64.to_ne_bytes());
}
