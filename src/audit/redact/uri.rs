//! URIs: the values of parameters that carry credentials, and user information before a host.

use super::REDACTED;
use super::assignment::{is_credential_flag, redact_assignments};
use super::glance::{Glance, glance};
use super::text::{redact_text, without_credentials};
use memchr::{memchr, memchr2};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

/// Parts of the names of parameters that carry credentials, in lower case. Names of pagination are no credentials.
const SENSITIVE: [&str; 14] = [
    "token",
    "password",
    "passwd",
    "pwd",
    "secret",
    "apikey",
    "api_key",
    "api-key",
    "auth",
    "bearer",
    "credential",
    "signature",
    "session",
    "jwt",
];

/// Written as it is in the value of a parameter, beside letters and digits.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b':');

/// `uri` without credentials: those in its query, before a host (`https://user:password@host`), and tokens anywhere.
///
/// ```
/// use causeway::audit::redact::redact_uri;
///
/// assert_eq!(redact_uri("/api/v1/pods?limit=5&access_token=abc"), "/api/v1/pods?limit=5&access_token=REDACTED");
/// ```
pub fn redact_uri(uri: &str) -> Cow<'_, str> {
    let Glance { credential, mark } = glance(uri);
    if !mark || is_usual(uri) {
        return if credential { without_credentials(uri) } else { Cow::Borrowed(uri) };
    }
    let (path, query) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
    let path = without_user_info(path);
    let query = query.map(|query| {
        let mut flag = false;
        let parameters: Vec<Cow<'_, str>> = query.split(['&', ';']).map(|text| parameter(text, &mut flag)).collect();
        let changed = parameters.iter().any(|parameter| matches!(parameter, Cow::Owned(_)));
        if changed { Cow::Owned(parameters.join("&")) } else { Cow::Borrowed(query) }
    });
    match (path, query) {
        (Cow::Borrowed(_), None | Some(Cow::Borrowed(_))) => redact_text(uri),
        (path, query) => {
            let query = query.map_or(String::new(), |query| format!("?{query}"));
            Cow::Owned(redact_text(&format!("{path}{query}")).into_owned())
        }
    }
}

/// Whether a URI has nothing but a plain path and parameters that Kubernetes itself defines, none of which holds a credential.
/// Nearly all do, and need no decoding.
fn is_usual(uri: &str) -> bool {
    let split = memchr(b'?', uri.as_bytes()).and_then(|at| uri.split_at_checked(at));
    let (path, query) = split.unwrap_or((uri, ""));
    let parameters = || query.strip_prefix('?').unwrap_or_default().split('&');
    memchr2(b'%', b'@', path.as_bytes()).is_none() && (query.is_empty() || parameters().all(is_usual_parameter))
}

fn is_usual_parameter(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let at_sign = || memchr(b'%', value.as_bytes()).is_some() && value.contains("%40");
    is_usual_name(name) && memchr2(b'@', b';', value.as_bytes()).is_none() && !at_sign()
}

/// Whether the Kubernetes API defines a parameter of that name, which then holds no credential.
fn is_usual_name(name: &str) -> bool {
    matches!(
        name,
        "" | "allowWatchBookmarks"
            | "container"
            | "dryRun"
            | "fieldManager"
            | "fieldSelector"
            | "fieldValidation"
            | "follow"
            | "force"
            | "gracePeriodSeconds"
            | "hash"
            | "labelSelector"
            | "limit"
            | "pretty"
            | "previous"
            | "propagationPolicy"
            | "resourceVersion"
            | "resourceVersionMatch"
            | "sendInitialEvents"
            | "stderr"
            | "stdin"
            | "stdout"
            | "timeout"
            | "timeoutSeconds"
            | "tty"
            | "watch"
    )
}

/// One parameter of a query. `flag` says whether the one before it was the word of a command that announces a credential.
fn parameter<'t>(text: &'t str, flag: &mut bool) -> Cow<'t, str> {
    let Some((name, value)) = text.split_once('=') else {
        return Cow::Borrowed(text);
    };
    let plain = percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
    let sensitive =
        SENSITIVE.iter().any(|part| plain.contains(part)) || matches!(&*plain, "key" | "sig" | "code" | "state");
    if !value.is_empty() && sensitive {
        return Cow::Owned(format!("{name}={REDACTED}"));
    }
    let announced = std::mem::take(flag);
    if plain == "command" {
        return word_of_command(text, value, announced, flag);
    }
    match without_user_info(value) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(value) => Cow::Owned(format!("{name}={value}")),
    }
}

/// A word of the command of an exec: kept, but for the credentials that are named in it.
fn word_of_command<'t>(text: &'t str, value: &'t str, announced: bool, flag: &mut bool) -> Cow<'t, str> {
    if announced {
        return Cow::Owned(format!("command={REDACTED}"));
    }
    let spaced = value.replace('+', " ");
    let word = percent_decode_str(&spaced).decode_utf8_lossy();
    *flag = is_credential_flag(&word);
    match (redact_assignments(&word), without_user_info(&word)) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(text),
        (assigned, Cow::Borrowed(_)) => Cow::Owned(format!("command={}", utf8_percent_encode(&assigned, PLAIN))),
        (_, Cow::Owned(word)) => {
            Cow::Owned(format!("command={}", utf8_percent_encode(&redact_assignments(&word), PLAIN)))
        }
    }
}

/// `text` without what stands between `//` (or its percent-encoded form) and an `@` before the next slash.
fn without_user_info(text: &str) -> Cow<'_, str> {
    let plain = percent_decode_str(text).decode_utf8_lossy();
    let Some((scheme, rest)) = plain.split_once("//") else {
        return Cow::Borrowed(text);
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => Cow::Owned(format!("{scheme}//{REDACTED}{}", rest.get(at..).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
