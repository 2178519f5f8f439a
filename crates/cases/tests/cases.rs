//! Runs every case on the engine and on Linux.
//!
//! Without the privilege to use bpf(2) the Linux half is skipped with its
//! reason, and the count is printed at the end.

use cases::{ALL, System};
use libtest_mimic::{Arguments, Trial};
use std::sync::Arc;

fn main() {
    let arguments = Arguments::from_args();
    let linux = skep::Kernel::new();
    let mut trials = Vec::new();
    for (module, cases) in ALL {
        for case in *cases {
            let run = case.run;
            trials.push(Trial::test(format!("engine::{module}::{}", case.name), move || {
                run(&System { bpf: Arc::new(skep::Engine::new()), name: "engine" });
                Ok(())
            }));
            let name = format!("linux::{module}::{}", case.name);
            trials.push(match &linux {
                Ok(kernel) => {
                    let system = System { bpf: Arc::new(kernel.clone()), name: "linux" };
                    Trial::test(name, move || {
                        run(&system);
                        Ok(())
                    })
                }
                Err(_) => Trial::test(name, || Ok(())).with_ignored_flag(true),
            });
        }
    }
    let skipped = trials.len() / 2;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Err(reason) = &linux {
        println!("skipped: {skipped} cases on Linux: {reason}");
    }
    conclusion.exit();
}
