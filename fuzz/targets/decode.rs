//! Any bytes as a record: no panic, at least one result, and the number of results told.
#![no_main]

use causeway::audit::decode::{Reading, Want, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|record: &[u8]| {
    let mut counts = Vec::new();
    for (evidence, raw_bodies) in [(Reading::Nothing, false), (Reading::Causes, false), (Reading::Whole, false), (Reading::Whole, true)] {
        let mut results = 0;
        let mut events = 0;
        let told = decode(record, Want { evidence, raw_bodies }, &mut |_, result| {
            results += 1;
            events += u32::from(result.is_ok());
        });
        assert!(results > 0, "a record was lost");
        assert_eq!(told, results);
        counts.push(events);
    }
    // Whoever looks into bodies may find damage there that others pass over, and finds nothing else.
    assert!(counts.is_sorted_by(|fewer_read, more_read| fewer_read >= more_read), "{counts:?}");
});
