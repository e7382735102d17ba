//! How far a run is: counters that the workers add to, and a thread that shows them.
//!
//! ```text
//! workers ──add──▶ Progress (atomics) ◀──read── Display: a bar on a terminal, a line of the log each 30 s elsewhere, or nothing
//! ```
//! Workers never wait for the display.

use super::health::Health;
use super::metric;
use crossbeam_channel::{RecvTimeoutError, Sender};
use indicatif::{HumanBytes, HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use metrics::Counter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The bars of the process. One, so that log lines can lift whatever is on the terminal.
static BARS: LazyLock<MultiProgress> = LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// Time between two drawings of the bar.
const REDRAW: Duration = Duration::from_millis(100);
/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// What has been read so far. Bytes are counted as they lie in the files, so that the share is known for compressed ones.
#[derive(Debug)]
pub struct Progress {
    /// How the run is.
    pub health: Arc<Health>,
    received_events: Counter,
    received_bytes: Counter,
    bytes_total: AtomicU64,
    bytes_read: AtomicU64,
    bytes_passed: AtomicU64,
    events_read: AtomicU64,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::new("file", Arc::default())
    }
}

impl Progress {
    /// Nothing is read yet. `component_type` is the kind of source, `file` or `kafka`. Metrics must be installed before, if
    /// they are wanted.
    pub fn new(component_type: &str, health: Arc<Health>) -> Progress {
        let source =
            [("component_id", component_type), ("component_kind", "source"), ("component_type", component_type)];
        Progress {
            health,
            received_events: metric::RECEIVED_EVENTS.counter(&source),
            received_bytes: metric::RECEIVED_BYTES.counter(&source),
            bytes_total: AtomicU64::default(),
            bytes_read: AtomicU64::default(),
            bytes_passed: AtomicU64::default(),
            events_read: AtomicU64::default(),
        }
    }

    /// Says how many bytes there are to read; 0 when that is not known (standard input).
    pub fn set_bytes_total(&self, bytes: u64) {
        self.bytes_total.store(bytes, Ordering::Relaxed);
    }

    /// Adds to what has been read.
    pub fn add(&self, bytes: u64, events: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        self.events_read.fetch_add(events, Ordering::Relaxed);
        self.received_bytes.increment(bytes);
        self.received_events.increment(events);
    }

    /// Adds to what an earlier run has read, which is passed over.
    pub fn pass(&self, bytes: u64) {
        self.bytes_passed.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes and events read so far.
    pub fn totals(&self) -> (u64, u64) {
        (self.bytes_read.load(Ordering::Relaxed), self.events_read.load(Ordering::Relaxed))
    }

    /// What has been read after `elapsed`.
    fn snapshot(&self, elapsed: Duration) -> Snapshot {
        Snapshot {
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_passed: self.bytes_passed.load(Ordering::Relaxed),
            events_read: self.events_read.load(Ordering::Relaxed),
            elapsed,
        }
    }
}

/// Where progress is shown.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar on the terminal.
    Bar,
    /// A line of the log every 30 seconds, for whoever lets `info` through.
    Lines,
    /// Nowhere.
    Silent,
}

/// Shows a [`Progress`] until it is dropped.
#[derive(Debug)]
pub struct Display {
    /// Dropped to stop the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Starts to show `progress`.
    pub fn start(progress: Arc<Progress>, style: Style) -> Display {
        if style == Style::Silent {
            return Display { stop: None, thread: None };
        }
        let (stop, stopped) = crossbeam_channel::bounded::<()>(0);
        let thread = std::thread::spawn(move || {
            let started = Instant::now();
            let bar = (style == Style::Bar).then(bar);
            let pause = if style == Style::Bar { REDRAW } else { LINE_EVERY };
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let now = progress.snapshot(started.elapsed());
                match &bar {
                    Some(bar) => draw(bar, &now),
                    None => tracing::info!("{}", now.line()),
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        Display { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs `write` while no bar is on the terminal.
pub(super) fn lift<T>(write: impl FnOnce() -> T) -> T {
    BARS.suspend(write)
}

fn bar() -> ProgressBar {
    let bar = BARS.add(ProgressBar::no_length());
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {msg}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

fn draw(bar: &ProgressBar, now: &Snapshot) {
    bar.set_length(now.bytes_total.max(1));
    bar.set_position((now.bytes_passed + now.bytes_read).min(now.bytes_total));
    bar.set_message(now.line());
}

/// Counters at one moment.
#[derive(Copy, Clone, Debug)]
struct Snapshot {
    bytes_total: u64,
    bytes_read: u64,
    bytes_passed: u64,
    events_read: u64,
    elapsed: Duration,
}

impl Snapshot {
    /// Share, rates and time left, as far as they are known.
    fn line(&self) -> String {
        let secs = self.elapsed.as_secs_f64().max(0.001);
        let per_sec = |amount: u64| (amount as f64 / secs) as u64;
        let mut rates = format!("{}/s", HumanBytes(per_sec(self.bytes_read)));
        if self.events_read > 0 {
            rates.push_str(&format!("  {} events/s", HumanCount(per_sec(self.events_read))));
        }
        if self.bytes_total == 0 {
            return format!("{}  {rates}", HumanBytes(self.bytes_read));
        }
        let come = self.bytes_passed + self.bytes_read;
        let share = (come as f64 / self.bytes_total as f64).min(1.0);
        let mut line = format!("{:.0}%  {rates}", share * 100.0);
        if self.bytes_read > 0 {
            let left_secs = secs * self.bytes_total.saturating_sub(come) as f64 / self.bytes_read as f64;
            let left = Duration::try_from_secs_f64(left_secs).unwrap_or(Duration::MAX);
            line.push_str(&format!("  {} left", HumanDuration(left)));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes_total: u64, bytes_read: u64, events_read: u64, secs: u64) -> String {
        let elapsed = Duration::from_secs(secs);
        Snapshot { bytes_total, bytes_read, bytes_passed: 0, events_read, elapsed }.line()
    }

    #[test]
    fn tells_share_rates_and_time_left() {
        assert_eq!(line(400 << 20, 100 << 20, 50_000, 2), "25%  50.00 MiB/s  25,000 events/s  6 seconds left");
        assert_eq!(line(0, 100 << 20, 50_000, 2), "100.00 MiB  50.00 MiB/s  25,000 events/s");
        assert_eq!(line(100, 0, 0, 0), "0%  0 B/s");
        // what an earlier run has read counts in the share, and neither in the rate nor in the time left
        let elapsed = Duration::from_secs(2);
        let again = Snapshot { bytes_total: 400, bytes_read: 100, bytes_passed: 200, events_read: 0, elapsed };
        assert_eq!(again.line(), "75%  50 B/s  2 seconds left");
    }

    #[test]
    fn display_ends_with_its_owner() {
        let progress = Arc::new(Progress::default());
        for style in [Style::Bar, Style::Lines, Style::Silent] {
            drop(Display::start(Arc::clone(&progress), style));
        }
        assert_eq!(Arc::strong_count(&progress), 1, "a display thread is left over");
    }
}
