//! What a Kafka source is to do, and how that is said to librdkafka.

use super::{KafkaError, Tokens, key_of};
use crate::audit::time::Micros;
use crate::source::catalog::SourceName;
use crate::source::stream::StreamName;
use rdkafka::config::ClientConfig;
use regex::Regex;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a partition is begun that no commit knows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its first message.
    Earliest,
    /// Behind its last message.
    Latest,
    /// At the first message with this timestamp or a later one.
    At(Micros),
}

/// What is done where messages are lost: retention removed them before they were read, or the topic was made anew.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum OnLoss {
    /// The partition is stalled until somebody decides.
    Hold,
    /// The loss is noted in the manifest, and reading goes on behind it.
    Skip,
}

/// How the connection is secured and who we are. Certificates and host names are always checked.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`, where the protocol has SASL.
    pub mechanism: Option<String>,
    /// Name for PLAIN and SCRAM.
    pub username: Option<String>,
    /// Password for PLAIN and SCRAM.
    pub password: Option<String>,
    /// Where tokens for OAUTHBEARER come from.
    pub tokens: Option<Tokens>,
    /// Authorities that may sign the brokers' certificates; `None` for those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our certificate.
    pub certificate_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// Password of the key.
    pub key_password: Option<String>,
}

/// Settings of a Kafka source.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to find the brokers: `host:port`, separated by commas.
    pub brokers: String,
    /// Topics; one that begins with `^` is a regular expression.
    pub topics: Vec<String>,
    /// Stream of whatever names no cluster.
    pub cluster: String,
    /// Header of a message that names its cluster, where topics are shared.
    pub cluster_header: Option<String>,
    /// The clusters that are taken beside `cluster`; all where it is empty.
    pub clusters: Vec<String>,
    /// Group under whose name offsets are committed, for lag monitors only.
    pub group: String,
    /// Where unknown partitions are begun.
    pub start: Start,
    /// What is done where messages are lost.
    pub on_loss: OnLoss,
    /// Read to where the partitions end at the start, then end.
    pub until_end: bool,
    /// Silence after which a partition no longer holds the watermark.
    pub idle_after: Duration,
    /// How far in event time a partition is read ahead of the others.
    pub ahead_us: i64,
    /// Events ahead of this machine's clock by more are rejected, and say nothing of how far a partition is.
    pub max_future_skew_us: i64,
    /// Messages of a partition that are held before they are read, in bytes. A soft bound.
    pub prefetch_bytes: u64,
    /// Time between two looks at topics, partitions and their ends.
    pub watch_every: Duration,
    /// How the connection is secured.
    pub security: Security,
}

/// The topics that are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// By name.
    pub names: Vec<String>,
    /// By pattern, each for the whole name.
    pub patterns: Vec<Regex>,
    /// The stream of topics whose name says none.
    pub home: StreamName,
    /// Messages of such topics may name others.
    pub shared: bool,
    /// What else is taken; everything where it is empty.
    pub clusters: Vec<String>,
}

/// Whose events the messages of a topic are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The stream of those that name none.
    pub stream: StreamName,
    /// They may name others.
    pub shared: bool,
}

impl Wanted {
    /// Whether a topic is wanted.
    pub fn has(&self, topic: &str) -> bool {
        self.whose(topic).is_some()
    }

    /// Whose events a topic holds; `None` where it is not wanted. A name that says the cluster is right whatever headers say.
    pub fn whose(&self, topic: &str) -> Option<Whose> {
        let unnamed = || Whose { stream: self.home.clone(), shared: self.shared };
        if self.names.iter().any(|name| name == topic) {
            return Some(unnamed());
        }
        let of_pattern = |pattern: &Regex| match pattern.captures(topic)?.name("cluster") {
            None => Some(unnamed()),
            Some(named) => {
                Some(Whose { stream: named.as_str().into(), shared: false }).filter(|whose| self.takes(&whose.stream))
            }
        };
        self.patterns.iter().find_map(of_pattern)
    }

    /// Topics of one answer are read in step: none far ahead of the others in event time. A cluster that is behind must not hold up
    /// another one that has topics of its own.
    pub fn in_step(&self, topic: &str) -> StreamName {
        self.whose(topic).filter(|whose| !whose.shared).map(|whose| whose.stream).unwrap_or_default()
    }

    /// What a partition of a wanted topic is called.
    pub fn name_of(&self, topic: &str, number: i32, fingerprint: Option<String>) -> SourceName {
        let Whose { stream, shared } =
            self.whose(topic).unwrap_or_else(|| Whose { stream: self.home.clone(), shared: self.shared });
        let key = key_of(stream.as_str(), topic, number);
        SourceName { key, name: topic.to_owned(), number, fingerprint, stream, shared }
    }

    /// Whether events of a stream are taken.
    pub fn takes(&self, stream: &StreamName) -> bool {
        self.clusters.is_empty() || *stream == self.home || self.clusters.iter().any(|name| name == stream.as_str())
    }
}

impl Settings {
    /// The topics that are wanted.
    ///
    /// # Errors
    /// When a pattern is no regular expression.
    pub fn wanted(&self) -> Result<Wanted, KafkaError> {
        let (patterns, names): (Vec<&String>, Vec<&String>) = self.topics.iter().partition(|t| t.starts_with('^'));
        let patterns = patterns.into_iter().map(|pattern| {
            // The whole name, as everywhere in Kafka.
            Regex::new(&format!("^(?:{})$", pattern.trim_start_matches('^').trim_end_matches('$')))
                .map_err(|e| KafkaError::Pattern { pattern: pattern.clone(), error: e.to_string() })
        });
        Ok(Wanted {
            names: names.into_iter().cloned().collect(),
            patterns: patterns.collect::<Result<_, _>>()?,
            home: self.cluster.as_str().into(),
            shared: self.cluster_header.is_some(),
            clusters: self.clusters.clone(),
        })
    }

    /// What every client of ours tells librdkafka.
    ///
    /// # Errors
    /// When a setting needs a build with TLS, or is incomplete.
    pub fn client(&self) -> Result<ClientConfig, KafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "causeway")
            .set("group.id", &self.group)
            // Positions come from the manifest. A position that is not in the log must be an error, never a jump.
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("allow.auto.create.topics", "false")
            // With the default of 10 s a broker that is back is found up to 10 s later.
            .set("reconnect.backoff.max.ms", "1000")
            // With the default of 1 s a full queue stalls reading for that long.
            .set("fetch.queue.backoff.ms", "10")
            .set("topic.metadata.refresh.interval.ms", "30000")
            // A batch is fetched whole however large: this only refuses what no broker sends.
            .set("receive.message.max.bytes", "536870912")
            .set("check.crcs", "true");
        self.security.lay_over(&mut config)?;
        Ok(config)
    }

    /// What a client that reads messages tells it beyond that.
    ///
    /// # Errors
    /// As [`Settings::client`].
    pub fn reader(&self) -> Result<ClientConfig, KafkaError> {
        let mut config = self.client()?;
        let fetch_bytes = self.prefetch_bytes.clamp(64 << 10, 4 << 20);
        config
            .set("queued.max.messages.kbytes", (self.prefetch_bytes >> 10).max(64).to_string())
            .set("queued.min.messages", "1000")
            .set("fetch.message.max.bytes", fetch_bytes.to_string());
        Ok(config)
    }
}

impl Security {
    /// # Errors
    /// When TLS is asked of a build without it, or something is lacking.
    fn lay_over(&self, config: &mut ClientConfig) -> Result<(), KafkaError> {
        let protocol = self.protocol.as_str();
        let mechanism = self.mechanism.as_deref().filter(|_| protocol.starts_with("sasl"));
        let needs_tls = protocol.ends_with("ssl") || mechanism.is_some_and(|m| m != "PLAIN");
        if needs_tls && !cfg!(feature = "tls") {
            let key = if protocol.ends_with("ssl") { "kafka.security" } else { "kafka.sasl" };
            return Err(KafkaError::NoTls { key });
        }
        config.set("security.protocol", protocol);
        if protocol.ends_with("ssl") {
            let path = |file: &Path| file.display().to_string();
            if let Some(file) = &self.ca_file {
                config.set("ssl.ca.location", path(file));
            } else if let Some(file) = system_authorities() {
                config.set("ssl.ca.location", path(&file));
            }
            if let Some(file) = &self.certificate_file {
                config.set("ssl.certificate.location", path(file));
            }
            if let Some(file) = &self.key_file {
                config.set("ssl.key.location", path(file));
            }
            if let Some(password) = &self.key_password {
                config.set("ssl.key.password", password);
            }
            config.set("enable.ssl.certificate.verification", "true");
            config.set("ssl.endpoint.identification.algorithm", "https");
        }
        let Some(mechanism) = mechanism else {
            return match protocol.starts_with("sasl") {
                true => Err(KafkaError::Incomplete { key: "kafka.sasl" }),
                false => Ok(()),
            };
        };
        config.set("sasl.mechanism", mechanism);
        if mechanism == "OAUTHBEARER" {
            return match &self.tokens {
                None => Err(KafkaError::Incomplete { key: "kafka.token_file or kafka.oauth_token_url" }),
                Some(Tokens::File(_)) => Ok(()),
                Some(Tokens::Endpoint(endpoint)) => endpoint.check(),
            };
        }
        let username = self.username.as_ref().ok_or(KafkaError::Incomplete { key: "kafka.username" })?;
        let password = self.password.as_ref().ok_or(KafkaError::Incomplete { key: "kafka.password_file" })?;
        config.set("sasl.username", username).set("sasl.password", password);
        Ok(())
    }
}

/// Where systems keep the authorities they trust: OpenSSL that was built in does not know.
fn system_authorities() -> Option<PathBuf> {
    let places = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    places.iter().map(PathBuf::from).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay(security: &Security) -> Result<ClientConfig, KafkaError> {
        let mut config = ClientConfig::new();
        security.lay_over(&mut config).map(|()| config)
    }

    #[test]
    fn plain_needs_a_name_and_a_password() {
        let mut security = Security { protocol: "sasl_plaintext".to_owned(), ..Security::default() };
        assert!(lay(&security).unwrap_err().to_string().contains("kafka.sasl"));
        security.mechanism = Some("PLAIN".to_owned());
        security.username = Some("me".to_owned());
        assert!(lay(&security).unwrap_err().to_string().contains("kafka.password_file"));
        security.password = Some("secret".to_owned());
        let config = lay(&security).unwrap();
        assert_eq!(config.get("sasl.username"), Some("me"));
        assert_eq!(config.get("security.protocol"), Some("sasl_plaintext"));
    }

    #[test]
    fn a_pattern_may_say_where_the_cluster_stands() {
        let pattern = |text: &str| Regex::new(text).unwrap();
        let patterns = vec![pattern("^(?:audit[.](?<cluster>.+))$"), pattern("^(?:shared)$")];
        let (names, home) = (vec!["one".to_owned()], StreamName::from("prod"));
        let wanted = Wanted { names, patterns, home, shared: true, clusters: vec!["test".to_owned()] };
        let whose = |stream: &str, shared| Some(Whose { stream: stream.into(), shared });
        let topics = ["audit.prod", "audit.test", "audit.prod2", "shared", "one", "two"];
        let expected =
            [whose("prod", false), whose("test", false), None, whose("prod", true), whose("prod", true), None];
        assert_eq!(topics.map(|topic| wanted.whose(topic)), expected);
        let all = Wanted { clusters: Vec::new(), ..wanted };
        assert_eq!(all.whose("audit.prod2"), whose("prod2", false));
    }

    #[test]
    fn tls_is_verified_or_refused() {
        let security = Security { protocol: "ssl".to_owned(), ..Security::default() };
        match lay(&security) {
            Ok(config) => {
                assert_eq!(config.get("enable.ssl.certificate.verification"), Some("true"));
                assert_eq!(config.get("ssl.endpoint.identification.algorithm"), Some("https"));
            }
            Err(error) => assert!(!cfg!(feature = "tls") && error.to_string().contains("without TLS"), "{error}"),
        }
    }
}
