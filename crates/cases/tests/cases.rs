//! Runs every case on the engine and on Linux.
//!
//! Where the Linux half cannot run (bpf(2) is not permitted, or this is a kernel
//! older than the one that cases speak of) it is skipped, and the count and the
//! reason are printed at the end. A case that the engine is known to fail
//! ([`cases::KNOWN`]) must fail.

use cases::asm::{R0, exit, mov_imm};
use cases::{KNOWN, Named, System};
use libtest_mimic::{Arguments, Failed, Trial};
use skep::abi::{Errno, ProgType};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

/// The kernel that decides what is right.
const KERNEL: (u32, u32) = (6, 18);

thread_local! {
    /// Whether panics of this thread are expected and not worth a line.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

fn main() {
    let arguments = Arguments::from_args();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !QUIET.get() {
            report(info);
        }
    }));
    let linux = linux();
    let alone = Arc::new(RwLock::new(()));
    let mut trials = Vec::new();
    let mut known: Vec<&str> = KNOWN
        .iter()
        .flat_map(|(cases, _)| *cases)
        .copied()
        .collect();
    let mut skipped = 0;
    for case in cases::all() {
        known.retain(|name| *name != case.name);
        trials.push(match &linux {
            Ok(kernel) => on_linux(&case, kernel, &alone),
            Err(_) => {
                skipped += 1;
                Trial::test(linux_name(&case), || Ok(())).with_ignored_flag(true)
            }
        });
        trials.push(on_engine(case));
    }
    assert!(known.is_empty(), "KNOWN lists what is no case: {known:?}");
    let conclusion = libtest_mimic::run(&arguments, trials);
    for (cases, difference) in KNOWN {
        let cases = cases.join(", ");
        println!("known difference of the engine: {difference} ({cases})");
    }
    if let Err(reason) = &linux {
        println!("skipped: {skipped} cases on Linux: {reason}");
    }
    conclusion.exit();
}

fn linux_name(case: &Named) -> String {
    format!("linux::{}", case.name)
}

fn on_linux(case: &Named, kernel: &skep::Kernel, alone: &Arc<RwLock<()>>) -> Trial {
    let (kernel, run, is_alone) = (kernel.clone(), case.run.clone(), case.alone);
    let lock = alone.clone();
    Trial::test(linux_name(case), move || {
        let system = System::linux(&kernel);
        if is_alone {
            let _guard = lock.write().unwrap_or_else(PoisonError::into_inner);
            run(&system);
        } else {
            let _guard = lock.read().unwrap_or_else(PoisonError::into_inner);
            run(&system);
        }
        Ok(())
    })
}

fn on_engine(case: Named) -> Trial {
    let name = format!("engine::{}", case.name);
    let Some(reason) = cases::known(&case.name) else {
        return Trial::test(name, move || {
            (case.run)(&System::engine());
            Ok(())
        });
    };
    Trial::test(name, move || {
        QUIET.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| (case.run)(&System::engine())));
        QUIET.set(false);
        match outcome {
            Ok(()) => Err(Failed::from(format!(
                "passes, and is still listed as known to fail: {reason}"
            ))),
            Err(_) => Ok(()),
        }
    })
    .with_kind("known to fail")
}

/// The kernel, if cases can run on it; otherwise why not.
fn linux() -> Result<skep::Kernel, String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    let mut part = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    if (part(), part()) < KERNEL {
        return Err(format!(
            "the cases say what Linux {}.{} answers, and this is {}",
            KERNEL.0,
            KERNEL.1,
            release.trim()
        ));
    }
    let kernel = skep::Kernel::new().map_err(|reason| reason.to_string())?;
    let pass = [mov_imm(R0, 2), exit()];
    match System::linux(&kernel).try_prog(ProgType::XDP, &pass) {
        Err(errno @ (Errno::EPERM | Errno::EACCES)) => {
            Err(format!("programs may not be loaded here: {errno}"))
        }
        _ => Ok(kernel),
    }
}
