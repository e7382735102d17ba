//! A connection to another process, as timely's network threads use it: when it is lost, the run fails in good order.
//!
//! Timely panics in a network thread of its own when a connection ends without its farewell. Here the loss is noted as the failure
//! of the run instead, with the process named, and the thread rests until the process has ended.

use super::ProcessesError;
use crate::flow::shared::Shared;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use timely::communication::Hooks;
use timely::communication::allocator::zero_copy::initialize::{CommsGuard, initialize_networking_from_sockets};
use timely::communication::allocator::zero_copy::stream::Stream;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};

/// Timely's farewell is a header of zeros, so long.
const FAREWELL_BYTES: usize = 48;

/// The connections of this process.
pub struct Links {
    /// Number of this process.
    pub process: usize,
    /// Where each process listens.
    pub addresses: Vec<String>,
    /// A connection to each but this one.
    pub sockets: Vec<Option<TcpStream>>,
}

impl Links {
    /// What timely makes workers of, and what joins its network threads.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub fn builders(self, threads: usize, shared: &Arc<Shared>) -> io::Result<(Vec<AllocatorBuilder>, CommsGuard)> {
        let hooks = Hooks::default();
        let local = ProcessBuilder::new_typed_vector(threads, hooks.refill.clone(), None);
        let links = self.sockets.into_iter().zip(&self.addresses).enumerate();
        let links = links.map(|(process, (socket, address))| {
            let (address, shared) = (address.clone(), Arc::clone(shared));
            socket.map(|stream| Link { stream, process, address, shared, zeros: 0 })
        });
        let (builders, guard) =
            initialize_networking_from_sockets(local, links.collect(), self.process, threads, hooks)?;
        Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), guard))
    }
}

struct Link {
    stream: TcpStream,
    process: usize,
    address: String,
    shared: Arc<Shared>,
    /// Zeros at the end of what was read.
    zeros: usize,
}

impl Link {
    /// The other process is gone.
    fn lost(&self, said: &str) -> ! {
        let (process, address, said) = (self.process, self.address.clone(), said.to_owned());
        self.shared.fail(ProcessesError::Gone { process, address, said }.into());
        loop {
            std::thread::park();
        }
    }
}

impl Read for Link {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(into) {
                Ok(0) if self.zeros >= FAREWELL_BYTES => return Ok(0),
                Ok(0) => self.lost("it closed the connection"),
                Ok(count) => {
                    let zeros =
                        into.get(..count).unwrap_or_default().iter().rev().take_while(|byte| **byte == 0).count();
                    self.zeros = if zeros == count { self.zeros.saturating_add(zeros) } else { zeros };
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.lost(&error.to_string()),
            }
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(bytes) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.lost(&error.to_string()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for Link {
    fn try_clone(&self) -> io::Result<Link> {
        let (address, shared) = (self.address.clone(), Arc::clone(&self.shared));
        Ok(Link { stream: self.stream.try_clone()?, process: self.process, address, shared, zeros: 0 })
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.stream.shutdown(how) {
            // It was quicker to say farewell.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        }
    }
}
