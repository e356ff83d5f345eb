//! A server in this process, and a client that says each byte itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use thalweg_serve::{Options, Server};

/// A server that lives as long as the value.
pub struct Served {
    pub address: SocketAddr,
    pub url: String,
    _running: thalweg_serve::Running,
}

/// At a free port of this machine.
pub fn serve() -> Served {
    serve_at(None)
}

/// At a free port of `host`.
pub fn serve_at(host: Option<&str>) -> Served {
    serve_with(Options {
        host: host.map(str::to_owned),
        port: 0,
        folder: None,
    })
}

/// At a free port of this machine, with the runs of `folder`.
pub fn serve_folder(folder: &Path) -> Served {
    serve_with(Options {
        host: None,
        port: 0,
        folder: Some(folder.to_owned()),
    })
}

fn serve_with(options: Options) -> Served {
    let server = Server::bind(&options).unwrap();
    let mut address = server.address();
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    Served {
        address,
        url: server.url(),
        _running: server.start().unwrap(),
    }
}

/// A reply as it came.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    fn new(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        Some(Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    /// A line of the head.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Served {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
    }

    /// What comes back for `bytes` until the server closes; nothing where that is no reply.
    pub fn send(&self, bytes: &[u8]) -> Option<Reply> {
        self.exchange(bytes, false)
    }

    /// The same of a client that says at once that nothing more will come: the server need not wait for more, nor go on with what takes long.
    pub fn send_last(&self, bytes: &[u8]) -> Option<Reply> {
        self.exchange(bytes, true)
    }

    fn exchange(&self, bytes: &[u8], last: bool) -> Option<Reply> {
        let mut stream = self.connect();
        // The server may have closed already.
        let _ = stream.write_all(bytes);
        if last {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply);
        Reply::new(&reply)
    }

    /// One request of this method, with `lines` in its head.
    pub fn ask(&self, method: &str, path: &str, lines: &str) -> Reply {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}\r\n",
            self.address
        );
        self.send(request.as_bytes()).unwrap()
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "")
    }

    /// A stream of events, its head read.
    pub fn watch(&self, path: &str, lines: &str) -> (u16, TcpStream) {
        let mut stream = self.connect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{lines}\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        let status = String::from_utf8_lossy(&head[9..]).parse().unwrap();
        (status, stream)
    }
}
