//! A real S3 server for the tests, and a proxy in front of it that fails as networks and servers do.
//!
//! ```text
//! causeway ──▶ Proxy: refuses, loses answers, stalls ──▶ versitygw ──▶ a folder, which the tests read directly
//! ```
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const KEY: &str = "causeway";
const SECRET: &str = "causeway-tests";

/// The server; stopped when dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Server {
    /// Starts it over `folder`. `None`, with a word of why, where it is not installed.
    pub fn start(folder: &Path) -> Option<Server> {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/versitygw");
        if !installed.exists() {
            eprintln!("skipped: {} is not there; tests/tools/s3_server installs it", installed.display());
            return None;
        }
        std::fs::create_dir_all(folder.join("bucket")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(installed)
            .args(["--port", &address.to_string(), "--quiet", "--access", KEY, "--secret", SECRET, "posix"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "the S3 server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Server { child, address, folder: folder.to_owned() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder behind the prefix `name`, and its URL.
    pub fn lake(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.folder.join("bucket").join(name), PathBuf::from(format!("s3://bucket/{name}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets a command use the server that listens at `address`.
pub fn with_s3(mut command: Command, address: SocketAddr) -> Command {
    command
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET);
    command
}

/// What happens to a request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It passes.
    Pass,
    /// It never arrives; the answer is this status.
    Status(u16),
    /// It is done, and the connection is cut instead of an answer.
    LostAnswer,
    /// It is done, and the answer is a server error.
    DoneButFailed,
    /// It never arrives, and nothing is answered for so long.
    Stall(Duration),
    /// It is done, and nothing is answered for so long.
    DoneThenStall(Duration),
}

/// Says what happens to the n-th request, whose first line is given.
pub type Plan = dyn FnMut(u64, &str) -> Fault + Send;

/// The proxy; stopped when dropped.
pub struct Proxy {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    faults: Arc<AtomicU64>,
}

impl Proxy {
    /// Starts one before `server`.
    pub fn start(server: SocketAddr, plan: impl FnMut(u64, &str) -> Fault + Send + 'static) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, faults) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&faults));
        let plan: Arc<Mutex<(u64, Box<Plan>)>> = Arc::new(Mutex::new((0, Box::new(plan))));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (plan, counted) = (Arc::clone(&plan), Arc::clone(&counted));
                std::thread::spawn(move || {
                    // A client that goes away in the middle is part of the game.
                    let _ = pass(client, server, &plan, &counted);
                });
            }
        });
        Proxy { address, stop, faults }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests did not simply pass.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// One connection: one request, one answer.
fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    plan: &Mutex<(u64, Box<Plan>)>,
    faults: &AtomicU64,
) -> std::io::Result<()> {
    let request = read_request(&mut client)?;
    let first = String::from_utf8_lossy(request.split(|b| *b == b'\r').next().unwrap_or_default()).into_owned();
    let fault = {
        let mut plan = plan.lock().unwrap();
        plan.0 += 1;
        let n = plan.0;
        (plan.1)(n, &first)
    };
    if fault != Fault::Pass {
        faults.fetch_add(1, Ordering::Relaxed);
    }
    match fault {
        Fault::Status(status) => return answer(&mut client, status),
        Fault::Stall(time) => {
            std::thread::sleep(time);
            return client.shutdown(Shutdown::Both);
        }
        _ => {}
    }
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(&request)?;
    let mut response = Vec::new();
    upstream.read_to_end(&mut response)?;
    match fault {
        Fault::LostAnswer => client.shutdown(Shutdown::Both),
        Fault::DoneButFailed => answer(&mut client, 500),
        Fault::DoneThenStall(time) => {
            std::thread::sleep(time);
            client.shutdown(Shutdown::Both)
        }
        _ => client.write_all(&response),
    }
}

/// Head and body of a request whose length is said.
fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut request, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    let mut wanted = usize::MAX;
    while request.len() < wanted {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&buffer[..read]);
        if wanted == usize::MAX
            && let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            wanted = end + 4 + length.map_or(0, |length| length.trim().parse().unwrap());
        }
    }
    Ok(request)
}

fn answer(client: &mut TcpStream, status: u16) -> std::io::Result<()> {
    let code = if status == 503 { "SlowDown" } else { "InternalError" };
    let body = format!("<Error><Code>{code}</Code><Message>made by the test</Message></Error>");
    write!(
        client,
        "HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
