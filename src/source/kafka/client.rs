//! What librdkafka tells us of itself: its log, errors of brokers, and when it wants a new token.

use super::Tokens;
use super::status::Health;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use std::error::Error;
use std::sync::Arc;

/// Listens to one client.
pub struct Told {
    health: Arc<Health>,
    tokens: Option<Tokens>,
}

impl Told {
    /// Tells `health`.
    pub fn new(health: Arc<Health>, tokens: Option<Tokens>) -> Told {
        Told { health, tokens }
    }
}

impl ClientContext for Told {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters comes as an error as well, and is told there once, not on every attempt to connect.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!(facility, "librdkafka: {message}");
            }
            _ => tracing::debug!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.health.reachable(Some(reason.to_owned())),
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) => {
                tracing::error!("librdkafka: {reason}");
                self.health.reachable(Some(reason.to_owned()));
            }
            _ => tracing::debug!(%error, "librdkafka: {reason}"),
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.as_ref().ok_or("neither kafka.token_file nor kafka.oauth_token_url is set")?.next()
    }
}

impl ConsumerContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
