//! No secret leaves the input: a canary in every place that can hold one, and a search for it through every byte that the
//! program writes.
//!
//! ```text
//! canary ─▶ a place of an event ─▶ replay, each way ─┬─ tables, every text of them
//!                                                    ├─ manifests, state, account, the bytes of all files
//!                                                    ├─ standard output and error with -vv
//!                                                    └─ contexts, explain, verify
//! ```
//! Beside each canary stands a beacon that must arrive: a search that finds nothing at all would prove nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::event::event;
use common::{causeway, cell, replay, rows, succeed};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Output;

/// What is planted: a line of the log, and what must not be found again.
#[derive(Default)]
struct Garden {
    lines: Vec<Vec<u8>>,
    canaries: Vec<String>,
    /// Object names of the events that must become rows.
    beacons: Vec<String>,
    rejects: usize,
}

impl Garden {
    /// A new canary: like a password that somebody chose, so that nothing but its place gives it away.
    fn canary(&mut self) -> String {
        let canary = format!("swordfish-{:03}-hunter", self.canaries.len());
        self.canaries.push(canary.clone());
        self.canaries.push(base64(&canary));
        canary
    }

    /// A canary that looks like a JSON Web Token.
    fn jwt(&mut self) -> String {
        let canary = self.canary();
        let token = format!("eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJl", base64(&canary));
        self.canaries.push(token.clone());
        token
    }

    fn next_event(&mut self, resource: &str) -> Value {
        let beacon = format!("beacon-{:03}", self.beacons.len());
        let event = event(self.lines.len(), "update", resource, &beacon);
        self.beacons.push(beacon);
        event
    }

    /// An event with `value` at `pointer`.
    fn plant(&mut self, resource: &str, pointer: &str, value: Value) {
        let mut event = self.next_event(resource);
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[member.replace("~1", "/")] = value;
        self.line(event.to_string());
    }

    /// The same body as request and as response.
    fn plant_bodies(&mut self, resource: &str, body: &Value) {
        let mut event = self.next_event(resource);
        (event["requestObject"], event["responseObject"]) = (body.clone(), body.clone());
        self.line(event.to_string());
    }

    fn line(&mut self, line: impl Into<Vec<u8>>) {
        self.lines.push(line.into());
    }

    /// A line that is no event.
    fn reject(&mut self, line: impl Into<Vec<u8>>) {
        self.rejects += 1;
        self.line(line);
    }

    fn log(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect()
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize] as char;
            encoded.push(if place <= three.len() { digit } else { '=' });
        }
    }
    encoded
}

fn secret(garden: &mut Garden) -> Value {
    json!({
        "kind": "Secret", "apiVersion": "v1", "type": "Opaque", "metadata": {"name": "db", "namespace": "shop"},
        "data": {"password": base64(&garden.canary())},
        "stringData": {"user": garden.canary()},
    })
}

/// Bodies as the API server writes them.
fn bodies(garden: &mut Garden) {
    for _ in 0..2 {
        let secret = secret(garden);
        garden.plant_bodies("secrets", &secret);
    }
    let map = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {}, "data": {"app.conf": garden.canary()},
        "binaryData": {"key": base64(&garden.canary())}});
    garden.plant_bodies("configmaps", &map);
    let list = json!({"kind": "SecretList", "apiVersion": "v1", "items": [secret(garden), secret(garden)]});
    garden.plant_bodies("secrets", &list);
    let table = json!({"kind": "Table", "rows": [{"cells": ["db"], "object": secret(garden)}]});
    garden.plant_bodies("secrets", &table);

    // Patches have no kind; JSON patches name the place in a path; some clients send bodies as strings.
    let merge = json!({"data": {"password": base64(&garden.canary())}, "stringData": {"x": garden.canary()}});
    garden.plant_bodies("secrets", &merge);
    let patch = json!([{"op": "replace", "path": "/data/password", "value": base64(&garden.canary())},
        {"op": "add", "path": "/stringData", "value": {"x": garden.canary()}}]);
    garden.plant_bodies("secrets", &patch);
    let text = json!(secret(garden).to_string());
    garden.plant_bodies("secrets", &text);
    let yaml = json!(format!("kind: Secret\nstringData:\n  x: {}\n", garden.canary()));
    garden.plant_bodies("secrets", &yaml);

    // Copies in annotations, and copies in the copies.
    let (inner, outer) = (secret(garden).to_string(), secret(garden).to_string());
    let mut applied = secret(garden);
    applied["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": inner,
        "example.com/backup": outer});
    let nested = json!({"kind": "Deployment", "metadata": {"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": applied.to_string(), "tool/state": applied.to_string()}}});
    garden.plant_bodies("deployments", &nested);
    let release =
        json!({"kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": base64(&garden.canary())}});
    garden.plant_bodies("secrets", &release);

    let review = json!({"kind": "TokenReview", "spec": {"token": garden.canary()}, "status": {"authenticated": true,
        "user": {"username": "x"}, "error": format!("invalid bearer token {}", garden.jwt())}});
    garden.plant_bodies("tokenreviews", &review);
    let request = json!({"kind": "TokenRequest", "spec": {"audiences": ["x"]}, "status": {"token": garden.jwt(),
        "expirationTimestamp": "2026-03-01T01:00:00Z"}});
    garden.plant_bodies("serviceaccounts", &request);
}

/// Errors quote what was sent.
fn messages(garden: &mut Garden) {
    let excerpt = format!(
        r#"Secret in version "v1" cannot be handled as a Secret: error found in #10 byte of ...|{}|..., bigger context ...|{}|..."#,
        garden.canary(),
        garden.canary()
    );
    let invalid = format!(r#"Secret "db" is invalid: data[x y]: Invalid value: "{}": a valid key"#, garden.canary());
    let token = format!("invalid token {}, Authorization: Bearer {}", garden.jwt(), garden.canary());
    for message in [excerpt, invalid, token] {
        garden.plant("secrets", "/responseStatus/message", json!(message));
        let cause = json!({"reason": "FieldValueInvalid", "message": message, "field": "data"});
        let status = json!({"kind": "Status", "status": "Failure", "message": message, "code": 422,
            "details": {"name": "db", "kind": "Secret", "causes": [cause]}});
        garden.plant_bodies("secrets", &status);
        garden.plant("secrets", "/annotations/authorization.k8s.io~1reason", json!(message.clone()));
    }
    let hook = json!({"patch": [{"op": "add", "path": "/data", "value": {"x": garden.canary()}}]}).to_string();
    garden.plant("secrets", "/annotations/patch.webhook.admission.k8s.io~1round_0_index_0", json!(hook));
    let extra = json!({"credential": [garden.canary()], "scopes": [garden.jwt()]});
    garden.plant("pods", "/user/extra", extra);
}

/// Addresses and programs.
fn addresses(garden: &mut Garden) {
    for name in ["token", "access_token", "password", "bearer_token", "client_secret", "to%6Ben", "api_key", "code"] {
        let uri = format!("/api/v1/namespaces/shop/pods?limit=5&{name}={}&watch=1", garden.canary());
        garden.plant("pods", "/requestURI", json!(uri));
    }
    for uri in
        ["https://user:{}@example.com/", "/api/v1/proxy/http://admin:{}@db:80/x", "/x?to=https%3A%2F%2Fu%3A{}%40h"]
    {
        let uri = uri.replace("{}", &garden.canary());
        garden.plant("services", "/requestURI", json!(uri));
    }
    let uri = format!("/api/v1/namespaces/shop/pods/{}", garden.jwt());
    garden.plant("pods", "/requestURI", json!(uri));
    // The command of an exec is evidence and is kept; credentials in it are not.
    for words in [
        "command=mysql&command=--password%3D{}",
        "command=env&command=DB_PASSWORD={}&command=run",
        "command=login&command=--password&command={}",
        "command=curl&command=-H&command=Authorization%3A+Bearer+{}",
        "command=sh&command=-c&command=export+TOKEN%3D{}%3Bls",
    ] {
        let words = words.replace("{}", &garden.canary());
        garden.plant("pods", "/requestURI", json!(format!("/api/v1/namespaces/shop/pods/web/exec?{words}&stdin=true")));
    }
    let line = garden.lines.last_mut().unwrap();
    let exec = String::from_utf8(line.clone())
        .unwrap()
        .replace("\"resource\":\"pods\"", "\"resource\":\"pods\",\"subresource\":\"exec\"");
    *line = exec.into_bytes();
    for agent in ["Bearer {jwt}", "client/1 Authorization: Bearer {}", "Basic {}", "{jwt}"] {
        let agent = agent.replace("{jwt}", &garden.jwt()).replace("{}", &garden.canary());
        garden.plant("pods", "/userAgent", json!(agent));
    }
}

/// Records that are no events, with secrets in them.
fn rejects(garden: &mut Garden) {
    let with_secret = |garden: &mut Garden| {
        let mut event = event(garden.lines.len(), "create", "secrets", "db");
        (event["requestObject"], event["responseObject"]) = (secret(garden), secret(garden));
        event
    };
    // Cut off, as a line and as a string within a line.
    for keep in [30, 90] {
        let line = with_secret(garden).to_string();
        garden.reject(&line[..line.len() - keep]);
        let wrapped = json!({"log": with_secret(garden).to_string(), "stream": "stdout"}).to_string();
        garden.reject(&wrapped[..wrapped.len() - keep]);
        let text = with_secret(garden).to_string();
        garden.reject(json!({"message": text[..text.len() - keep]}).to_string());
    }
    for (place, value) in [
        ("verb", json!({"x": garden.canary()})),
        ("level", json!(garden.canary())),
        ("stage", json!(garden.canary())),
        ("objectRef", json!(garden.canary())),
        ("user", json!([garden.canary()])),
        ("responseStatus", json!({"code": garden.canary()})),
        ("annotations", json!([secret(garden)])),
        ("auditID", Value::Null),
        ("stageTimestamp", json!(5)),
    ] {
        let mut event = with_secret(garden);
        event[place] = value;
        garden.reject(event.to_string());
    }
    let mut event = with_secret(garden).to_string().into_bytes();
    *event.last_mut().unwrap() = 0xff;
    garden.reject(event);
    let event = with_secret(garden).to_string().replace("\"code\":200", "\"code\":1e400");
    garden.reject(event);
    let mut event = with_secret(garden).to_string();
    event.insert(event.len() - 1, '\0');
    garden.reject(event);
    let line = format!("E0301 password={} token={}", garden.canary(), garden.jwt());
    garden.reject(line);
    let line = secret(garden).to_string();
    garden.reject(line);
    let cause = garden.canary();
    let line = json!({"kind": "Event", "apiVersion": "v1", "message": cause, "data": secret(garden)}).to_string();
    garden.reject(line);
    let line = json!([secret(garden), secret(garden).to_string()]).to_string();
    garden.reject(line);
    let mut long = with_secret(garden);
    long["requestObject"]["data"]["more"] = json!(format!("{} ", base64(&garden.canary())).repeat(60_000));
    garden.reject(long.to_string());
}

/// Events that are found in something else.
fn wrapped(garden: &mut Garden) {
    let with_secret = |garden: &mut Garden| {
        let secret = secret(garden);
        let mut event = garden.next_event("secrets");
        event["requestObject"] = secret;
        event
    };
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [with_secret(garden), with_secret(garden)]});
    garden.line(list.to_string());
    let canary = garden.canary();
    let mut bad = event(garden.lines.len(), "get", "secrets", "db");
    (bad["user"]["groups"], bad["requestObject"]) = (json!([{"x": canary}]), secret(garden));
    garden.reject(json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [bad]}).to_string());
    let event = with_secret(garden);
    let line = json!({"log": event.to_string(), "kubernetes": {"annotations": secret(garden)}}).to_string();
    garden.line(line);
    let event = with_secret(garden);
    let line = json!({"message": json!(event.to_string()).to_string(), "token": garden.canary()}).to_string();
    garden.line(line);
    let event = with_secret(garden).to_string();
    garden.line(event.replace("\"type\":\"Opaque\"", "\"type\":1e400"));
    let event = with_secret(garden).to_string();
    garden.line(event.replace("\"type\":\"Opaque\"", "\"type\":\"\\ud800\""));
    let twice = format!("{{\"requestObject\":{},{}", secret(garden), &with_secret(garden).to_string()[1..]);
    garden.line(twice);
}

fn garden() -> Garden {
    let mut garden = Garden::default();
    bodies(&mut garden);
    messages(&mut garden);
    addresses(&mut garden);
    rejects(&mut garden);
    wrapped(&mut garden);
    garden
}

/// What was written somewhere, for the search.
#[derive(Default)]
struct Written(Vec<(String, Vec<u8>)>);

impl Written {
    fn output(&mut self, what: &str, output: &Output) {
        self.0.push((format!("standard output of {what}"), output.stdout.clone()));
        self.0.push((format!("standard error of {what}"), output.stderr.clone()));
    }

    /// Every file as it lies there, and the rows of the tables as text.
    fn folder(&mut self, what: &str, folder: &Path) {
        for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
            self.0.push((format!("a name in {what}"), entry.path().as_os_str().as_encoded_bytes().to_vec()));
            if entry.file_type().is_file() {
                let bytes = std::fs::read(entry.path()).unwrap();
                self.0.push((format!("{what}: {}", entry.path().display()), bytes));
            }
        }
        for (table, rows) in rows(folder, &[]) {
            self.0.push((format!("{what}: the rows of {table}"), rows.join("\n").into_bytes()));
        }
    }

    /// Where canaries were found, one line each.
    fn finds(&self, canaries: &[String]) -> String {
        let mut finds = String::new();
        for (place, bytes) in &self.0 {
            for canary in canaries {
                if let Some(at) = memchr::memmem::find(bytes, canary.as_bytes()) {
                    let around = &bytes[at.saturating_sub(120)..(at + 60).min(bytes.len())];
                    writeln!(finds, "{canary} in {place}: {}", String::from_utf8_lossy(around)).unwrap();
                }
            }
        }
        finds
    }
}

#[test]
fn no_canary_is_written_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut garden = garden();
    let log = folder.path().join("audit.log");
    std::fs::write(&log, garden.log()).unwrap();
    // An archive that ends amid a Secret.
    let archive = folder.path().join("old.log.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let body = secret(&mut garden);
    let mut last = event(59, "create", "secrets", "db");
    last["requestObject"] = body;
    packer.write_all(last.to_string().as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    std::fs::write(&archive, &packed[..packed.len() - 60]).unwrap();
    garden.rejects += 1;

    let mut written = Written::default();
    let ways: &[&[&str]] = &[
        &[],
        &["--bodies", "redacted", "--filter", "off", "--stages", "all"],
        &["--bodies", "redacted", "--contexts", "off", "--filter", "off", "--set", "log.format=json"],
    ];
    for (at, way) in ways.iter().enumerate() {
        let output = folder.path().join(format!("tables-{at}"));
        let mut command = replay(&output, &[&log, &archive], way);
        command.args(["-vv", "--set", "files.max_record_bytes=1MiB", "--account"]).arg(output.join("account.json"));
        // Killed between manifest and publication, then finished: what lies in the staging folder is searched too.
        if at == 1 {
            let mut killed = replay(&output, &[&log, &archive], way);
            killed.args(["--set", "files.max_record_bytes=1MiB"]).env("CAUSEWAY_FAIL_POINT", "after-manifest:1");
            written.output("a killed replay", &killed.output().unwrap());
            written.folder("a killed replay", &output);
        }
        written.output(&format!("replay {way:?}"), &succeed(command));
        written.folder(&format!("the tables of {way:?}"), &output);

        let tables = rows(&output, &[]);
        let names: Vec<&str> = tables["events"].iter().map(|row| cell(row, "name")).collect();
        for beacon in &garden.beacons {
            assert!(names.contains(&&**beacon), "{beacon} is no row of events with {way:?}");
        }
        assert_eq!(tables["rejects"].len(), garden.rejects, "{:#?}", tables["rejects"]);
        if way.contains(&"--bodies") {
            let bodies = tables["events"].iter().filter(|row| row.contains("REDACTED")).count();
            assert!(bodies > 20, "only {bodies} rows show where something was taken out");
        }
    }
    read_commands(&folder.path().join("tables-1"), &mut written);
    assert_eq!(written.finds(&garden.canaries), "");
    // The search finds what is there.
    assert!(!written.finds(&["beacon-007".to_owned()]).is_empty());
}

/// Everything that the commands show of the tables.
fn read_commands(tables: &Path, written: &mut Written) {
    let dir = tables.to_str().unwrap();
    let json = succeed(causeway(&["contexts", dir, "--json", "-vv"]));
    let ids: Vec<String> = String::from_utf8(json.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["context_id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.len() > 5, "{ids:?}");
    written.output("contexts --json", &json);
    written.output("contexts", &succeed(causeway(&["contexts", dir])));
    written.output("verify", &succeed(causeway(&["verify", dir, "-vv"])));
    for id in &ids {
        for shape in [&["explain", dir, id][..], &["explain", dir, id, "--json"], &["explain", dir, id, "--mermaid"]] {
            written.output(&shape.join(" "), &succeed(causeway(shape)));
        }
    }
}

/// `causeway filter` passes kept lines on as they are, Secrets and all: that is what it is for. It says nothing of them itself.
#[test]
fn the_filter_passes_lines_through_and_tells_nothing_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let garden = garden();
    let (log, stats) = (folder.path().join("audit.log"), folder.path().join("stats.json"));
    std::fs::write(&log, garden.log()).unwrap();
    let mut command = causeway(&["filter", "--mode", "off", "-vv", "--stats"]);
    command.arg(&stats).arg(&log);
    let output = succeed(command);
    let kept = Written(vec![("what is kept".to_owned(), output.stdout)]);
    assert!(!kept.finds(&garden.canaries[..2]).is_empty());
    let told = Written(vec![("log".to_owned(), output.stderr), ("stats".to_owned(), std::fs::read(stats).unwrap())]);
    assert_eq!(told.finds(&garden.canaries), "");
}
