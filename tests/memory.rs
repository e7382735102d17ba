//! Memory does not grow with the input; bad lines cost no more than good ones. Measured at the child through `/proc`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{replay, sample_lines};
use jiff::{Span, Timestamp};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a process used.
#[derive(Copy, Clone, Debug, Default)]
struct Usage {
    peak_bytes: u64,
    cpu_secs: f64,
}

/// Runs a replay that must succeed, and looks at it until it ends.
fn measured(mut command: Command) -> Usage {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut usage = Usage::default();
    loop {
        let proc = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
        let status = proc("status");
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|v| v.split_whitespace().next());
        if let Some(kib) = peak.and_then(|kib| kib.parse::<u64>().ok()) {
            usage.peak_bytes = usage.peak_bytes.max(kib * 1024);
        }
        // Fields 14 and 15, in hundredths of a second, are 11 and 12 behind the name in brackets.
        let stat = proc("stat");
        let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        usage.cpu_secs = usage.cpu_secs.max(ticks.filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{command:?} ended with {status}");
            return usage;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The sample log so many times, each copy with ids of its own and two hours after the one before: far enough for all that
/// the first one left behind to be settled.
fn copies(path: &Path, count: i64) -> PathBuf {
    const IDS: &[u8] = b"\"auditID\":\"";
    const TIMES: [&[u8]; 2] = [b"\"requestReceivedTimestamp\":\"", b"\"stageTimestamp\":\""];
    let mut out = BufWriter::new(File::create(path).unwrap());
    let lines = sample_lines();
    for copy in 0..count {
        for line in &lines {
            let mut line = line.clone();
            let id = memchr::memmem::find(&line, IDS).unwrap() + IDS.len();
            line[id..id + 8].copy_from_slice(format!("{copy:08x}").as_bytes());
            for name in TIMES {
                let at = memchr::memmem::find(&line, name).unwrap() + name.len();
                let end = at + memchr::memchr(b'"', &line[at..]).unwrap();
                let time: Timestamp = std::str::from_utf8(&line[at..end]).unwrap().parse().unwrap();
                let shifted = time.checked_sub(Span::new().hours(2 * (count - copy))).unwrap();
                line.splice(at..end, format!("{shifted:.6}").into_bytes());
            }
            out.write_all(&line).unwrap();
        }
    }
    out.into_inner().unwrap();
    path.to_owned()
}

/// Log lines with other blocks and later times in each thousand, and odd lines among them: without format, binary, 1 MB long.
fn log_lines(path: &Path, count: usize) -> PathBuf {
    let mut out = BufWriter::new(File::create(path).unwrap());
    for line in 0..count {
        let (second, block) = (line / 50, line / 4 * 7919);
        let time = format!(
            "0811{:02} {:02}{:02}{:02}",
            9 + second / 86_400,
            second / 3600 % 24,
            second / 60 % 60,
            second % 60
        );
        match line {
            _ if line % 5_000 == 4_999 => writeln!(out, "{time} 1 INFO dfs.Long: {}", "x".repeat(1 << 20)),
            _ if line % 1_000 == 999 => writeln!(out, "no format at all {line}"),
            _ if line % 1_500 == 1_499 => writeln!(out, "{time} 1 INFO dfs.Nul: a \0 b"),
            _ => writeln!(
                out,
                "{time} 143 INFO dfs.DataNode: Receiving block blk_{block} src: /10.250.{}.7:54106",
                line % 250
            ),
        }
        .unwrap();
    }
    out.into_inner().unwrap();
    path.to_owned()
}

#[test]
fn memory_does_not_grow_with_a_log_of_lines() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = folder.path().join("pipeline.toml");
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/hdfs.toml")).unwrap();
    let text = text.replace("idle = \"1h\"", "idle = \"60s\"").replace("bytes = \"256MiB\"", "bytes = \"4MiB\"");
    std::fs::write(&pipeline, text).unwrap();
    let mut peaks = Vec::new();
    for (name, count) in [("short", 20_000), ("long", 120_000)] {
        let log = log_lines(&folder.path().join(name), count);
        let account = folder.path().join(format!("{name}.json"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
        command
            .args(["replay", "--no-progress", "--workers", "2", "--pipeline"])
            .arg(&pipeline)
            .arg("--account")
            .arg(&account);
        command.arg("--output").arg(folder.path().join(format!("{name}-tables"))).arg(log);
        peaks.push(measured(command).peak_bytes);
        let account: serde_json::Value = serde_json::from_slice(&std::fs::read(account).unwrap()).unwrap();
        let count_of = |name: &str| account[name].as_u64().unwrap() as usize;
        assert_eq!((count_of("read"), count_of("events") + count_of("rejects")), (count, count), "{account}");
        assert_eq!(count_of("rejects"), count / 1_000 + count / 1_500 - count / 3_000, "{account}");
    }
    let (short, long) = (peaks[0] >> 20, peaks[1] >> 20);
    eprintln!("peak of 20,000 log lines {short} MiB, of 120,000 {long} MiB");
    assert!(long < short + 40, "memory grows with the log: {short} MiB for 20,000 lines, {long} MiB for 120,000");
}

#[test]
fn memory_does_not_grow_with_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut peaks = Vec::new();
    for (name, count) in [("short", 4), ("long", 15)] {
        let log = copies(&folder.path().join(name), count);
        let bytes = std::fs::metadata(&log).unwrap().len();
        let more = ["--workers", "2", "--set", "commit.bytes=16MiB"];
        let usage = measured(replay(&folder.path().join(format!("{name}-tables")), &[&log], &more));
        eprintln!("{} MB: peak {} MiB, {:.1} s of CPU", bytes / 1_000_000, usage.peak_bytes >> 20, usage.cpu_secs);
        std::fs::remove_file(&log).unwrap();
        peaks.push(usage.peak_bytes);
    }
    assert!(peaks[0] > 1 << 20, "the peak was not measured");
    assert!(peaks[1] < peaks[0] + (64 << 20), "the peak grew from {} to {} bytes", peaks[0], peaks[1]);
}

/// The same number of lines, of which each second is broken in one of several ways: they must be read at half the speed at least.
/// By CPU time, since wall time on a shared machine says little.
#[test]
fn half_poison_costs_no_more_than_twice_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let good = sample_lines().concat();
    let mut bad = Vec::new();
    for (n, mut line) in sample_lines().into_iter().enumerate() {
        let middle = line.len() / 2;
        match n % 10 {
            1 => line.truncate(middle),
            3 => line[middle] = 0xff,
            5 => line.insert(middle, b'\0'),
            7 => line = [b"{\"log\":\"", line.trim_ascii_end(), b"\"}"].concat(),
            9 => line = String::from_utf8(line).unwrap().replace("\"verb\":\"", "\"verb\":5,\"x\":\"").into_bytes(),
            _ => {}
        }
        bad.extend(line.trim_ascii_end());
        bad.push(b'\n');
    }
    for (name, log) in [("clean", &good), ("poisoned", &bad)] {
        std::fs::write(folder.path().join(name), log.repeat(3)).unwrap();
    }
    let cpu_secs = |name: &str, run: u32| {
        // Without contexts there is least to hide behind.
        let more = ["--workers", "1", "--contexts", "off", "--filter", "off"];
        let tables = folder.path().join(format!("{name}-{run}"));
        measured(replay(&tables, &[&folder.path().join(name)], &more)).cpu_secs
    };
    // By turns, so that a slow minute of the machine is one for both.
    let runs = (0..5).map(|run| (cpu_secs("clean", run), cpu_secs("poisoned", run)));
    let (clean, poisoned) = runs.fold((f64::INFINITY, f64::INFINITY), |(a, b), (c, d)| (a.min(c), b.min(d)));
    eprintln!("clean {clean:.2} s, half poison {poisoned:.2} s");
    assert!(clean > 0.05, "the time was not measured");
    assert!(poisoned < 2.0 * clean, "half poison takes {poisoned:.2} s instead of {clean:.2} s");
}
