//! The section `[observe]`: where metrics and health are served.

use super::section::section;
use std::net::SocketAddr;

section! {
    /// Metrics and health over HTTP: `/metrics`, `/healthz`, `/readyz`.
    pub struct Observe {
        /// Address and port to listen at, such as `"127.0.0.1:9598"` or, for other machines to see, `"0.0.0.0:9598"`; or `"off"`.
        /// Unset, `run` listens at 127.0.0.1:9598 and `replay` nowhere.
        listen: Option<String> = None,
    }
}

/// Where `run` listens unless it is told otherwise: this machine only.
pub const RUN_LISTENS_AT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9598);

impl Observe {
    /// The address to listen at, where one is wanted.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn address(&self, default: Option<SocketAddr>) -> Result<Option<SocketAddr>, String> {
        match self.listen.as_deref() {
            None => Ok(default),
            Some("off") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                format!(
                    "is `{text}`, which is no address with a port; write \"127.0.0.1:9598\", \"[::1]:9598\" or \"off\""
                )
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_a_switch_or_the_default() {
        let address = |text: &str| Observe { listen: Some(text.to_owned()) }.address(Some(RUN_LISTENS_AT));
        assert_eq!(Observe::default().address(Some(RUN_LISTENS_AT)), Ok(Some(RUN_LISTENS_AT)));
        assert_eq!(address("off"), Ok(None));
        assert_eq!(address("0.0.0.0:80").map(|a| a.map(|a| a.port())), Ok(Some(80)));
        assert!(address("localhost").unwrap_err().contains("no address"));
    }
}
