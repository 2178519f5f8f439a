//! `skep run`: a program over a capture, then its maps.

use crate::args::RunArgs;
use crate::capture::{Capture, ETHERNET_HEADER};
use crate::elements::{self, View};
use crate::error::Failure;
use crate::inspect::read_object;
use crate::report::{self, Report};
use crate::runner::{Outcome, Runner, System};
use crate::{EXIT_VIOLATION, report::ShownMap};
use indicatif::{ProgressBar, ProgressStyle};
use skep::abi::ProgType;
use skep::btf::{Btf, Formats, TypeId};
use skep::loader::{LoadOptions, LoadedMap, Object, ObjectSpec, ProgramSpec};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Program types that a packet can be given to.
const PACKET_TYPES: [ProgType; 2] = [ProgType::XDP, ProgType::SCHED_CLS];

/// Packets between two looks at the clock for the progress bar.
const PROGRESS_STEP: u64 = 256;

/// Runs the command; what it prints, and the exit code.
pub fn run(args: &RunArgs) -> Result<(String, ExitCode), Failure> {
    let mut formats = Formats::new();
    for format in &args.format {
        formats.add(format).map_err(Failure::new)?;
    }
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
    check_formats(&formats, &shown, object.btf().map(|btf| &**btf))?;

    let mut report = Report::new(args, &object, &program, system.name());
    let mut runner = Runner::new(&system, loaded)?;
    feed(&mut runner, &mut capture, args, &mut report)?;
    report.made_up_ethernet = capture.made_up_ethernet();
    let view = View {
        formats: &formats,
        sum: args.sum,
        all: args.all,
    };
    report.maps = shown
        .iter()
        .map(|map| ShownMap {
            map,
            elements: elements::read(map, object.btf().map(|btf| &**btf), &view),
        })
        .collect();
    let code = match report.violations.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_VIOLATION),
    };
    let text = if args.json {
        report::json(&report)
    } else {
        report::text(&report)
    };
    Ok((text, code))
}

/// The program asked for, or the only one that takes packets.
fn choose<'a>(spec: &'a ObjectSpec, args: &RunArgs) -> Result<&'a ProgramSpec, Failure> {
    let object = args.object.display();
    let takes_packets = |program: &&ProgramSpec| PACKET_TYPES.contains(&program.prog_type);
    let names = |programs: Vec<&ProgramSpec>| {
        programs
            .iter()
            .map(|program| program.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(name) = &args.prog {
        let program = spec.program(name).ok_or_else(|| {
            let known = names(spec.programs().iter().collect());
            Failure::new(format!("{object} has no program {name}; it has {known}"))
        })?;
        if !takes_packets(&program) {
            return Err(Failure::new(format!(
                "program {name} is of type {}; packets can be given to programs of type xdp and \
                 sched_cls",
                program.prog_type
            )));
        }
        return Ok(program);
    }
    let found: Vec<_> = spec.programs().iter().filter(takes_packets).collect();
    match found.as_slice() {
        [program] => Ok(program),
        [] => Err(Failure::new(format!(
            "{object} has no program that takes packets (types xdp and sched_cls)"
        ))),
        _ => {
            let known = names(found);
            Err(Failure::new(format!(
                "{object} has several programs that take packets: choose one of {known} by --prog"
            )))
        }
    }
}

/// All maps, or those asked for.
fn maps_to_show<'a>(object: &'a Object, args: &RunArgs) -> Result<Vec<&'a LoadedMap>, Failure> {
    if args.map.is_empty() {
        return Ok(object.maps().iter().collect());
    }
    let find = |name: &String| {
        object.map(name).ok_or_else(|| {
            let known: Vec<_> = object.maps().iter().map(LoadedMap::name).collect();
            Failure::new(format!(
                "there is no map {name}; there are {}",
                known.join(", ")
            ))
        })
    };
    args.map.iter().map(find).collect()
}

/// Each format must fit a field of at least one map that is shown.
fn check_formats(formats: &Formats, maps: &[&LoadedMap], btf: Option<&Btf>) -> Result<(), Failure> {
    let Some(btf) = btf else { return Ok(()) };
    for root in ["key", "value"] {
        let mut failure = None;
        let fits = maps.iter().any(|map| {
            let id = if root == "key" {
                map.key_type()
            } else {
                map.value_type()
            };
            if id == TypeId::VOID {
                return false;
            }
            match formats.check(btf, root, id) {
                Ok(()) => true,
                Err(error) => {
                    failure.get_or_insert(error);
                    false
                }
            }
        });
        if let Some(error) = failure
            && !fits
        {
            return Err(Failure::new(format!("--format: {error}")));
        }
    }
    Ok(())
}

/// Gives every packet to the program.
fn feed(
    runner: &mut Runner<'_>,
    capture: &mut Capture,
    args: &RunArgs,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    let bar = progress_bar(capture);
    let start = Instant::now();
    loop {
        let (_, position) = capture.progress();
        let frame = match capture.next_frame() {
            None => break,
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                // What came before the break is shown; that it broke is not hidden.
                report.broken = Some(error.to_string());
                break;
            }
        };
        report.packets += 1;
        report.bytes += frame.len() as u64;
        if frame.len() < ETHERNET_HEADER {
            report.too_short += 1;
            continue;
        }
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
        if report.packets.is_multiple_of(PROGRESS_STEP) {
            bar.set_position(position);
            bar.set_message(rate(report.packets, start.elapsed()));
        }
    }
    report.elapsed = start.elapsed();
    bar.finish_and_clear();
    Ok(())
}

/// Packets a second, in words.
pub fn rate(packets: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return String::new();
    }
    format!(
        "{} packets/s",
        report::grouped((packets as f64 / seconds) as u64)
    )
}

fn progress_bar(capture: &Capture) -> ProgressBar {
    let (size, _) = capture.progress();
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size);
    let template = "{wide_bar} {percent}% {bytes}/{total_bytes} {msg}";
    bar.with_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}
