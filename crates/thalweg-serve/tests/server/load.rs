//! Many clients, slow ones, ones that go, and ones that send anything.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::serve;

/// Runs of SGD that are served at the same time.
const RUNS: usize = 8;
const LONG: &str = "/api/valley/watch/0?steps=20000000";

#[test]
fn a_hundred_clients_are_answered_beside_slow_ones() {
    let server = serve();
    // One says half a request, one takes nothing of what it asked for.
    let mut half = server.connect();
    half.write_all(b"GET / HTTP/1.1\r\nHos").unwrap();
    let (_, idle) = server.watch(LONG, "");
    let since = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..100)
            .map(|i| {
                let server = &server;
                scope.spawn(move || server.get(&format!("/api/valley/picture?batch={}", i + 1)))
            })
            .collect();
        for client in clients {
            let reply = client.join().unwrap();
            assert_eq!(reply.status, 200);
            assert!(reply.json()["prediction"]["sharpness"].is_number());
        }
    });
    eprintln!("100 pictures for 100 clients: {:?}", since.elapsed());
    drop((half, idle));
}

/// Those beyond the bound are told so, and a reader that goes frees its place.
#[test]
fn runs_are_bounded_and_stop_with_their_readers() {
    let server = serve();
    let streams: Vec<_> = (0..RUNS).map(|_| server.watch(LONG, "")).collect();
    assert!(streams.iter().all(|(status, _)| *status == 200));
    let refused = server.get(LONG);
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("2"))
    );
    assert!(
        refused.json()["error"]
            .as_str()
            .unwrap()
            .starts_with("8 runs of SGD")
    );
    // Pictures are still made.
    assert_eq!(server.get("/api/valley/picture").status, 200);
    drop(streams);
    let since = Instant::now();
    while server.watch(LONG, "").0 != 200 {
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "no place is free again"
        );
        thread::sleep(Duration::from_millis(20));
    }
    eprintln!("a place was free after {:?}", since.elapsed());
}

/// A slider held down: whoever goes before the turn comes has it not computed.
#[test]
fn requests_that_were_given_up_leave_no_work_behind() {
    let server = serve();
    for i in 0..300 {
        let mut stream = server.connect();
        let angle = 10.0 + f64::from(i) / 10.0;
        let request = format!(
            "GET /api/valley/picture?angle={angle}&depth=5 HTTP/1.1\r\nHost: {}\r\n\r\n",
            server.address
        );
        stream.write_all(request.as_bytes()).unwrap();
    }
    let since = Instant::now();
    assert_eq!(server.get("/api/valley/picture").status, 200);
    let waited = since.elapsed();
    eprintln!("after 300 requests that were given up: {waited:?}");
    // All of them would take half a minute.
    assert!(waited < Duration::from_secs(8), "{waited:?}");
}

/// Numbers that only their number decides (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % bound as u64) as usize
    }

    fn of<'a>(&mut self, things: &[&'a str]) -> &'a str {
        things[self.below(things.len())]
    }
}

/// A request that is right, with one to four of its bytes or parts exchanged.
fn damaged(dice: &mut Dice, address: &str) -> Vec<u8> {
    let path = dice.of(&[
        "/",
        "/page/style.css",
        "/api/valley/fields",
        "/api/valley/picture?",
        "/api/valley/experiment.toml?",
        "/api/valley/watch/240?steps=10000",
        "/api/valley/watch/",
        "/nowhere",
    ]);
    let mut query = String::new();
    for _ in 0..dice.below(4) {
        query += dice.of(&[
            "angle",
            "anisotropy",
            "depth",
            "batch",
            "steps",
            "%41",
            "&",
            "sam",
        ]);
        query += dice.of(&["=", "==", "", "&"]);
        query += dice.of(&[
            "1",
            "1e308",
            "-0",
            "NaN",
            "2.5",
            "0x10",
            "",
            "ü",
            "1e-4",
            "999999999999999999999",
        ]);
        query += "&";
    }
    let line = dice.of(&[
        "",
        "Cookie: thalweg-token=\r\n",
        "Range: bytes=0-1\r\n",
        "Last-Event-ID: 18446744073709551615\r\n",
        "Expect: 100-continue\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\n",
    ]);
    let mut bytes =
        format!("GET {path}{query} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{line}\r\n")
            .into_bytes();
    for _ in 0..dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(3) {
            0 => bytes[at] = dice.below(256) as u8,
            1 => bytes.truncate(at.max(1)),
            _ => bytes.insert(at, dice.below(256) as u8),
        }
    }
    bytes
}

#[test]
fn whatever_is_sent_the_server_stays() {
    let server = serve();
    let address = server.address.to_string();
    let mut dice = Dice(13);
    let mut replies = [0; 6];
    let since = Instant::now();
    let mut sent = 0;
    while sent < 1500 && since.elapsed() < Duration::from_secs(20) {
        let bytes = damaged(&mut dice, &address);
        sent += 1;
        if let Some(reply) = server.send_last(&bytes) {
            let shown = String::from_utf8_lossy(&bytes);
            // All places being taken for a moment is the one failure that may be the server's own.
            assert!(
                reply.status < 500 || reply.status == 503,
                "{} for {shown:?}",
                reply.status
            );
            replies[usize::from(reply.status / 100)] += 1;
        }
    }
    eprintln!("{sent} requests; replies by hundreds: {replies:?}");
    assert!(replies[2] > 50 && replies[4] > 50);
    let mut page = String::new();
    let mut stream = server.connect();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"));
}
