//! `causeway config`: what is told about settings, good and bad, by the real binary in a fresh folder.

#![allow(clippy::expect_used)] // helpers of tests fail like tests

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, starts_with};

/// The program in a fresh folder, without variables of the machine that the test runs on.
fn causeway(dir: &tempfile::TempDir) -> Command {
    let mut command = Command::cargo_bin("causeway").expect("the binary is built");
    command.current_dir(dir).env_clear();
    command
}

fn fresh() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(dir: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(dir.path().join(name), text).expect("a file can be written");
}

#[test]
fn an_unknown_key_exits_78_with_its_place_and_the_nearest_name() {
    let dir = fresh();
    write(&dir, "a.toml", "[sessions]\ngap = \"1m\"\n\n[filter]\nmod = \"off\"\n");
    causeway(&dir)
        .args(["config", "check", "a.toml"])
        .assert()
        .code(78)
        .stdout("")
        .stderr("causeway: a.toml:5: unknown key `filter.mod`, did you mean `filter.mode`?\n");
}

#[test]
fn a_wrong_value_and_a_missing_file_exit_78() {
    let dir = fresh();
    write(&dir, "a.toml", "[sessions]\ngap = \"soon\"\n");
    causeway(&dir).args(["config", "check", "a.toml"]).assert().code(78).stderr(contains("a.toml:2: `soon`"));
    causeway(&dir)
        .args(["config", "check", "b.toml"])
        .assert()
        .code(78)
        .stderr(contains("cannot read").and(contains("b.toml")));
    write(&dir, "c.toml", "[filter\n");
    causeway(&dir).args(["config", "check", "c.toml"]).assert().code(78).stderr(contains("c.toml:1: "));
}

#[test]
fn print_lays_environment_over_file() {
    let dir = fresh();
    write(&dir, "a.toml", "[stream]\ncluster = \"lab\"\n[sessions]\ngap = \"5m\"\n");
    causeway(&dir)
        .args(["config", "print", "--config", "a.toml"])
        .env("CAUSEWAY__SESSIONS__GAP", "20m")
        .assert()
        .success()
        .stdout(contains("cluster = \"lab\"").and(contains("gap = \"20m\"")).and(contains("workers = 0")));
    causeway(&dir)
        .args(["config", "print"])
        .env("CAUSEWAY__SESSIONS__GAPP", "20m")
        .assert()
        .code(78)
        .stderr(contains("CAUSEWAY__SESSIONS__GAPP: unknown key `sessions.gapp`, did you mean `sessions.gap`?"));
}

#[test]
fn what_is_printed_is_a_good_file() {
    let dir = fresh();
    for command in ["print", "reference"] {
        let printed = causeway(&dir).args(["config", command]).output().expect("it runs").stdout;
        write(&dir, "printed.toml", &String::from_utf8(printed).expect("UTF-8"));
        causeway(&dir).args(["config", "check", "printed.toml"]).assert().success();
    }
}

#[test]
fn the_shipped_pipeline_is_good() {
    let pipeline = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/replay.toml");
    causeway(&fresh()).args(["config", "check", pipeline]).assert().success().stdout(starts_with(pipeline));
}
