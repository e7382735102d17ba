//! A real broker for tests, topics, producers, and the program beside them.
#![allow(dead_code)]

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A broker of our own. It ends with the test process, however that ends.
pub struct Broker {
    folder: PathBuf,
    port: u16,
    nodes: u16,
}

/// The broker that the tests of one file share; `None` where there is no Java or no Maven.
pub fn shared() -> Option<&'static Broker> {
    static BROKER: OnceLock<Option<Broker>> = OnceLock::new();
    BROKER.get_or_init(Broker::start).as_ref()
}

/// Whether a broker can be started here; says why not.
pub fn can_run() -> bool {
    for program in ["java", "mvn"] {
        let found = Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            eprintln!("skipped: {program} is not installed, so there is no broker to test against");
            return false;
        }
    }
    true
}

impl Broker {
    /// Starts one; `None`, with a word why, where there is no Java or no Maven.
    pub fn start() -> Option<Broker> {
        Broker::start_with(&[], |_| String::new())
    }

    /// Starts one with arguments for `start`, and with further lines for its settings, which may depend on its port.
    pub fn start_with(more: &[&str], settings: impl FnOnce(u16) -> String) -> Option<Broker> {
        if !can_run() {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("kafka-").tempdir().unwrap().keep();
        let nodes = more.first().map_or(1, |nodes| nodes.parse().unwrap());
        let broker = Broker { folder, port: neighbouring_ports(2 * nodes), nodes };
        std::fs::write(broker.folder.join("settings"), settings(broker.port)).unwrap();
        broker.script(&[&["start"], more].concat());
        // Whoever ends this process, the broker does not stay behind.
        let reaper = format!(
            "while kill -0 {} 2>/dev/null; do sleep 0.5; done; '{}' wipe; rm -rf '{}'",
            std::process::id(),
            script().display(),
            broker.folder.display()
        );
        let forked = broker.with_environment(Command::new("setsid").args(["--fork", "sh", "-c", &reaper])).status();
        assert!(forked.unwrap().success());
        Some(broker)
    }

    fn with_environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("KAFKA_DIR", self.folder.join("data")).env("KAFKA_PORT", self.port.to_string());
        command.env("KAFKA_CONF", self.folder.join("settings"));
        command.stdin(Stdio::null()).stdout(Stdio::null())
    }

    /// Runs `kafka/broker`.
    pub fn script(&self, args: &[&str]) {
        let status = self.with_environment(Command::new(script()).args(args)).status().unwrap();
        assert!(status.success(), "kafka/broker {args:?} ended with {status}");
    }

    /// Where it listens, each node of it.
    pub fn address(&self) -> String {
        let nodes = (0..self.nodes).map(|node| format!("127.0.0.1:{}", self.port + 2 * node));
        nodes.collect::<Vec<_>>().join(",")
    }

    /// Settings of a client.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address()).set("reconnect.backoff.max.ms", "1000").set("log_level", "0");
        config
    }

    fn admin(&self) -> (AdminClient<DefaultClientContext>, AdminOptions) {
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
        (self.client().create().unwrap(), options)
    }

    /// Makes a topic.
    pub fn topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        self.topic_of(name, partitions, 1, settings);
    }

    /// Makes a topic with so many copies.
    pub fn topic_of(&self, name: &str, partitions: i32, copies: i32, settings: &[(&str, &str)]) {
        let (admin, options) = self.admin();
        let plain = NewTopic::new(name, partitions, TopicReplication::Fixed(copies));
        let topic = settings.iter().fold(plain, |topic, (key, value)| topic.set(key, value));
        // A topic that was deleted a moment ago may still be there, and one that the broker was too slow to tell of may be made.
        let mut unanswered = false;
        wait_for("the topic to be made", || match block(admin.create_topics([&topic], &options)) {
            Ok(made) => made.iter().all(|made| match made {
                Ok(_) => true,
                Err((_, code)) => unanswered && *code == RDKafkaErrorCode::TopicAlreadyExists,
            }),
            Err(_) => {
                unanswered = true;
                false
            }
        });
        let client: BaseConsumer = self.client().create().unwrap();
        wait_for("the topic to have leaders", || {
            client.fetch_metadata(Some(name), Duration::from_secs(5)).is_ok_and(|found| {
                found.topics()[0].partitions().iter().filter(|p| p.leader() >= 0).count() == partitions as usize
            })
        });
    }

    /// Deletes a topic.
    pub fn delete_topic(&self, name: &str) {
        let (admin, options) = self.admin();
        block(admin.delete_topics(&[name], &options)).unwrap();
    }

    /// Raises the number of partitions.
    pub fn add_partitions(&self, name: &str, total: usize) {
        let (admin, options) = self.admin();
        block(admin.create_partitions([&NewPartitions::new(name, total)], &options)).unwrap();
    }

    /// Removes what is before `offset`, as retention does.
    pub fn delete_records(&self, name: &str, partition: i32, offset: i64) {
        let (admin, options) = self.admin();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(name, partition, Offset::Offset(offset)).unwrap();
        block(admin.delete_records(&list, &options)).unwrap();
    }

    /// A producer.
    pub fn producer(&self, settings: &[(&str, &str)]) -> Sending {
        let mut config = self.client();
        config.set("acks", "all").set("enable.idempotence", "true").set("message.timeout.ms", "120000");
        config.set("compression.type", "zstd").set("linger.ms", "5").set("message.max.bytes", "20000000");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        Sending(config.create().unwrap())
    }

    /// Sends lines, the first to partition 0, the next to partition 1 and so on in turns, and waits until all are there.
    pub fn send_in_turns(&self, topic: &str, partitions: i32, lines: &[Vec<u8>]) {
        let producer = self.producer(&[]);
        for (number, line) in lines.iter().enumerate() {
            producer.send(topic, number as i32 % partitions, Some(line));
        }
        producer.flush();
    }

    /// Offset behind the last message of a partition.
    pub fn end(&self, topic: &str, partition: i32) -> i64 {
        let client: BaseConsumer = self.client().create().unwrap();
        client.fetch_watermarks(topic, partition, Duration::from_secs(20)).unwrap().1
    }

    /// Every message of a topic that a consumer of committed transactions sees.
    pub fn messages(&self, topic: &str, partitions: i32) -> Vec<Vec<u8>> {
        let mut config = self.client();
        config.set("group.id", "test").set("isolation.level", "read_committed").set("auto.offset.reset", "error");
        let client: BaseConsumer = config.create().unwrap();
        let mut messages = Vec::new();
        for partition in 0..partitions {
            let (_, end) = client.fetch_watermarks(topic, partition, Duration::from_secs(20)).unwrap();
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, partition, Offset::Offset(0)).unwrap();
            client.assign(&list).unwrap();
            let is_read = || {
                let at = client.position().unwrap().find_partition(topic, partition).unwrap().offset();
                end == 0 || matches!(at, Offset::Offset(at) if at >= end)
            };
            wait_for("all messages", || {
                while let Some(message) = client.poll(Duration::from_millis(200)) {
                    messages.push(message.unwrap().payload().unwrap_or_default().to_vec());
                }
                is_read()
            });
        }
        messages
    }

    /// The program beside this broker.
    pub fn run(&self, topic: &str, output: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(super::common::binary());
        command.args(["run", "--cluster", "test", "--brokers", &self.address(), "--topic", topic, "--output"]);
        // Several run at once here: no two may listen at the same port.
        command.arg(output).args(["--set", "observe.listen=off"]).args(more).stdin(Stdio::null());
        command
    }
}

/// Starts `count` processes that work as one, each with a log in the folder of `output`. One alone is started as ever.
pub fn start_processes(broker: &Broker, topic: &str, output: &Path, count: usize, more: &[&str]) -> Vec<Running> {
    let hosts: Vec<String> = (0..count).map(|_| format!("127.0.0.1:{}\n", free_ports())).collect();
    std::fs::write(output.with_extension("hosts"), hosts.concat()).unwrap();
    let processes = (0..count).map(|process| {
        let log = output.with_file_name(format!("log-{process}"));
        Running::start(process_of(broker, topic, output, (count, process), more), &log)
    });
    processes.collect()
}

/// One process of a run whose host file is there.
pub fn process_of(
    broker: &Broker,
    topic: &str,
    output: &Path,
    (count, process): (usize, usize),
    more: &[&str],
) -> Command {
    let mut command = broker.run(topic, output, more);
    command.args(["--processes", &count.to_string(), "--process", &process.to_string(), "--hostfile"]);
    command.arg(output.with_extension("hosts"));
    command
}

/// A producer.
pub struct Sending(pub ThreadedProducer<DefaultProducerContext>);

impl Sending {
    /// Sends a message; without a value it is a tombstone.
    pub fn send(&self, topic: &str, partition: i32, value: Option<&[u8]>) {
        self.send_of(topic, partition, value, None);
    }

    /// The same with the name of a cluster in the header `cluster`.
    pub fn send_of(&self, topic: &str, partition: i32, value: Option<&[u8]>, cluster: Option<&str>) {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).key(b"key");
        if let Some(value) = value {
            record = record.payload(value);
        }
        if cluster.is_some() {
            let headers = OwnedHeaders::new().insert(Header { key: "shipper", value: Some("x") });
            record = record.headers(headers.insert(Header { key: "cluster", value: cluster }));
        }
        loop {
            match self.0.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => panic!("cannot send: {error}"),
            }
        }
    }

    /// Waits until everything is there.
    pub fn flush(&self) {
        self.0.flush(Duration::from_secs(120)).unwrap();
    }
}

/// The program while it runs.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a command whose log goes to a file.
    pub fn start(mut command: Command, log: &Path) -> Running {
        let file = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.stdout(Stdio::null()).stderr(file);
        Running { child: command.spawn().unwrap(), log: log.to_owned() }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has logged `words`.
    pub fn wait_for_log(&mut self, words: &str) {
        let log = self.log.clone();
        self.wait_until(words, || std::fs::read_to_string(&log).unwrap().contains(words));
    }

    /// Waits until something is so that it is to bring about.
    pub fn wait_until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?} before this: {what}\n{}", self.log());
            assert!(begun.elapsed() < PATIENCE, "waited in vain for this: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it as an operating system does that is out of patience.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and gives its exit code.
    pub fn stop(mut self) -> i32 {
        self.ask_to_stop();
        self.end()
    }

    /// Asks it to end.
    pub fn ask_to_stop(&mut self) {
        let id = self.child.id().to_string();
        // A process that has only just started does not listen yet, and would simply die of it.
        self.wait_until("it listens to signals", || listens_to_sigterm(&id));
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Asks it to end, unless another process has told it so already.
    pub fn ask_to_stop_too(&mut self) {
        let id = self.child.id().to_string();
        while self.is_alive() && !listens_to_sigterm(&id) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if self.is_alive() {
            // It may end just now.
            let _ = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
        }
    }

    /// Waits until it ends, and gives its exit code.
    pub fn end(&mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whether a process has a handler for SIGTERM. Where that cannot be told, it is believed.
fn listens_to_sigterm(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask >> 14 & 1 == 1)
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program says of itself at `path`: status and body.
pub fn ask(port: u16, path: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Waits until something is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/broker")
}

/// The first of two neighbouring ports that nobody has.
pub fn free_ports() -> u16 {
    neighbouring_ports(2)
}

/// The first of so many neighbouring ports that nobody has.
fn neighbouring_ports(count: u16) -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let all: Vec<_> =
            (port..port.saturating_add(count)).map(|port| TcpListener::bind(("127.0.0.1", port))).collect();
        if all.len() == count as usize && all.iter().all(Result::is_ok) {
            return port;
        }
    }
}

/// Waits for a future; rdkafka drives it in a thread of its own.
fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
