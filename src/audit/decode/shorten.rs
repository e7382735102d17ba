//! Cuts out of a record what will not be read, before it is read: bodies that nobody asked for, and in bodies the lists of
//! managed fields. In logs with bodies that is most of the bytes, and finding the end of a value costs a fourth of reading it.
//!
//! A key is found by its text alone: within a string its quotes would be escaped. What was cut out is not known to be JSON;
//! a record that does not come to an event without it is read again as it stands.

use super::body_mode::BodyMode;
use super::bracket::len_of_value;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// `requestObject` and `responseObject` end so, with the colon that makes it a key.
static BODY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Object\":"));
/// What a manager set in an object, a leaf for each field.
static MANAGED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"fieldsV1\":"));

/// The record with `null` for each such value; `None` where it holds none.
pub(super) fn shortened(json: &str, mode: BodyMode) -> Option<String> {
    let keys = match mode {
        BodyMode::Skip => &*BODY,
        BodyMode::Evidence => &*MANAGED,
        BodyMode::Raw { .. } => return None,
    };
    let mut short = String::new();
    let (mut kept_to, mut from) = (0, 0);
    while let Some(found) = keys.find(json.as_bytes().get(from..)?) {
        let value = from + found + keys.needle().len();
        from = value;
        let is_ours = mode == BodyMode::Evidence
            || json
                .get(..value)?
                .strip_suffix("Object\":")
                .is_some_and(|name| name.ends_with("\"request") || name.ends_with("\"response"));
        let Some(len) = is_ours.then(|| json.as_bytes().get(value..).and_then(len_of_value)).flatten() else {
            continue;
        };
        short.push_str(json.get(kept_to..value)?);
        short.push_str("null");
        kept_to = value + len;
        from = kept_to;
    }
    if kept_to == 0 {
        return None;
    }
    short.push_str(json.get(kept_to..)?);
    Some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_cut_out() {
        let json = r#"{"a":1,"requestObject":{"x":["}"]},"responseObject":[1,{}],"involvedObject":{"b":2},"z":"\"requestObject\":{"}"#;
        let short =
            r#"{"a":1,"requestObject":null,"responseObject":null,"involvedObject":{"b":2},"z":"\"requestObject\":{"}"#;
        assert_eq!(shortened(json, BodyMode::Skip).as_deref(), Some(short));
        assert_eq!(shortened(json, BodyMode::Evidence), None);
        assert_eq!(shortened(json, BodyMode::Raw { evidence: true }), None);
        assert_eq!(shortened(short, BodyMode::Skip), None);
    }

    #[test]
    fn of_a_body_the_managed_fields_are_cut_out() {
        let json = r#"{"responseObject":{"m":[{"manager":"a","fieldsV1":{"f:x":{}}},{"fieldsV1":{"f:y":{}}}]}}"#;
        let short = r#"{"responseObject":{"m":[{"manager":"a","fieldsV1":null},{"fieldsV1":null}]}}"#;
        assert_eq!(shortened(json, BodyMode::Evidence).as_deref(), Some(short));
    }

    #[test]
    fn what_does_not_end_stays() {
        assert_eq!(shortened(r#"{"requestObject":{"a":"#, BodyMode::Skip), None);
    }
}
