//! Log lines: parsers, sessions, and the detectors of anomalies in them. Plain functions, without timely.

pub mod detect;
