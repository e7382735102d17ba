//! What librdkafka tells us of itself: its log, errors of brokers, and when it wants a new token.

use super::status::Health;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a token is used before its file is read again.
const TOKEN_MS: i64 = 300_000;

/// Listens to one client.
pub struct Told {
    health: Arc<Health>,
    token_file: Option<PathBuf>,
}

impl Told {
    /// Tells `health`; tokens come from `token_file`.
    pub fn new(health: Arc<Health>, token_file: Option<PathBuf>) -> Told {
        Told { health, token_file }
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
        let file = self.token_file.as_ref().ok_or("kafka.token_file is not set")?;
        let token = std::fs::read_to_string(file)?.trim().to_owned();
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let lifetime_ms = i64::try_from(now.as_millis())?.saturating_add(TOKEN_MS);
        Ok(OAuthToken { token, principal_name: "causeway".to_owned(), lifetime_ms })
    }
}

impl ConsumerContext for Told {}
