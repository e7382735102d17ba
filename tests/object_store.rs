//! Tables in a real S3 server: the same rows as in a folder, whatever the network, the server or a kill does, and one writer.
//!
//! `CAUSEWAY_KILLS=100` sets how often the process is killed at random moments (6 by default).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/s3.rs"]
mod s3;

use common::kills::{COMMIT_STEPS, Random};
use common::{Rows, assert_same, causeway, replay, rows, sample_lines, succeed};
use s3::{Fault, Proxy, Server, with_s3};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Several commits in a short log, and no patience.
const SETTINGS: &[&str] = &[
    "--set",
    "files.block_bytes=64KiB",
    "--set",
    "commit.bytes=1MiB",
    "--set",
    "storage.request_timeout=1s",
    "--workers",
    "2",
];

struct Setting {
    folder: tempfile::TempDir,
    server: Server,
    log: PathBuf,
    expected: Rows,
}

/// A server, a log, and the rows that a replay into a folder gives.
fn setting() -> Option<Setting> {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("s3"))?;
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines().concat()).unwrap();
    let local = folder.path().join("local");
    succeed(replay(&local, &[&log], SETTINGS));
    let expected = rows(&local, &[]);
    Some(Setting { folder, server, log, expected })
}

impl Setting {
    fn replay(&self, url: &Path, address: SocketAddr) -> Command {
        with_s3(replay(url, &[&self.log], SETTINGS), address)
    }

    /// The tables of the prefix are those of a replay into a folder, and in order.
    fn check(&self, name: &str, what: &str) {
        let (behind, url) = self.server.lake(name);
        assert_same(&self.expected, &rows(&behind, &[]), what);
        succeed(with_s3(causeway(&["verify", url.to_str().unwrap()]), self.server.address()));
    }
}

#[test]
fn a_bucket_holds_the_same_tables_as_a_folder_and_every_command_reads_them() {
    let Some(setting) = setting() else { return };
    let (_, url) = setting.server.lake("a/b");
    let url = url.to_str().unwrap();
    let address = setting.server.address();
    succeed(setting.replay(Path::new(url), address));
    setting.check("a/b", "replayed");
    // The same input once more adds nothing.
    succeed(setting.replay(Path::new(url), address));
    setting.check("a/b", "replayed twice");
    let local = setting.folder.path().join("local");
    let both = |args: &[&str]| {
        let with = |place: &str| args.iter().map(|a| a.replace("TABLES", place)).collect::<Vec<_>>();
        let run = |args: Vec<String>| {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            succeed(with_s3(causeway(&args), address)).stdout
        };
        let (here, there) = (run(with(local.to_str().unwrap())), run(with(url)));
        assert!(!here.is_empty() && here == there, "{args:?} differs");
        String::from_utf8(here).unwrap()
    };
    let contexts = both(&["contexts", "TABLES", "--json"]);
    let first: serde_json::Value = serde_json::from_str(contexts.lines().next().unwrap()).unwrap();
    both(&["explain", "TABLES", first["context_id"].as_str().unwrap()]);
}

#[test]
fn errors_lost_answers_and_timeouts_lose_and_double_nothing() {
    let Some(setting) = setting() else { return };
    let mut random = Random(11);
    let mut seen = std::collections::BTreeMap::<String, u64>::new();
    let (tell, told) = std::sync::mpsc::channel();
    let stall = Duration::from_millis(1500);
    let proxy = Proxy::start(setting.server.address(), move |_, first| {
        let fault = match random.below(100) {
            0..8 => Fault::Status(500),
            8..16 => Fault::Status(503),
            16..24 => Fault::LostAnswer,
            24..32 => Fault::DoneButFailed,
            32..34 => Fault::Stall(stall),
            34..36 => Fault::DoneThenStall(stall),
            _ => Fault::Pass,
        };
        let _ = tell.send((fault, first.split(' ').next().unwrap_or_default().to_owned()));
        fault
    });
    let (_, url) = setting.server.lake("faulty");
    succeed(setting.replay(&url, proxy.address()));
    setting.check("faulty", "with faults");
    for (fault, verb) in told.try_iter().filter(|(fault, _)| *fault != Fault::Pass) {
        *seen.entry(format!("{verb} {fault:?}")).or_default() += 1;
    }
    eprintln!("{} faults: {seen:#?}", proxy.faults());
    assert!(proxy.faults() > 30, "only {} faults", proxy.faults());
}

#[test]
fn a_manifest_whose_answer_is_lost_is_still_ours() {
    let Some(setting) = setting() else { return };
    for (name, fault) in [("lost", Fault::LostAnswer), ("failed", Fault::DoneButFailed)] {
        let mut put = std::collections::BTreeSet::new();
        let proxy = Proxy::start(setting.server.address(), move |_, first| {
            let is_manifest = first.starts_with("PUT") && first.contains("_causeway/manifest/");
            // Once for each manifest: the client sends it again, and is told that it exists.
            if is_manifest && put.insert(first.to_owned()) { fault } else { Fault::Pass }
        });
        let (_, url) = setting.server.lake(name);
        succeed(setting.replay(&url, proxy.address()));
        setting.check(name, name);
        assert!(proxy.faults() > 3);
    }
}

#[test]
fn an_outage_is_waited_for_and_a_long_one_ends_the_run_with_what_was_committed() {
    let Some(setting) = setting() else { return };
    let (_, url) = setting.server.lake("outage");
    let refused =
        |from: u64, to: u64| {
            Proxy::start(setting.server.address(), move |n, _| {
                if (from..to).contains(&n) { Fault::Status(503) } else { Fault::Pass }
            })
        };
    let for_ever = refused(60, u64::MAX);
    let mut command = setting.replay(&url, for_ever.address());
    let output = command.args(["--set", "storage.retry_for=1s"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("s3://bucket/outage") && said.contains("nothing committed is lost"), "{said}");
    let a_while = refused(5, 11);
    succeed(setting.replay(&url, a_while.address()));
    setting.check("outage", "after outages");
    assert_eq!(a_while.faults(), 6);
}

#[test]
fn dying_at_any_step_of_a_commit_loses_and_doubles_nothing() {
    let Some(setting) = setting() else { return };
    let address = setting.server.address();
    for point in COMMIT_STEPS {
        let (_, url) = setting.server.lake(point);
        for hit in [1, 3] {
            let mut command = setting.replay(&url, address);
            command.env("CAUSEWAY_FAIL_POINT", format!("{point}:{hit}"));
            let died = !command.output().unwrap().status.success();
            assert!(died || hit > 1, "{point}: the process did not die");
        }
        succeed(setting.replay(&url, address));
        assert_same(&setting.expected, &rows(&setting.server.lake(point).0, &[]), point);
    }
}

#[test]
fn killing_at_random_moments_loses_and_doubles_nothing() {
    let Some(setting) = setting() else { return };
    let kills: u64 = std::env::var("CAUSEWAY_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let address = setting.server.address();
    let mut random = Random(5);
    let (mut killed, mut round) = (0, 0);
    while killed < kills {
        let name = format!("round-{round}");
        let (behind, url) = setting.server.lake(&name);
        round += 1;
        loop {
            let mut child = setting.replay(&url, address).stdout(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(100 + random.below(1500)));
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                break;
            }
            killed += 1;
        }
        assert_same(&setting.expected, &rows(&behind, &[]), &name);
    }
    eprintln!("{killed} kills in {round} replays");
}

#[test]
fn the_second_of_two_writers_is_fenced_at_its_commit() {
    let Some(setting) = setting() else { return };
    let address = setting.server.address();
    let (behind, url) = setting.server.lake("fenced");
    // Standard input that does not end keeps the first writer open, with nothing committed.
    let mut slow = with_s3(replay(&url, &[Path::new("-")], SETTINGS), address)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !behind.join("_causeway/lock").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    succeed(setting.replay(&url, address));
    // It may be fenced before it has read everything, and then closes the pipe.
    let _ = slow.stdin.take().unwrap().write_all(&sample_lines().concat());
    let output = slow.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("another causeway writes to s3://bucket/fenced"), "{said}");
    setting.check_after_fence("fenced");
}

impl Setting {
    /// What the fenced one staged is in nobody's way: the tables are whole, and the next commit clears it.
    fn check_after_fence(&self, name: &str) {
        let (behind, url) = self.server.lake(name);
        assert_same(&self.expected, &rows(&behind, &[]), "after the fence");
        let more = self.folder.path().join("more.log");
        std::fs::write(&more, sample_lines()[..400].concat().to_ascii_uppercase()).unwrap();
        succeed(with_s3(replay(&url, &[&more], SETTINGS), self.server.address()));
        succeed(with_s3(causeway(&["verify", url.to_str().unwrap()]), self.server.address()));
    }
}

#[test]
fn wrong_credentials_and_unknown_places_are_told_at_once() {
    let Some(setting) = setting() else { return };
    let begun = std::time::Instant::now();
    let (_, url) = setting.server.lake("x");
    let mut command = setting.replay(&url, setting.server.address());
    let output = command.env("AWS_SECRET_ACCESS_KEY", "wrong").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("check the credentials"), "{said}");
    let output = setting.replay(Path::new("s3://nowhere/x"), setting.server.address()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("check that the bucket exists"), "{said}");
    let output = setting.replay(Path::new("ftp://host/x"), setting.server.address()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("`ftp://` is not known"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn other_clouds_say_what_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines().concat()).unwrap();
    let told = |url: &str, environment: &[(&str, &str)]| {
        let mut command = replay(Path::new(url), &[&log], &[]);
        command.env_clear().envs(environment.iter().copied()).stderr(Stdio::piped());
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{url}");
        String::from_utf8(ended.stderr).unwrap()
    };
    let said = told("gs://bucket/tables", &[("GOOGLE_SERVICE_ACCOUNT", "/nonexistent/key.json")]);
    assert!(said.contains("/nonexistent/key.json") && said.contains("GOOGLE_APPLICATION_CREDENTIALS"), "{said}");
    let said = told("az://container/tables", &[]);
    assert!(said.contains("Account must be specified") && said.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{said}");
    let said =
        told("az://container/tables", &[("AZURE_STORAGE_ACCOUNT_NAME", "a"), ("AZURE_STORAGE_ACCOUNT_KEY", "no key!")]);
    assert!(said.contains("Invalid Access Key") && !said.contains("no key!"), "{said}");
}
