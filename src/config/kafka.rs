//! The section `[kafka]`: topics that `causeway run` follows.

use super::section::{choice, section};
use super::units::Size;
use std::path::PathBuf;

choice! {
    /// What is done where messages are lost.
    pub enum OnLoss {
        /// The partition stalls until somebody decides.
        Hold = "hold",
        /// The loss is logged and noted in the manifest, and reading goes on behind it.
        Skip = "skip",
    }
}

choice! {
    /// How the connection to the brokers is secured.
    pub enum SecurityProtocol {
        /// Not at all.
        Plaintext = "plaintext",
        /// TLS.
        Tls = "tls",
        /// Login without TLS: passwords can be read on the way.
        SaslPlaintext = "sasl_plaintext",
        /// Login over TLS.
        SaslTls = "sasl_tls",
    }
}

choice! {
    /// How we log in.
    pub enum Sasl {
        /// Name and password as they are.
        Plain = "plain",
        /// Name and password by SCRAM with SHA-256.
        ScramSha256 = "scram-sha-256",
        /// Name and password by SCRAM with SHA-512.
        ScramSha512 = "scram-sha-512",
        /// A token, from a file or from the token endpoint of an identity provider.
        Oauthbearer = "oauthbearer",
    }
}

section! {
    /// Topics as input, for `causeway run`. Offsets come from the tables' own manifest; the group only shows how far we are.
    pub struct Kafka {
        /// Where to find the brokers: host:port, separated by commas.
        brokers: String = "localhost:9092".to_owned(),
        /// Topics of audit events. One that begins with ^ is a regular expression for the whole name. A group `cluster` in it says
        /// where the name has the cluster: by `^audit[.](?<cluster>.+)` the events of `audit.prod` are those of the cluster `prod`.
        /// Topics that name no cluster hold events of `stream.cluster`. One run takes as many clusters as there are, each with an
        /// order, contexts and tables of its own.
        topics: Vec<String> = vec!["audit".to_owned()],
        /// Header of a message that names its cluster, where clusters share a topic. One without it is of `stream.cluster`; in a
        /// topic whose name says the cluster, headers are not looked at.
        cluster_header: Option<String> = None,
        /// The clusters that are taken, beside `stream.cluster`; empty: all. Topics of others are not read, and messages of others
        /// in shared topics are counted in `filtered` by the rule `cluster`.
        clusters: Vec<String> = Vec::new(),
        /// Where a partition is begun that no commit knows: `earliest`, `latest`, or a time, `2026-03-01T08:30:00Z`.
        start: String = "earliest".to_owned(),
        /// What is done where messages are lost: removed by retention before they were read, or the topic was made anew.
        on_loss: OnLoss = OnLoss::Hold,
        /// Group under whose name offsets are committed after each commit of the tables, for lag monitors. Nothing is read from
        /// it. Without it: `causeway-` and the name of the cluster.
        group: Option<String> = None,
        /// Messages of one partition that are held before they are read. A soft bound: two to four times of it are possible.
        prefetch: Size = Size::from_mib(8),
        /// How the connection is secured. Certificates and host names are always checked.
        security: SecurityProtocol = SecurityProtocol::Plaintext,
        /// How we log in, where `security` has a login.
        sasl: Option<Sasl> = None,
        /// Name to log in with.
        username: Option<String> = None,
        /// File that holds the password. The variable CAUSEWAY_KAFKA_PASSWORD wins over it.
        password_file: Option<PathBuf> = None,
        /// File that holds the token for `oauthbearer`. It is read again every few minutes. Or:
        token_file: Option<PathBuf> = None,
        /// Token endpoint for `oauthbearer`: https, unless it is on this machine. Asked by the grant for client credentials, and
        /// again before a token's time is over. Authorities of `ca_file` count for it as well.
        oauth_token_url: Option<String> = None,
        /// Our id there.
        oauth_client_id: Option<String> = None,
        /// File that holds our secret there. The variable CAUSEWAY_KAFKA_CLIENT_SECRET wins over it.
        oauth_client_secret_file: Option<PathBuf> = None,
        /// What we want to be allowed, where the provider asks for it.
        oauth_scope: Option<String> = None,
        /// Authorities that may sign the brokers' certificates, PEM. Without it: those of the system.
        ca_file: Option<PathBuf> = None,
        /// Our certificate, PEM, where brokers ask for one.
        certificate_file: Option<PathBuf> = None,
        /// The key of our certificate, PEM.
        key_file: Option<PathBuf> = None,
        /// File that holds the password of the key.
        key_password_file: Option<PathBuf> = None,
    }
}

section! {
    /// Output to a topic as well, for `causeway run`: the rows of `contexts` and `anomalies` as JSON, each once for consumers that read
    /// committed transactions. Brokers and login are those of `[kafka]`.
    pub struct Publish {
        /// The topic. Without it nothing is published.
        topic: Option<String> = None,
        /// Topic with one marker a commit, which says after a crash where to go on; make it compacted, with one partition.
        /// Without it: the name of the topic and `.commits`.
        markers: Option<String> = None,
        /// Transactional id. Of two programs with the same one the later ends the earlier. Without it: `causeway-` and the name of
        /// the cluster.
        id: Option<String> = None,
    }
}
