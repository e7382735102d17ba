//! Free text: user agents, status messages, annotations.

use super::REDACTED;
use super::glance::glance;
use memchr::memmem;
use std::borrow::Cow;

/// Start of a JSON Web Token: `{"` in base64.
pub(super) const JWT_START: &str = "eyJ";
/// Shortest run of token characters after the start that is taken for a token.
const MIN_JWT_LEN: usize = 12;
/// Schemes of the Authorization header, in lower case; the word after them is a credential.
pub(super) const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// `text` without JSON Web Tokens and without the credentials that follow `Bearer` or `Basic`.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    if !glance(text).credential {
        return Cow::Borrowed(text);
    }
    without_credentials(text)
}

/// The same for a text that may have some.
pub(super) fn without_credentials(text: &str) -> Cow<'_, str> {
    let mut spans = Vec::new();
    jwt_spans(text, &mut spans);
    credential_spans(text, &mut spans);
    without(text, spans)
}

/// A status message about `resource` without tokens and without the excerpts of the request that decoders put into errors
/// (`…, error found in #10 byte of ...|data":{"a":"…`). About secrets and config maps, without quoted values too.
pub fn redact_message<'m>(message: &'m str, resource: &str) -> Cow<'m, str> {
    // A request that succeeds has none, and three searches that are only set up cost 1 % of a conversion.
    if message.is_empty() {
        return Cow::Borrowed(message);
    }
    let mut spans = Vec::new();
    if glance(message).credential {
        jwt_spans(message, &mut spans);
        credential_spans(message, &mut spans);
    }
    if let Some(at) = ["error found in", "bigger context", "...|"].iter().filter_map(|mark| message.find(mark)).min() {
        spans.push((at, message.len()));
    }
    if matches!(resource, "secrets" | "configmaps" | "tokenreviews")
        && let Some(at) = message.find("nvalid value: ")
    {
        spans.push((at + "nvalid value: ".len(), message.len()));
    }
    without(message, spans)
}

/// `text` with the spans replaced; they may overlap.
pub(super) fn without(text: &str, mut spans: Vec<(usize, usize)>) -> Cow<'_, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    spans.sort_unstable();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in spans {
        if start >= at {
            kept.push_str(text.get(at..start).unwrap_or_default());
            kept.push_str(REDACTED);
        }
        at = at.max(end);
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(kept)
}

/// Percent signs and equal signs belong to a token that was put into a URI.
fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'=' | b'+' | b'/' | b'%')
}

fn jwt_spans(text: &str, spans: &mut Vec<(usize, usize)>) {
    let mut end = 0;
    for start in memmem::find_iter(text.as_bytes(), JWT_START) {
        let run = text.bytes().skip(start).take_while(|byte| is_token_char(*byte)).count();
        if start >= end && run >= JWT_START.len() + MIN_JWT_LEN {
            end = start + run;
            spans.push((start, end));
        }
    }
}

fn credential_spans(text: &str, spans: &mut Vec<(usize, usize)>) {
    // both schemes begin with a letter that few texts have often
    for at in memchr::memchr2_iter(b'b', b'B', text.as_bytes()) {
        let Some(scheme) = SCHEMES.iter().find(|scheme| starts_with_ignoring_case(text, at, scheme)) else {
            continue;
        };
        let start = at + scheme.len();
        let rest = text.get(start..).unwrap_or_default();
        let spaces = rest.len() - rest.trim_start_matches([' ', ':', '\t', '+']).len();
        let gap = if rest.starts_with("%20") { 3 } else { spaces };
        let credential = rest.bytes().skip(gap).take_while(|byte| is_token_char(*byte) || *byte == b'~').count();
        if gap > 0 && credential >= MIN_JWT_LEN {
            spans.push((start + gap, start + gap + credential));
        }
    }
}

fn starts_with_ignoring_case(text: &str, at: usize, word: &str) -> bool {
    text.get(at..at + word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}
