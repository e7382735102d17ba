//! What the operating system says of this process: memory, CPU time, file descriptors, threads.

use super::metric;
use metrics_process::collector;

/// Reads it now and sets the gauges. What a system does not tell is left out.
pub fn observe() {
    let found = collector::collect();
    let set = |metric: &metric::Metric, value: Option<u64>| {
        if let Some(value) = value {
            metric.gauge(&[]).set(value as f64);
        }
    };
    if let Some(secs) = found.cpu_seconds_total {
        metric::PROCESS_CPU.gauge(&[]).set(secs);
    }
    set(&metric::PROCESS_MEMORY, found.resident_memory_bytes);
    set(&metric::PROCESS_FDS, found.open_fds);
    set(&metric::PROCESS_MAX_FDS, found.max_fds);
    set(&metric::PROCESS_THREADS, found.threads);
}
