use super::*;
use std::net::Ipv4Addr;

/// Two processes with free ports, and what the first one says of itself.
fn pair() -> (Vec<Membership>, Hello) {
    let ports = [0, 0].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let addresses: Vec<String> = ports.iter().map(|port| port.local_addr().unwrap().to_string()).collect();
    let members = (0..2).map(|process| Membership { process, addresses: addresses.clone() }).collect();
    let hello = Hello { version: "1".to_owned(), processes: 2, process: 0, workers: 3, settings: 7, commit: 11 };
    (members, hello)
}

fn both(members: &[Membership], hellos: [&Hello; 2]) -> [Result<Option<Met>, ProcessesError>; 2] {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| meet(&members[1], hellos[1], &stop));
        let first = meet(&members[0], hellos[0], &stop);
        [first, second.join().unwrap()]
    })
}

#[test]
fn two_processes_meet_and_the_bytes_after_it_are_timelys() {
    let (members, first) = pair();
    let second = Hello { process: 1, commit: 0, ..first.clone() };
    let [a, b] = both(&members, [&first, &second]).map(|met| met.unwrap().unwrap());
    assert_eq!(b.first, first, "the second one learns what the first one knows");
    let mut sockets = [a, b].map(|met| met.sockets.into_iter().flatten().next().unwrap());
    sockets[0].write_all(b"hello").unwrap();
    let mut heard = [0; 5];
    sockets[1].read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
}

#[test]
fn one_that_was_started_otherwise_is_told_on_both_sides() {
    let (members, first) = pair();
    let second = Hello { process: 1, workers: 2, ..first.clone() };
    let [a, b] = both(&members, [&first, &second]).map(|met| met.unwrap_err().to_string());
    assert!(a.contains("process 1") && a.contains("run.workers = 2, this one run.workers = 3"), "{a}");
    assert!(b.contains("process 0") && b.contains("run.workers = 3, this one run.workers = 2"), "{b}");
}

#[test]
fn strangers_are_sent_away() {
    let (members, first) = pair();
    let second = Hello { process: 1, ..first.clone() };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| meet(&members[0], &first, &stop));
        let mut stranger = loop {
            match TcpStream::connect(members[0].address(0)) {
                Ok(stream) => break stream,
                Err(_) => std::thread::sleep(TRY_AGAIN / 10),
            }
        };
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(stranger.read(&mut [0; 64]).unwrap_or(0), 0, "it is told nothing");
        assert!(meet(&members[1], &second, &stop).unwrap().is_some());
        assert!(leader.join().unwrap().unwrap().is_some());
    });
}

#[test]
fn told_to_stop_nobody_is_waited_for() {
    let (members, first) = pair();
    let stop = AtomicBool::new(true);
    assert!(meet(&members[0], &first, &stop).unwrap().is_none());
}
