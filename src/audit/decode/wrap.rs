//! Wrappings: the objects in which log shippers carry an event, found by the names of their members.
//!
//! ```text
//! Docker, Fluent Bit   {"log": "<escaped event>\n", "stream": "stdout", …}
//! Vector, Logstash     {"message": "<escaped event>", …}     Elastic  {"event": {"original": "<escaped event>"}}
//! CloudWatch           {"logEvents": [{"message": "<escaped event>"}, …]}, {"@message": {…}}
//! Azure                {"records": [{"properties": {"log": "<escaped event>"}}]}
//! ```

use super::take::{Key, Take, lenient, skip};
use crate::audit::event::Text;
use memchr::memmem;
use serde::de::{DeserializeSeed, MapAccess};
use serde_json::value::RawValue;

/// Members under which events are carried, the likeliest first.
pub const CARRIERS: [&str; 21] = [
    "log",
    "message",
    "event",
    "kubernetes_audit",
    "@message",
    "logEvents",
    "records",
    "Records",
    "data",
    "record",
    "body",
    "items",
    "events",
    "original",
    "properties",
    "audit",
    "kubernetes",
    "payload",
    "msg",
    "raw",
    "_raw",
];

/// An object that is not read as an event itself.
#[derive(Default)]
pub(super) struct Wrapping<'de> {
    /// Whether it has members that only an event has, so that a wrong type in it is the event's fault.
    pub is_event: bool,
    /// The member that carries events, with its rank in `CARRIERS`.
    carrier: Option<(usize, &'de RawValue)>,
}

impl<'de> Wrapping<'de> {
    /// Reads the members of the object `json`.
    pub fn of(json: &'de str) -> Result<Wrapping<'de>, serde_json::Error> {
        let mut wrapping = Wrapping::default();
        let mut deserializer = serde_json::Deserializer::from_str(json);
        lenient(&mut wrapping).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(wrapping)
    }

    /// Name and value of the member that carries events.
    pub fn carrier(&self) -> Option<(&'static str, &'de RawValue)> {
        let (rank, value) = self.carrier?;
        Some((CARRIERS.get(rank)?, value))
    }
}

impl<'de> Take<'de> for Wrapping<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            b"auditID" | b"requestURI" | b"requestReceivedTimestamp" | b"stageTimestamp" => self.is_event = true,
            b"apiVersion" => {
                let mut version = Text::default();
                map.next_value_seed(lenient(&mut version))?;
                self.is_event |= version.starts_with("audit.k8s.io/");
                return Ok(());
            }
            _ => (),
        }
        let Some(rank) = CARRIERS.iter().position(|name| *key == *name.as_bytes()) else {
            return skip(map);
        };
        let value: &'de RawValue = map.next_value()?;
        if self.carrier.is_none_or(|(best, _)| rank <= best) && may_hold_event(value.get()) {
            self.carrier = Some((rank, value));
        }
        Ok(())
    }
}

/// Whether an event may lie in `json`, however deeply wrapped and escaped: letters are not escaped by any writer.
pub(super) fn may_hold_event(json: &str) -> bool {
    let json = json.as_bytes();
    memchr::memchr(b'{', json).is_some()
        && (memmem::find(json, b"auditID").is_some() || memmem::find(json, b"audit.k8s.io/").is_some())
}
