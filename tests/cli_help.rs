//! What the program says of itself: help, usage errors, completions, manual pages.

#![allow(clippy::expect_used)] // helpers of tests fail like tests

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn causeway() -> Command {
    let mut command = Command::cargo_bin("causeway").expect("the binary is built");
    command.env_clear();
    command
}

/// Every command, as it is typed.
const COMMANDS: &[&str] =
    &["replay", "filter", "label", "contexts", "explain", "verify", "evaluate", "config", "completions", "man"];

#[test]
fn help_names_every_command_and_teaches() {
    let mut help =
        causeway().arg("--help").assert().success().stdout(contains("Examples:").and(contains("Exit codes:")));
    for command in COMMANDS {
        help = help.stdout(contains(format!("\n  {command} ")));
    }
    for command in ["replay", "filter", "contexts", "explain", "verify"] {
        causeway().args([command, "--help"]).assert().success().stdout(contains("Examples:").and(contains("causeway")));
    }
}

#[test]
fn a_mistake_in_the_call_exits_2() {
    causeway().arg("relpay").assert().code(2).stdout("").stderr(contains("replay"));
    causeway().args(["replay", "--output", "t"]).assert().code(2).stderr(contains("INPUT"));
    causeway().assert().code(2);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let swapped = ["replay", "--output", "t", "--from", "2026-03-02", "--to", "2026-03-01", "x.log"];
    causeway().current_dir(&dir).args(swapped).assert().code(2).stderr(contains("--from is not before --to"));
    causeway()
        .args(["replay", "--output", "t", "--from", "noon", "x.log"])
        .assert()
        .code(2)
        .stderr(contains("write a date"));
    causeway().current_dir(&dir).args(["replay", "x.log"]).assert().code(2).stderr(contains("--output DIR"));
}

#[test]
fn the_version_is_the_package_s() {
    causeway().arg("--version").assert().success().stdout(format!("causeway {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_scripts_of_their_shells() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        causeway().args(["completions", shell]).assert().success().stdout(contains("replay"));
    }
    let script = causeway().args(["completions", "bash"]).output().expect("it runs").stdout;
    Command::new("bash").arg("-n").write_stdin(script).assert().success();
}

#[test]
fn manual_pages_are_written_for_every_command() {
    causeway()
        .arg("man")
        .assert()
        .success()
        .stdout(contains(".TH causeway 1").and(contains("EXAMPLES").or(contains("Examples"))));
    let dir = tempfile::tempdir().expect("a temporary folder");
    causeway().args(["man", "--dir"]).arg(dir.path()).assert().success();
    for command in COMMANDS {
        let page = dir.path().join(format!("causeway-{command}.1"));
        assert!(page.exists(), "{} is missing", page.display());
    }
    causeway().args(["man", "--dir", "/dev/null/x"]).assert().code(1).stderr(contains("/dev/null/x"));
}

#[test]
fn escapes_in_arguments_are_not_echoed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let check = ["config", "check", "a\u{1b}[31m.toml"];
    causeway()
        .current_dir(&dir)
        .args(check)
        .assert()
        .code(78)
        .stderr(contains("\u{1b}").not().and(contains("\\u{1b}[31m")));
}
