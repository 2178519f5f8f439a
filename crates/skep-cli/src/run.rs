//! `skep run`: a program over a capture, then its maps.

use crate::args::RunArgs;
use crate::capture::{Capture, CaptureError, ETHERNET_HEADER};
use crate::elements::{self, View};
use crate::error::Failure;
use crate::inspect::read_object;
use crate::near;
use crate::progress::Progress;
use crate::report::{self, Report, ShownMap};
use crate::runner::{Outcome, Runner, System};
use crate::types::Types;
use crate::{Done, EXIT_VIOLATION};
use skep::abi::ProgType;
use skep::engine::program;
use skep::loader::{LoadOptions, LoadedMap, Object, ObjectSpec, ProgramSpec};
use std::process::ExitCode;

/// Program types that run over a packet.
const PACKET_TYPES: [ProgType; 9] = [
    ProgType::SOCKET_FILTER,
    ProgType::SCHED_CLS,
    ProgType::SCHED_ACT,
    ProgType::XDP,
    ProgType::CGROUP_SKB,
    ProgType::LWT_IN,
    ProgType::LWT_OUT,
    ProgType::LWT_XMIT,
    ProgType::LWT_SEG6LOCAL,
];

/// Whether the program is given packets, and is of a type that is there.
fn takes_packets(program: &ProgramSpec) -> bool {
    packet_types().any(|known| known == program.prog_type)
}

fn packet_types() -> impl Iterator<Item = ProgType> {
    let known = program::kinds().map(|kind| kind.prog_type);
    known.filter(|known| PACKET_TYPES.contains(known))
}

/// Their names.
fn packet_type_names() -> String {
    let names: Vec<String> = packet_types().map(|known| known.to_string()).collect();
    names.join(", ")
}

/// Runs the command.
pub fn run(args: &RunArgs) -> Result<Done, Failure> {
    let spec = read_object(&args.object)?;
    let program = choose(&spec, args)?.clone();
    let mut capture = Capture::open(&args.pcap).map_err(Failure::new)?;
    let system = System::open(args)?;
    let options = LoadOptions::new().only(program.name.clone());
    let object = spec
        .load_with(&system.bpf(), &options)
        .map_err(|error| Failure::new(format!("{}: {error}", args.object.display())))?;
    let loaded = object
        .program(&program.name)
        .ok_or_else(|| Failure::new(format!("program {} was not loaded", program.name)))?;
    let shown = maps_to_show(&object, args)?;
    let types = Types::new(&object)?;
    let formats = types.check(&args.format, &shown)?;

    let mut report = Report::new(args, &object, &program, &system);
    let mut runner = Runner::new(&system, loaded)?;
    let broken = feed(&mut runner, &mut capture, args, &mut report)?;
    report.made_up_ethernet = capture.made_up_ethernet();
    report.broken = broken.as_ref().map(ToString::to_string);
    let view = View {
        types: &types,
        formats: &formats,
        sum: args.sum,
        all: args.all,
    };
    let read = |map| ShownMap {
        map,
        elements: elements::read(map, &view),
    };
    report.maps = shown.into_iter().map(read).collect();
    let text = if args.json {
        report::json::render(&report)
    } else {
        report::text::render(&report)
    };
    let code = match (&broken, report.violations.is_empty()) {
        (Some(_), _) => ExitCode::FAILURE,
        (None, false) => ExitCode::from(EXIT_VIOLATION),
        (None, true) => ExitCode::SUCCESS,
    };
    Ok(Done {
        text,
        complaint: broken.map(Failure::new),
        code,
    })
}

/// The program asked for, or the only one that takes packets.
fn choose<'a>(spec: &'a ObjectSpec, args: &RunArgs) -> Result<&'a ProgramSpec, Failure> {
    let object = args.object.display();
    let programs = spec.programs();
    if let Some(name) = &args.prog {
        let program = spec.program(name).ok_or_else(|| {
            let known: Vec<&str> = programs.iter().map(|p| p.name.as_str()).collect();
            let unknown = near::unknown("program", name, &known);
            Failure::new(format!("{object}: {unknown}"))
        })?;
        if !takes_packets(program) {
            return Err(Failure::new(format!(
                "{object}: program {name} is of type {}; packets can be given to programs of the \
                 types {}",
                program.prog_type,
                packet_type_names()
            )));
        }
        return Ok(program);
    }
    let found: Vec<&ProgramSpec> = programs.iter().filter(|p| takes_packets(p)).collect();
    match found.as_slice() {
        [program] => Ok(program),
        [] if programs.is_empty() => Err(Failure::new(format!("{object} has no program"))),
        [] => Err(Failure::new(format!(
            "{object} has no program that takes packets (types {}); it has{}",
            packet_type_names(),
            listed(programs.iter())
        ))),
        several => Err(Failure::new(format!(
            "{object} has {} programs that take packets; choose one by --prog NAME:{}",
            several.len(),
            listed(several.iter().copied())
        ))),
    }
}

/// A line a program: its name and type.
fn listed<'a>(programs: impl Iterator<Item = &'a ProgramSpec> + Clone) -> String {
    let width = programs.clone().map(|p| p.name.chars().count()).max();
    let width = width.unwrap_or(0).min(40);
    let line = |p: &ProgramSpec| format!("\n  {:<width$}  {}", p.name, p.prog_type);
    programs.map(line).collect()
}

/// All maps, or those asked for.
fn maps_to_show<'a>(object: &'a Object, args: &RunArgs) -> Result<Vec<&'a LoadedMap>, Failure> {
    if args.map.is_empty() {
        return Ok(object.maps().iter().collect());
    }
    let find = |name: &String| {
        object.map(name).ok_or_else(|| {
            let known: Vec<&str> = object.maps().iter().map(LoadedMap::name).collect();
            let unknown = near::unknown("map", name, &known);
            Failure::new(format!("{}: {unknown}", args.object.display()))
        })
    };
    args.map.iter().map(find).collect()
}

/// Gives every packet to the program; what broke the capture off, if anything did.
fn feed(
    runner: &mut Runner<'_>,
    capture: &mut Capture,
    args: &RunArgs,
    report: &mut Report<'_>,
) -> Result<Option<CaptureError>, Failure> {
    let progress = Progress::new(capture);
    let mut broken = None;
    loop {
        let frame = match capture.next_frame() {
            None => break,
            Some(Ok(frame)) => frame,
            // Of a capture of something else there is nothing to show.
            Some(Err(error @ CaptureError::Link { .. })) if report.packets == 0 => {
                return Err(Failure::new(error));
            }
            Some(Err(error)) => {
                broken = Some(error);
                break;
            }
        };
        report.packets += 1;
        report.bytes += frame.len() as u64;
        if frame.len() < ETHERNET_HEADER {
            report.too_short += 1;
            continue;
        }
        run_on(runner, frame, args, report)?;
        progress.packets(report.packets, capture);
    }
    report.elapsed = progress.finish();
    Ok(broken)
}

/// Runs the program on one frame, as often as asked for.
fn run_on(
    runner: &mut Runner<'_>,
    frame: &[u8],
    args: &RunArgs,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    for _ in 0..args.repeat {
        match runner.run(report.packets, frame)? {
            Outcome::Returned(value) => *report.returned.entry(value).or_default() += 1,
            Outcome::Refused => {
                report.refused += 1;
                break;
            }
            Outcome::Violation(violation) => report.violation(violation),
        }
    }
    report.print(runner.printed());
    Ok(())
}
