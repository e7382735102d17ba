//! A broker that wants to know who asks: PLAIN in every build; SCRAM, TLS, certificates and tokens in one with the feature `tls`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/kafka.rs"]
mod kafka;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD as STANDARD, BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use common::{rows, sample_lines, succeed, verify};
use kafka::{Broker, free_ports};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ports of the broker's further listeners.
struct Listeners {
    /// Name and password, without TLS.
    login: u16,
    /// Name and password over TLS.
    secure: u16,
    /// A certificate of the client.
    mutual: u16,
    /// A token, without TLS.
    token: u16,
}

/// What the broker is told beyond the usual.
fn settings(folder: &Path, port: u16, listeners: &Listeners) -> String {
    let Listeners { login, secure, mutual, token } = listeners;
    let mut lines = vec![
        format!(
            "listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{},LOGIN://localhost:{login},SECURE://localhost:{secure},MUTUAL://localhost:{mutual},TOKEN://localhost:{token}",
            port + 1
        ),
        "listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL,TOKEN:SASL_PLAINTEXT".to_owned(),
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512".to_owned(),
        "listener.name.token.sasl.enabled.mechanisms=OAUTHBEARER".to_owned(),
        // Tokens that nobody has signed: a broker for tests only.
        "listener.name.token.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;".to_owned(),
        format!("ssl.keystore.location={}", folder.join("broker.p12").display()),
        "ssl.keystore.type=PKCS12".to_owned(),
        "ssl.keystore.password=changeit".to_owned(),
        format!("ssl.truststore.location={}", folder.join("client.pem").display()),
        "ssl.truststore.type=PEM".to_owned(),
        "listener.name.mutual.ssl.client.auth=required".to_owned(),
    ];
    for listener in ["login", "secure"] {
        lines.push(format!(
            "listener.name.{listener}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_reader=\"right\";"
        ));
        lines.push(format!(
            "listener.name.{listener}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ));
    }
    lines.join("\n")
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A key with a certificate that it signs itself: `NAME.p12` and `NAME.pem`.
fn certificate(folder: &Path, name: &str) -> PathBuf {
    let (store, pem) = (folder.join(format!("{name}.p12")), folder.join(format!("{name}.pem")));
    let keytool = |args: &[&str]| {
        let mut command = Command::new("keytool");
        run(command
            .args(args)
            .args(["-alias", name, "-storetype", "PKCS12", "-storepass", "changeit", "-keystore"])
            .arg(&store))
    };
    let dname = format!("CN={name}");
    keytool(&[
        "-genkeypair",
        "-keyalg",
        "RSA",
        "-keysize",
        "2048",
        "-dname",
        &dname,
        "-validity",
        "30",
        "-ext",
        "san=dns:localhost",
        "-ext",
        "bc=ca:true",
    ]);
    std::fs::write(&pem, keytool(&["-exportcert", "-rfc"]).stdout).unwrap();
    pem
}

#[test]
fn a_broker_that_wants_a_login_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let (login, secure, mutual, token) = (free_ports(), free_ports(), free_ports(), free_ports());
    let listeners = Listeners { login, secure, mutual, token };
    if !kafka::can_run() {
        return;
    }
    let (authority, client) = (certificate(folder.path(), "broker"), certificate(folder.path(), "client"));
    let Some(broker) = Broker::start_with(&[], |port| settings(folder.path(), port, &listeners)) else { return };
    broker.script(&[
        "tool",
        "kafka.admin.ConfigCommand",
        "--bootstrap-server",
        &broker.address(),
        "--alter",
        "--entity-type",
        "users",
        "--entity-name",
        "reader",
        "--add-config",
        "SCRAM-SHA-512=[password=right]",
    ]);
    broker.topic("audit", 1, &[]);
    broker.send_in_turns("audit", 1, &sample_lines());

    let read = |name: &str, port: u16, password: &str, keys: &[String]| {
        let output = folder.path().join(name);
        let mut command = broker.run("audit", &output, &["--until-end"]);
        command.args(["--set", &format!("kafka.brokers=localhost:{port}")]).env("CAUSEWAY_KAFKA_PASSWORD", password);
        keys.iter().for_each(|key| _ = command.args(["--set", key]));
        (command, output)
    };
    let all_rows = |(command, output): (Command, PathBuf)| {
        succeed(command);
        verify(&output);
        assert!(rows(&output, &[])["events"].len() > 100);
    };
    let told = |(mut command, _): (Command, PathBuf)| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let keys = |security: &str, sasl: Option<&str>| {
        let mut keys = vec![format!("kafka.security={security}"), "kafka.username=reader".to_owned()];
        keys.extend(sasl.map(|sasl| format!("kafka.sasl={sasl}")));
        keys
    };

    all_rows(read("plain", listeners.login, "right", &keys("sasl_plaintext", Some("plain"))));
    let said = told(read("plain-wrong", listeners.login, "wrong", &keys("sasl_plaintext", Some("plain"))));
    assert!(said.contains("Authentication failed") && said.contains("kafka.brokers"), "{said}");

    let scram = keys("sasl_plaintext", Some("scram-sha-512"));
    let ca = |file: &Path| format!("kafka.ca_file={}", file.display());
    let over_tls = |file: &Path| [keys("sasl_tls", Some("scram-sha-512")), vec![ca(file)]].concat();
    if !cfg!(feature = "tls") {
        let said = told(read("scram", listeners.login, "right", &scram));
        assert!(said.contains("built without TLS") && said.contains("--features tls"), "{said}");
        return;
    }
    all_rows(read("scram", listeners.login, "right", &scram));
    all_rows(read("tls", listeners.secure, "right", &over_tls(&authority)));
    // Whoever signed it is not trusted; a broker's certificate is looked at unless somebody says otherwise.
    let said = told(read("tls-wrong", listeners.secure, "right", &over_tls(&client)));
    assert!(said.contains("certificate verify failed"), "{said}");

    let mut mutual = keys("tls", None);
    mutual.push(ca(&authority));
    let said = told(read("mutual-without", listeners.mutual, "", &mutual));
    assert!(said.contains("no broker at localhost:"), "{said}");
    let pem = folder.path().join("client-key.pem");
    let mut openssl = Command::new("openssl");
    openssl
        .args(["pkcs12", "-nodes", "-nocerts", "-passin", "pass:changeit", "-in"])
        .arg(folder.path().join("client.p12"));
    std::fs::write(&pem, run(&mut openssl).stdout).unwrap();
    mutual.push(format!("kafka.certificate_file={}", client.display()));
    mutual.push(format!("kafka.key_file={}", pem.display()));
    all_rows(read("mutual", listeners.mutual, "", &mutual));

    // A token of a file, and one of a provider that knows us by our secret.
    let token_file = folder.path().join("token.jwt");
    std::fs::write(&token_file, unsigned_token("reader")).unwrap();
    let bearer = keys("sasl_plaintext", Some("oauthbearer"));
    let with = |more: &[String]| [bearer.clone(), more.to_vec()].concat();
    all_rows(read("token", listeners.token, "", &with(&[format!("kafka.token_file={}", token_file.display())])));
    let (url, asked) = provider("us", "a secret");
    let endpoint = with(&[
        format!("kafka.oauth_token_url={url}"),
        "kafka.oauth_client_id=us".to_owned(),
        "kafka.oauth_scope=kafka".to_owned(),
        "publish.topic=told".to_owned(),
    ]);
    let secret = |(mut command, output): (Command, PathBuf), secret: &str| {
        command.env("CAUSEWAY_KAFKA_CLIENT_SECRET", secret);
        (command, output)
    };
    broker.topic("told", 1, &[]);
    broker.topic("told.commits", 1, &[]);
    all_rows(secret(read("provider", listeners.token, "", &endpoint), "a secret"));
    assert!(broker.messages("told", 1).len() > 10, "the producer logs in as well");
    assert!(asked.load(Ordering::Relaxed) >= 2);
    let said = told(secret(read("provider-wrong", listeners.token, "", &endpoint), "another secret"));
    assert!(said.contains("kafka.oauth_token_url") && said.contains("401"), "{said}");
    assert!(!said.contains("another secret"), "{said}");
}

/// A token as an identity provider would give it, but for the signature.
fn unsigned_token(subject: &str) -> String {
    let now = jiff::Timestamp::now().as_second();
    let claims = format!(r#"{{"sub":"{subject}","iat":{now},"exp":{}}}"#, now + 600);
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims))
}

/// A token endpoint that knows one client. Its URL, and how often it gave a token.
fn provider(client: &str, secret: &str) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let right = format!("authorization: basic {}", STANDARD.encode(format!("{client}:{secret}")).to_lowercase());
    let given = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&given);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut request, mut part) = (String::new(), [0; 4096]);
            while !request.contains("grant_type=client_credentials&scope=kafka") {
                match stream.read(&mut part) {
                    Ok(length) if length > 0 => request.push_str(&String::from_utf8_lossy(&part[..length])),
                    _ => break,
                }
            }
            let (status, body) = match request.to_lowercase().contains(&right) {
                true => {
                    count.fetch_add(1, Ordering::Relaxed);
                    let token = unsigned_token("reader");
                    ("200 OK", format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":60}}"#))
                }
                false => ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned()),
            };
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    (url, given)
}
