//! From the configuration to the settings of the Kafka source.

use crate::cli::args::Moment;
use crate::config::{self, Config, ConfigError, OnLoss, Sasl, SecurityProtocol};
use crate::flow::processes::Membership;
use crate::flow::publish::Publishing;
use crate::source::kafka::{self, Endpoint, Security, Settings, Start, Tokens};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Variable with the password.
const PASSWORD: &str = "CAUSEWAY_KAFKA_PASSWORD";

/// Variable with the secret for the token endpoint.
const CLIENT_SECRET: &str = "CAUSEWAY_KAFKA_CLIENT_SECRET";

/// Time between two looks at topics and partitions.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// How far in event time a partition may be read ahead of the others, at least.
const LEAST_AHEAD_US: i64 = 60_000_000;

/// Everything that the source needs to know.
///
/// # Errors
/// When `kafka.start` is no start, there is nothing to read, or a file of a secret cannot be read.
pub fn settings(config: &Config, until_end: bool) -> Result<Settings> {
    let kafka = &config.kafka;
    if kafka.topics.iter().all(String::is_empty) {
        return Err(wrong("kafka.topics", "is empty; name a topic"));
    }
    Ok(Settings {
        brokers: kafka.brokers.clone(),
        topics: kafka.topics.clone(),
        cluster: config.stream.cluster.clone(),
        cluster_header: kafka.cluster_header.clone(),
        clusters: kafka.clusters.clone(),
        group: kafka.group.clone().unwrap_or_else(|| format!("causeway-{}", config.stream.cluster)),
        start: start(&kafka.start)?,
        on_loss: match kafka.on_loss {
            OnLoss::Hold => kafka::OnLoss::Hold,
            OnLoss::Skip => kafka::OnLoss::Skip,
        },
        until_end,
        idle_after: config.stream.idle_after.as_duration(),
        ahead_us: config.stream.allowed_lateness.as_micros().saturating_mul(4).max(LEAST_AHEAD_US),
        max_future_skew_us: config.stream.max_future_skew.as_micros(),
        prefetch_bytes: kafka.prefetch.as_bytes(),
        watch_every: WATCH_EVERY,
        security: Security {
            protocol: match kafka.security {
                SecurityProtocol::Plaintext => "plaintext",
                SecurityProtocol::Tls => "ssl",
                SecurityProtocol::SaslPlaintext => "sasl_plaintext",
                SecurityProtocol::SaslTls => "sasl_ssl",
            }
            .to_owned(),
            mechanism: kafka.sasl.map(|sasl| {
                match sasl {
                    Sasl::Plain => "PLAIN",
                    Sasl::ScramSha256 => "SCRAM-SHA-256",
                    Sasl::ScramSha512 => "SCRAM-SHA-512",
                    Sasl::Oauthbearer => "OAUTHBEARER",
                }
                .to_owned()
            }),
            username: kafka.username.clone(),
            password: secret(PASSWORD, kafka.password_file.as_deref())?,
            tokens: tokens(kafka)?,
            ca_file: existing("kafka.ca_file", kafka.ca_file.as_ref())?,
            certificate_file: existing("kafka.certificate_file", kafka.certificate_file.as_ref())?,
            key_file: existing("kafka.key_file", kafka.key_file.as_ref())?,
            key_password: secret_of(kafka.key_password_file.as_deref())?,
        },
    })
}

/// Which process of which ones this is, if there are several.
///
/// # Errors
/// When the numbers or the host file do not fit.
pub fn membership(run: &config::Run) -> Result<Option<Membership>> {
    Membership::of(run.processes, run.process, run.hostfile.as_deref())
        .map_err(|error| ConfigError::Value { place: "configuration".to_owned(), detail: error.to_string() }.into())
}

/// What is published, if anything is.
///
/// # Errors
/// As [`settings`].
pub fn publishing(config: &Config) -> Result<Option<Publishing>> {
    let publish = &config.publish;
    let Some(topic) = publish.topic.clone() else { return Ok(None) };
    Ok(Some(Publishing {
        markers: publish.markers.clone().unwrap_or_else(|| format!("{topic}.commits")),
        id: publish.id.clone().unwrap_or_else(|| format!("causeway-{}", config.stream.cluster)),
        client: settings(config, false)?,
        topic,
    }))
}

fn start(text: &str) -> Result<Start> {
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        time => match time.parse::<Moment>() {
            Ok(moment) => Ok(Start::At(moment.0)),
            Err(_) => {
                Err(wrong("kafka.start", &format!("is `{time}`; write earliest, latest, or a time with its zone")))
            }
        },
    }
}

/// Where tokens come from, where they are needed.
fn tokens(kafka: &config::Kafka) -> Result<Option<Tokens>> {
    match (&kafka.token_file, &kafka.oauth_token_url) {
        _ if kafka.sasl != Some(Sasl::Oauthbearer) => Ok(None),
        (Some(_), Some(_)) => Err(wrong("kafka.oauth_token_url", "is set beside kafka.token_file; choose one")),
        (Some(file), None) => Ok(Some(Tokens::File(file.clone()))),
        (None, None) => Ok(None),
        (None, Some(url)) => {
            let lacking = "is not set, but kafka.oauth_token_url is";
            let secret = secret(CLIENT_SECRET, kafka.oauth_client_secret_file.as_deref())?;
            Ok(Some(Tokens::Endpoint(Endpoint {
                url: url.clone(),
                client_id: kafka.oauth_client_id.clone().ok_or_else(|| wrong("kafka.oauth_client_id", lacking))?,
                client_secret: secret.ok_or_else(|| wrong("kafka.oauth_client_secret_file", lacking))?,
                scope: kafka.oauth_scope.clone(),
                ca_file: existing("kafka.ca_file", kafka.ca_file.as_ref())?,
            })))
        }
    }
}

/// A secret of a variable, or else of a file.
fn secret(variable: &str, file: Option<&Path>) -> Result<Option<String>> {
    std::env::var(variable).map_or_else(|_| secret_of(file), |secret| Ok(Some(secret)))
}

/// What a file holds, without the newline at its end.
fn secret_of(file: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = file else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Read { path: path.to_owned(), detail: error.to_string() })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn existing(key: &str, file: Option<&PathBuf>) -> Result<Option<PathBuf>> {
    match file {
        Some(path) if !path.exists() => Err(wrong(key, &format!("names {}, which is not there", path.display()))),
        _ => Ok(file.cloned()),
    }
}

fn wrong(key: &str, what: &str) -> anyhow::Error {
    ConfigError::Value { place: "configuration".to_owned(), detail: format!("`{key}` {what}") }.into()
}
