//! Any bytes as a record: no panic, at least one result, and the number of results told.
#![no_main]

use causeway::audit::decode::{Want, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|record: &[u8]| {
    let mut counts = Vec::new();
    for (evidence, raw_bodies) in [(false, false), (true, false), (true, true)] {
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
    // What is wanted of the bodies decides nothing about the event.
    assert!(counts.iter().all(|events| *events == counts[0]), "{counts:?}");
});
