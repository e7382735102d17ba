//! What can go wrong with a Kafka source so that it cannot go on by itself. What it can wait for is a
//! `Stall`, no error.

/// An error of a Kafka source.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The client refuses its settings.
    #[error("cannot make a Kafka client: {0}; check the section [kafka] of the configuration")]
    Client(rdkafka::error::KafkaError),
    /// This program was built without TLS.
    #[error("`{key}` needs TLS, and this causeway was built without TLS; build it with `--features tls`")]
    NoTls {
        /// The setting that needs it.
        key: &'static str,
    },
    /// A setting is lacking.
    #[error("`{key}` is not set, but the way to log in needs it; set it, or change kafka.security and kafka.sasl")]
    Incomplete {
        /// The setting.
        key: &'static str,
    },
    /// A token endpoint to which no secret may be sent.
    #[error("`kafka.oauth_token_url` is `{url}`; it must begin with https://, or with http:// and localhost")]
    TokenUrl {
        /// As it stands in the configuration.
        url: String,
    },
    /// A pattern is no regular expression.
    #[error("the topic pattern `{pattern}` cannot be read: {error}; write a regular expression behind the ^")]
    Pattern {
        /// As it stands in the configuration.
        pattern: String,
        /// What is wrong with it.
        error: String,
    },
    /// There is nothing to read to the end.
    #[error("there is no topic `{topic}` on {brokers}; check kafka.topics, or make the topic")]
    NoTopic {
        /// The topic.
        topic: String,
        /// Where it was looked for.
        brokers: String,
    },
    /// No broker has answered although the run is to end.
    #[error("no broker at {brokers} answers: {words}; check kafka.brokers and that the broker is up")]
    Unreachable {
        /// Where they were looked for.
        brokers: String,
        /// What the client says.
        words: String,
    },
    /// The topic was deleted and made again while it was read.
    #[error(
        "the topic `{topic}` was deleted and made again while it was read; what was read since the last commit is dropped"
    )]
    Recreated {
        /// The topic.
        topic: String,
    },
    /// Another producer with our transactional id has begun.
    #[error("another causeway publishes under the same publish.id; stop it, or give this one another publish.id")]
    Fenced,
    /// A thread could not be started.
    #[error("cannot start a thread: {0}; raise the limit on threads")]
    Thread(std::io::Error),
}
