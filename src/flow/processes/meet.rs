//! How the processes of a run meet: each connects to those before it, listens for those behind it, and compares settings.
//!
//! ```text
//! process 2 ── connect ─▶ process 0        hello ─▶   who I am, what I was started with
//!           ── connect ─▶ process 1      ◀─ hello     the same; of process 0 also the newest commit
//!                                          ready ─▶   (a process that died meanwhile does not say it)
//! ```
//! It takes as long as it takes until all are there; whom it waits for is said in the log. The sockets then belong to timely.
//! Whoever is no process of this run, or says nothing, is sent away.

use super::{Membership, ProcessesError};
use serde::{Deserialize, Serialize};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What every greeting begins with.
const MAGIC: &[u8; 8] = b"causeway";
/// Longest greeting, in bytes.
const HELLO_BYTES: u32 = 4096;
/// What is said once the greeting is understood.
const READY: u8 = 1;
/// How long somebody who connected may take to say who it is.
const MANNERS: Duration = Duration::from_secs(5);
/// Time between two tries to find the others.
const TRY_AGAIN: Duration = Duration::from_millis(200);
/// How long our own address may be taken by the process before this one, or unknown to the name service.
const LISTEN_PATIENCE: Duration = Duration::from_secs(30);
/// Time between two words on whom is waited for.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// A connection on which nothing can be delivered for so long is lost: its host is gone without a word.
const SILENCE: Duration = Duration::from_secs(60);

/// What a process says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the program.
    pub version: String,
    /// Number of processes.
    pub processes: usize,
    /// Its own number.
    pub process: usize,
    /// Its worker threads.
    pub workers: usize,
    /// Stands for the settings that must be the same.
    pub settings: u64,
    /// Newest commit of the tables, 0 before the first. Only process 0 knows it.
    pub commit: u64,
}

/// All processes have met.
#[derive(Debug)]
pub struct Met {
    /// A connection to each process but this one.
    pub sockets: Vec<Option<TcpStream>>,
    /// What process 0 says.
    pub first: Hello,
}

/// Meets the other processes; `None` when told to stop before all were there.
///
/// # Errors
/// [`ProcessesError::Listen`], or [`ProcessesError::Differs`] when one was started otherwise.
pub fn meet(membership: &Membership, own: &Hello, stop: &AtomicBool) -> Result<Option<Met>, ProcessesError> {
    let Some(listener) = listen(membership, stop)? else { return Ok(None) };
    let mut found: Vec<Option<(TcpStream, Hello)>> = membership.addresses.iter().map(|_| None).collect();
    let mut waiting = Waiting::new();
    for (process, slot) in found.iter_mut().enumerate().take(membership.process) {
        while slot.is_none() {
            match connect(membership, process, own, stop)? {
                Ok(there) => *slot = Some(there),
                Err(said) => waiting.tell(membership, process, &said),
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
    }
    loop {
        let missing =
            (membership.process + 1..found.len()).find(|process| found.get(*process).is_none_or(Option::is_none));
        let Some(missing) = missing else { break };
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match listener.accept() {
            Ok((stream, from)) => match greet(membership, stream, own)? {
                Ok((stream, hello)) => {
                    if let Some(slot) = found.get_mut(hello.process) {
                        *slot = Some((stream, hello));
                    }
                }
                Err(said) => tracing::warn!(%from, "somebody who is no process of this run was sent away: {said}"),
            },
            Err(_) => {
                waiting.tell(membership, missing, "it has not connected yet");
                std::thread::sleep(TRY_AGAIN / 4);
            }
        }
    }
    let first = found.first().and_then(Option::as_ref).map_or_else(|| own.clone(), |(_, hello)| hello.clone());
    let sockets = found.into_iter().map(|found| found.map(|(stream, _)| stream)).collect();
    Ok(Some(Met { sockets, first }))
}

/// Tells now and then whom is waited for.
struct Waiting(Instant);

impl Waiting {
    fn new() -> Waiting {
        Waiting(Instant::now())
    }

    fn tell(&mut self, membership: &Membership, process: usize, said: &str) {
        if self.0.elapsed() >= TELL_EVERY {
            self.0 = Instant::now();
            let address = membership.address(process);
            tracing::warn!(process, address, "waiting for another process of this run: {said}");
        }
    }
}

fn listen(membership: &Membership, stop: &AtomicBool) -> Result<Option<TcpListener>, ProcessesError> {
    let (process, address) = (membership.process, membership.address(membership.process));
    let begun = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let listening = TcpListener::bind(&address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        match listening {
            Ok(listener) => return Ok(Some(listener)),
            Err(error) if begun.elapsed() >= LISTEN_PATIENCE => {
                return Err(ProcessesError::Listen { address, process, said: error.to_string() });
            }
            Err(_) => std::thread::sleep(TRY_AGAIN),
        }
    }
    Ok(None)
}

/// Connects to a process before this one. Inner error: why it is not there yet.
#[allow(clippy::type_complexity)] // the outer error ends the run, the inner one is waited out
fn connect(
    membership: &Membership,
    process: usize,
    own: &Hello,
    stop: &AtomicBool,
) -> Result<Result<(TcpStream, Hello), String>, ProcessesError> {
    let attempt = || -> io::Result<(TcpStream, Hello)> {
        let mut stream = TcpStream::connect(membership.address(process))?;
        settle(&stream)?;
        say(&mut stream, own)?;
        // It answers once it has met those before it, which may take any time.
        let theirs = hear(&mut stream, || stop.load(Ordering::Relaxed))?;
        Ok((stream, theirs))
    };
    let (mut stream, theirs) = match attempt() {
        Ok(there) => there,
        Err(error) => {
            std::thread::sleep(TRY_AGAIN);
            return Ok(Err(error.to_string()));
        }
    };
    if theirs.process != process {
        let (theirs, ours) = (format!("number {}", theirs.process), format!("it as number {process} in its host file"));
        return Err(ProcessesError::Differs { process, address: membership.address(process), theirs, ours });
    }
    compare(membership, own, &theirs)?;
    let ready = stream.write_all(&[READY]).and_then(|()| stream.set_read_timeout(None));
    Ok(ready.map(|()| (stream, theirs)).map_err(|error| error.to_string()))
}

/// Greets somebody who has connected. Inner error: why it is sent away.
#[allow(clippy::type_complexity)] // as above
fn greet(
    membership: &Membership,
    mut stream: TcpStream,
    own: &Hello,
) -> Result<Result<(TcpStream, Hello), String>, ProcessesError> {
    let begun = Instant::now();
    let too_long = || begun.elapsed() > MANNERS;
    let mut heard = || -> io::Result<Hello> {
        stream.set_nonblocking(false)?;
        settle(&stream)?;
        let theirs = hear(&mut stream, too_long)?;
        // Told even to one that does not fit, so that it finds out as well.
        say(&mut stream, own)?;
        Ok(theirs)
    };
    let theirs = match heard() {
        Ok(theirs) => theirs,
        Err(error) => return Ok(Err(error.to_string())),
    };
    compare(membership, own, &theirs)?;
    if theirs.process <= own.process || theirs.process >= own.processes {
        return Ok(Err(format!("it says that it is process {}", theirs.process)));
    }
    let mut ready = [0];
    let said = read(&mut stream, &mut ready, too_long).and_then(|()| stream.set_read_timeout(None));
    Ok(match said {
        Ok(()) if ready == [READY] => Ok((stream, theirs)),
        Ok(()) => Err("it does not speak our language".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}

/// Small messages go out at once, and a host that is gone without a word is noticed.
fn settle(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TRY_AGAIN))?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE / 2).with_interval(SILENCE / 12))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE))?;
    Ok(())
}

fn say(stream: &mut TcpStream, hello: &Hello) -> io::Result<()> {
    let body = postcard::to_stdvec(hello).map_err(io::Error::other)?;
    let len = u32::try_from(body.len()).map_err(io::Error::other)?;
    stream.write_all(&[&MAGIC[..], &len.to_be_bytes(), &body].concat())
}

fn hear(stream: &mut TcpStream, give_up: impl Fn() -> bool) -> io::Result<Hello> {
    let foreign = || io::Error::new(io::ErrorKind::InvalidData, "it does not speak our language");
    let (mut magic, mut len) = ([0; 8], [0; 4]);
    read(stream, &mut magic, &give_up)?;
    read(stream, &mut len, &give_up)?;
    let len = u32::from_be_bytes(len);
    if &magic != MAGIC || len > HELLO_BYTES {
        return Err(foreign());
    }
    let mut body = vec![0; len as usize];
    read(stream, &mut body, &give_up)?;
    postcard::from_bytes(&body).map_err(|_| foreign())
}

/// Reads exactly, and no byte more: what follows is timely's. The stream has a read timeout, after which `give_up` is asked.
fn read(stream: &mut TcpStream, into: &mut [u8], give_up: impl Fn() -> bool) -> io::Result<()> {
    let mut at = 0;
    while let Some(rest) = into.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection")),
            Ok(read) => at += read,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if at < into.len() && give_up() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it said nothing"));
        }
    }
    Ok(())
}

/// Everything on which the dataflow depends must be the same.
fn compare(membership: &Membership, own: &Hello, theirs: &Hello) -> Result<(), ProcessesError> {
    let pairs = [
        ("causeway ", own.version.clone(), theirs.version.clone()),
        ("run.processes = ", own.processes.to_string(), theirs.processes.to_string()),
        ("run.workers = ", own.workers.to_string(), theirs.workers.to_string()),
        ("settings with the checksum ", format!("{:016x}", own.settings), format!("{:016x}", theirs.settings)),
    ];
    match pairs.into_iter().find(|(_, ours, theirs)| ours != theirs) {
        None => Ok(()),
        Some((what, ours, found)) => Err(ProcessesError::Differs {
            process: theirs.process,
            address: membership.address(theirs.process),
            theirs: format!("{what}{found}"),
            ours: format!("{what}{ours}"),
        }),
    }
}

#[cfg(test)]
mod tests;
