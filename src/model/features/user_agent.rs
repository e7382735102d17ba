//! A user agent taken apart: `kubectl/v1.34.4 (linux/amd64) kubernetes/abc1234` and its relatives.

/// The parts that are features.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAgent<'a> {
    /// `kubectl`.
    pub tool: &'a str,
    /// `v1.34.4`.
    pub version: &'a str,
    /// What stands behind the build's hash: `leader-election` or a controller's name.
    pub extra: &'a str,
}

impl<'a> UserAgent<'a> {
    /// Takes a user agent apart; parts that are not there are empty.
    pub fn of(text: &'a str) -> UserAgent<'a> {
        let mut words = text.split(' ');
        let (tool, version) = words.next().unwrap_or_default().split_once('/').unwrap_or((text, ""));
        let build = words.nth(1).unwrap_or_default();
        let extra = build.splitn(3, '/').nth(2).unwrap_or_default();
        UserAgent { tool, version, extra }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_come_apart() {
        let agent = UserAgent::of("kube-controller-manager/v1.34.4 (linux/amd64) kubernetes/8f1c2b7/leader-election");
        assert_eq!(agent, UserAgent { tool: "kube-controller-manager", version: "v1.34.4", extra: "leader-election" });
        assert_eq!(UserAgent::of("curl/8.5.0"), UserAgent { tool: "curl", version: "8.5.0", extra: "" });
        assert_eq!(UserAgent::of("Mozilla").tool, "Mozilla");
        assert_eq!(UserAgent::of(""), UserAgent::default());
    }
}
