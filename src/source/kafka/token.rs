//! Tokens for OAUTHBEARER: from a file that somebody else keeps fresh, or from the token endpoint of an identity provider.
//!
//! ```text
//! librdkafka: a token is due ─▶ Tokens ─┬─ file: read it
//!                                       └─ endpoint: POST grant_type=client_credentials ─▶ access_token, expires_in
//! ```
//! The grant is OAuth 2.0's for programs (RFC 6749, section 4.4): the id and the secret go in the header `Authorization`, and nowhere
//! else. librdkafka asks again when four fifths of a token's time are over.

use super::KafkaError;
use rdkafka::client::OAuthToken;
use serde::Deserialize;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a token is used of which nobody says how long it is good.
const LIFETIME: Duration = Duration::from_secs(300);

/// Longest wait for an endpoint.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where tokens come from.
#[derive(Clone)]
pub enum Tokens {
    /// A file with one.
    File(PathBuf),
    /// A token endpoint.
    Endpoint(Endpoint),
}

/// A token endpoint, and who we are there.
#[derive(Clone)]
pub struct Endpoint {
    /// Its URL.
    pub url: String,
    /// Our id.
    pub client_id: String,
    /// Our secret.
    pub client_secret: String,
    /// What we want to be allowed.
    pub scope: Option<String>,
    /// Authorities that may sign its certificate, beside those of the system.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tokens::File(path) => f.debug_tuple("File").field(path).finish(),
            // Never the secret.
            Tokens::Endpoint(endpoint) => f.debug_tuple("Endpoint").field(&endpoint.url).finish(),
        }
    }
}

/// What an endpoint answers.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<u64>,
}

impl Tokens {
    /// A token that is good now.
    ///
    /// # Errors
    /// In words for an operator.
    pub fn next(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let (token, principal_name, lifetime) = match self {
            Tokens::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {} (kafka.token_file): {error}", path.display()))?;
                (text.trim().to_owned(), "causeway".to_owned(), LIFETIME)
            }
            Tokens::Endpoint(endpoint) => {
                let Answer { access_token, expires_in } = endpoint.ask()?;
                (access_token, endpoint.client_id.clone(), expires_in.map_or(LIFETIME, Duration::from_secs))
            }
        };
        let lifetime_ms = i64::try_from((now + lifetime).as_millis())?;
        Ok(OAuthToken { token, principal_name, lifetime_ms })
    }
}

impl Endpoint {
    /// Refuses to send a secret in the clear over a network.
    ///
    /// # Errors
    /// Where the URL is none, or is neither https nor of this machine.
    pub fn check(&self) -> Result<(), KafkaError> {
        let refused = || KafkaError::TokenUrl { url: self.url.clone() };
        let url = reqwest::Url::parse(&self.url).map_err(|_| refused())?;
        let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() == "https" || (url.scheme() == "http" && here) { Ok(()) } else { Err(refused()) }
    }

    fn ask(&self) -> Result<Answer, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, body) = runtime.block_on(self.post()).map_err(|error| {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            format!("{} (kafka.oauth_token_url) cannot be asked for a token: {error}: {cause}", self.url)
        })?;
        if !status.is_success() {
            // Providers say what is wrong in a few words (RFC 6749, section 5.2), never the secret.
            let said: String = String::from_utf8_lossy(&body).chars().take(200).collect();
            return Err(format!("{} (kafka.oauth_token_url) answers {status}: {said}", self.url).into());
        }
        serde_json::from_slice(&body)
            .map_err(|error| format!("{} (kafka.oauth_token_url) answers no token: {error}", self.url).into())
    }

    async fn post(&self) -> Result<(reqwest::StatusCode, Vec<u8>), reqwest::Error> {
        let mut client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        if let Some(authorities) = self.ca_file.as_ref().and_then(|path| std::fs::read(path).ok()) {
            for authority in reqwest::Certificate::from_pem_bundle(&authorities)? {
                client = client.add_root_certificate(authority);
            }
        }
        let scope = self.scope.as_ref().map(|scope| ("scope", scope.as_str()));
        let form: Vec<(&str, &str)> = [("grant_type", "client_credentials")].into_iter().chain(scope).collect();
        let asked = client.build()?.post(&self.url).basic_auth(&self.client_id, Some(&self.client_secret)).form(&form);
        let answer = asked.send().await?;
        Ok((answer.status(), answer.bytes().await?.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        let (client_id, client_secret) = ("me".to_owned(), "geheim".to_owned());
        Endpoint { url: url.to_owned(), client_id, client_secret, scope: None, ca_file: None }
    }

    #[test]
    fn a_secret_goes_over_no_network_in_the_clear() {
        for good in ["https://login.example/token", "http://localhost:8080/token", "http://127.0.0.1/token"] {
            assert!(endpoint(good).check().is_ok(), "{good}");
        }
        for bad in ["http://login.example/token", "login.example", "ftp://localhost/x", "", "http://localhost.evil/x"] {
            let error = endpoint(bad).check().unwrap_err().to_string();
            assert!(error.contains("kafka.oauth_token_url") && error.contains("https"), "{error}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let tokens = Tokens::Endpoint(endpoint("http://127.0.0.1:1/token"));
        let said = format!("{tokens:?} {}", tokens.next().map(|_| ()).unwrap_err());
        assert!(said.contains("127.0.0.1:1/token") && !said.contains("geheim"), "{said}");
    }
}
