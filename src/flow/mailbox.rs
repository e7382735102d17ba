//! The way from the feed to a worker.
//!
//! A worker that has nothing to do parks its thread, as timely does: then whoever has something for it wakes it, another worker, an
//! inference thread, or the feed through its mailbox. So nobody has to look again and again, and nobody waits for one who looks.

use super::epoch::Tick;
use crossbeam_channel::{Receiver, SendError, Sender, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// What a worker gets.
#[derive(Debug)]
pub enum Message<W> {
    /// Something to do.
    Work(W),
    /// The epoch is complete.
    Tick(Tick),
}

/// The feed's end.
#[derive(Debug)]
pub struct Mailbox<W> {
    messages: Sender<Message<W>>,
    worker: Arc<OnceLock<Thread>>,
}

/// The worker's end.
#[derive(Debug)]
pub struct Letters<W> {
    messages: Receiver<Message<W>>,
    worker: Arc<OnceLock<Thread>>,
}

/// Both ends of a way on which so many messages may wait.
pub fn mailbox<W>(room: usize) -> (Mailbox<W>, Letters<W>) {
    let (send, receive) = crossbeam_channel::bounded(room);
    let worker = Arc::new(OnceLock::new());
    (Mailbox { messages: send, worker: Arc::clone(&worker) }, Letters { messages: receive, worker })
}

impl<W> Mailbox<W> {
    /// Sends a message, once there is room for it, and wakes the worker.
    ///
    /// # Errors
    /// When the worker is gone.
    pub fn send(&self, message: Message<W>) -> Result<(), SendError<Message<W>>> {
        self.messages.send(message)?;
        // One that has not said yet who it is has not looked yet either.
        if let Some(worker) = self.worker.get() {
            worker.unpark();
        }
        Ok(())
    }
}

impl<W> Letters<W> {
    /// Says that this thread is the worker. To be called before it looks for the first time.
    pub fn take(&self) {
        // A second worker would be a mistake in `drive`, and is not woken.
        _ = self.worker.set(std::thread::current());
    }

    /// The next message, if there is one.
    ///
    /// # Errors
    /// When there is none now, or the feed has ended.
    pub fn next(&self) -> Result<Message<W>, TryRecvError> {
        self.messages.try_recv()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_message_wakes_a_worker_that_rests() {
        let (mailbox, letters) = mailbox::<u32>(1);
        let worker = std::thread::spawn(move || {
            letters.take();
            let began = Instant::now();
            loop {
                match letters.next() {
                    Ok(Message::Work(number)) => return (number, began.elapsed()),
                    _ => std::thread::park_timeout(Duration::from_secs(60)),
                }
            }
        });
        std::thread::sleep(Duration::from_millis(30));
        mailbox.send(Message::Work(7)).unwrap();
        let (number, waited) = worker.join().unwrap();
        assert!(number == 7 && waited < Duration::from_secs(30), "{waited:?}");
        assert!(mailbox.send(Message::Work(8)).is_err(), "nobody is there");
    }
}
