//! Every way in which the command fails: the sentence and the exit code.

use crate::*;

/// Arguments, the exit code, and parts of the message.
fn check(cases: &[(String, i32, &[&str])]) {
    for (line, code, parts) in cases {
        let answer = run_line(line);
        assert_eq!(answer.code, *code, "{line}: {}", answer.err);
        assert_eq!(answer.out, "", "{line}");
        if *code == 1 {
            assert!(answer.err.starts_with("skep: "), "{line}: {}", answer.err);
        }
        for part in *parts {
            assert!(answer.err.contains(part), "{line}: {}", answer.err);
        }
    }
}

#[test]
fn names_that_are_not_there_are_answered_with_near_ones() {
    let per_source = format!("run {PER_SOURCE} --pcap {SHORT}");
    let many = format!("run testdata/bpf/many-programs.bpf.o --pcap {SHORT}");
    check(&[
        (
            format!("{per_source} --map souces"),
            1,
            &["there is no map souces: did you mean sources? (there are sources, .rodata, .bss)"],
        ),
        (
            format!("{per_source} --map counters"),
            1,
            &["there is no map counters; there are sources, .rodata, .bss"],
        ),
        (
            format!("{per_source} --prog persource"),
            1,
            &["there is no program persource: did you mean per_source?"],
        ),
        (
            many.clone(),
            1,
            &[
                "has 7 programs that take packets; choose one by --prog NAME:\n",
                "\n  xdp_one    xdp\n",
                "\n  cls_seven  sched_cls\n",
            ],
        ),
        (
            format!("{many} --prog xdp_on"),
            1,
            &["did you mean xdp_one?"],
        ),
    ]);
}

#[test]
fn formats_that_fit_nothing_are_answered_with_the_fields() {
    let line = format!("run {PER_SOURCE} --pcap {SHORT} --format");
    check(&[
        (
            format!("{line} key.adress=ipv6"),
            1,
            &[
                "--format key.adress=ipv6: key.adress names no field: key has family, address",
                "\n  sources: key.family (4 bytes), key.address (16 bytes)",
            ],
        ),
        (
            format!("{line} key.address=ipv4"),
            1,
            &["key.address has 16 bytes, but ipv4 takes 4"],
        ),
        (
            format!("{line} value.nothing=hex"),
            1,
            &[
                "value.packets (8 bytes)",
                ".bss: value.untracked (8 bytes), value.dropped",
            ],
        ),
        (
            format!("{line} key.address=ipv6 --map .bss"),
            1,
            &["no map is shown that has keys"],
        ),
        (
            format!("{line} adress=ipv6"),
            1,
            &["`key.` or `value.`, not with adress"],
        ),
        (format!("{line} key.address"), 1, &["FIELD=FORMAT"]),
        (
            format!("{line} key.address=ip"),
            1,
            &["there are ipv4, ipv6, mac, port, be, hex"],
        ),
    ]);
}

#[test]
fn the_command_line_is_checked() {
    let line = format!("run {PROTO_COUNT} --pcap {SHORT}");
    check(&[
        (String::new(), 2, &["Usage: skep <COMMAND>"]),
        ("walk".to_owned(), 2, &["unrecognized subcommand"]),
        (format!("run {PROTO_COUNT}"), 2, &["--pcap <FILE>"]),
        (format!("{line} --repeat 0"), 2, &["0 is not in 1.."]),
        (format!("{line} --cpus 0"), 2, &["0 is not in 1..=1024"]),
        (
            format!("{line} --cpus 1025"),
            2,
            &["1025 is not in 1..=1024"],
        ),
        (format!("{line} --cpus two"), 2, &["invalid digit"]),
        (format!("{line} --seed -1"), 2, &["unexpected argument"]),
        (
            format!("{line} --kernel --seed 1"),
            2,
            &["cannot be used with"],
        ),
        (
            format!("{line} --kernel --cpus 2"),
            2,
            &["cannot be used with"],
        ),
        (format!("{line} --formt key=ipv4"), 2, &["--format"]),
    ]);
}

#[test]
fn objects_that_cannot_be_used_are_explained() {
    let run = |object: &str| format!("run {object} --pcap {SHORT}");
    check(&[
        (
            run("nothing.bpf.o"),
            1,
            &["cannot read nothing.bpf.o: No such file"],
        ),
        (
            run("testdata"),
            1,
            &["cannot read testdata: Is a directory"],
        ),
        (
            run("README.md"),
            1,
            &["README.md: not a BPF object", "instead of ELF's"],
        ),
        (run(TRAFFIC), 1, &["not a BPF object", "instead of ELF's"]),
        (
            run("testdata/bpf/bad-extern.bpf.o --prog call"),
            1,
            &[
                "bad-extern.bpf.o: section xdp, symbol call, offset 0x8:",
                "refers to \"nowhere\", which is not defined",
            ],
        ),
        (
            run("testdata/bpf/bad-legacy-extra.bpf.o"),
            1,
            &["symbol first", "byte 24 of the map definition"],
        ),
        (
            run("testdata/bpf/bad-map-flags.bpf.o"),
            1,
            &["refused to create", "EINVAL"],
        ),
        (
            run("testdata/bpf/bad-license.bpf.o"),
            1,
            &["program print (section xdp)", "refused to load", "EINVAL"],
        ),
    ]);
}

/// A program that Linux refuses is refused with the verifier's log.
#[test]
fn the_verifier_has_its_say() {
    if !kernel_is_there() {
        return;
    }
    check(&[(
        format!("run testdata/bpf/bad-packet-bounds.bpf.o --pcap {SHORT} --prog one_past --kernel"),
        1,
        &["program one_past", "EACCES", "invalid mem access"],
    )]);
}

/// Without privilege `--kernel` says what it takes.
#[test]
fn the_kernel_takes_privilege() {
    let args = format!("run {PROTO_COUNT} --pcap {SHORT} --kernel");
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(env!("CARGO_BIN_EXE_skep"))
        .args(args.split_whitespace())
        .current_dir(root())
        .output();
    let answer = match output {
        Ok(output) => Answer::from(output),
        Err(error) => return println!("skipped: no setpriv: {error}"),
    };
    if answer.err.starts_with("setpriv") || answer.err.contains("cannot read") {
        return println!("skipped: cannot become another user: {}", answer.err.trim());
    }
    if answer.code == 0 {
        return println!("skipped: this system lets anybody use bpf(2)");
    }
    assert_eq!(answer.code, 1);
    assert!(answer.err.starts_with("skep: --kernel: "), "{}", answer.err);
    assert!(answer.err.contains("root or CAP_BPF"), "{}", answer.err);
}

/// Objects cut off anywhere are refused in a sentence, or run; nothing panics.
#[test]
fn cut_objects_are_refused_in_a_sentence() {
    let whole = read(PER_SOURCE);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cut");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("cut.bpf.o");
    for tenth in 0..10 {
        std::fs::write(&file, &whole[..whole.len() * tenth / 10]).expect("a file");
        let file = file.to_str().expect("text");
        for line in [
            format!("inspect {file}"),
            format!("run {file} --pcap {SHORT}"),
        ] {
            let answer = run_line(&line);
            assert_eq!(answer.code, 1, "{line}: {}", answer.err);
            assert!(answer.err.starts_with("skep: "), "{}", answer.err);
            assert!(answer.err.contains("cut.bpf.o: "), "{}", answer.err);
        }
    }
    std::fs::remove_dir_all(&folder).expect("it can go");
}

/// A reader that goes away is no failure, a full disk is.
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let line = format!("run {PROTO_COUNT} --pcap {SHORT}");
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return println!("skipped: no /dev/full");
    };
    let child = skep().args(line.split_whitespace()).stdout(full).output();
    let output = child.expect("skep runs");
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("cannot write the output"), "{err}");
}
