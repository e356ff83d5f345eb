//! The listening socket, and one connection after the other.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::access::Access;
use super::{Shared, limits, router};

/// Threads that read requests and write replies; what is computed runs elsewhere.
const THREADS: usize = 2;

/// Where and what to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name or address to listen at; without one, this machine alone.
    pub host: Option<String>,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// Whose runs are shown; without one the valley alone.
    pub folder: Option<PathBuf>,
}

/// The server cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no such name.
    #[error(
        "the host `{host}` is not known here: give a name or an address of this machine, such as 0.0.0.0 for all of them"
    )]
    Host {
        /// As it was given.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// There is no such folder.
    #[error("{} is no folder: give one that holds runs, sweeps or reproductions", folder.display())]
    Folder {
        /// As it was given.
        folder: PathBuf,
    },
    /// The folder cannot be looked into.
    #[error("{} cannot be looked into: {source}", folder.display())]
    Unreadable {
        /// As it was given.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody may listen there.
    #[error(
        "port {port} of {host} cannot be listened at; --port 0 takes any that is free, and --host must be an address of this machine"
    )]
    Listen {
        /// As it was given.
        host: String,
        /// As it was given.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no threads or no randomness.
    #[error("the server could not be started")]
    System(#[source] io::Error),
}

/// A server that has its port, and waits for [`Server::run`].
///
/// ```
/// use thalweg_serve::{Options, Server};
///
/// let server = Server::bind(&Options { host: None, port: 0, folder: None })?;
/// assert!(server.url().starts_with("http://127.0.0.1:") && server.is_for_this_machine_alone());
/// # Ok::<(), thalweg_serve::ServeError>(())
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    /// An address at which it can be reached, from elsewhere if that can be.
    reached_at: IpAddr,
    host: String,
    token: Option<String>,
    folder: Option<PathBuf>,
}

impl Server {
    /// Takes the port. Beyond this machine a token is made, which is part of [`Server::url`].
    ///
    /// # Errors
    /// When the host is not known, the port is taken, or the system gives no randomness for a token.
    pub fn bind(options: &Options) -> Result<Self, ServeError> {
        if let Some(folder) = options.folder.as_ref().filter(|folder| !folder.is_dir()) {
            let folder = folder.clone();
            return Err(ServeError::Folder { folder });
        }
        if let Some(folder) = &options.folder {
            std::fs::read_dir(folder).map_err(|source| ServeError::Unreadable {
                folder: folder.clone(),
                source,
            })?;
        }
        let here = Ipv4Addr::LOCALHOST.to_string();
        let host = options.host.clone().unwrap_or(here);
        let unknown = |source| ServeError::Host {
            host: host.clone(),
            source,
        };
        let mut addresses = (host.as_str(), options.port)
            .to_socket_addrs()
            .map_err(unknown)?;
        let nothing = || unknown(io::Error::from(io::ErrorKind::NotFound));
        let address = addresses.next().ok_or_else(nothing)?;
        let listener = TcpListener::bind(address).map_err(|source| ServeError::Listen {
            host: host.clone(),
            port: options.port,
            source,
        })?;
        listener.set_nonblocking(true).map_err(ServeError::System)?;
        let address = listener.local_addr().map_err(ServeError::System)?;
        let token = (!address.ip().is_loopback()).then(token).transpose()?;
        Ok(Self {
            listener,
            address,
            reached_at: reached_at(address.ip()),
            host,
            token,
            folder: options.folder.clone(),
        })
    }

    /// What to open in a browser: from another machine too, unless [`Server::is_for_this_machine_alone`].
    pub fn url(&self) -> String {
        let port = self.address.port();
        let host = match self.reached_at {
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) if self.address.ip().is_unspecified() => ip.to_string(),
            IpAddr::V4(_) => self.host.clone(),
        };
        let token = self.token.as_ref();
        let token = token.map_or(String::new(), |token| format!("?token={token}"));
        format!("http://{host}:{port}/{token}")
    }

    /// Whether no other machine can open [`Server::url`]: by choice, or since no address was found that leads out of this one.
    pub fn is_for_this_machine_alone(&self) -> bool {
        self.reached_at.is_loopback()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn run(self) -> Result<(), ServeError> {
        let running = self.start()?;
        running.runtime.block_on(std::future::pending::<()>());
        Ok(())
    }

    /// Serves on threads of its own for as long as the returned value lives.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn start(self) -> Result<Running, ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .map_err(ServeError::System)?;
        let app = router(Shared {
            access: Arc::new(Access::new(self.host, self.token)),
            pictures: Arc::new(Semaphore::new(limits::PICTURES)),
            simulations: Arc::new(Semaphore::new(limits::SIMULATIONS)),
            folder: self.folder.map(Into::into),
            reads: Arc::new(Semaphore::new(limits::READS)),
            sweeps: Arc::default(),
        });
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(self.listener).map_err(ServeError::System)?
        };
        runtime.spawn(accept(listener, app));
        Ok(Running { runtime })
    }
}

/// A server at work; it ends with the value.
#[derive(Debug)]
pub struct Running {
    runtime: Runtime,
}

/// One connection after the other; those beyond the bound are closed at once.
async fn accept(listener: tokio::net::TcpListener, app: Router) {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, for one: others will close theirs.
            sleep(limits::FRAME).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits::HEADERS)
                .max_buf_size(limits::REQUEST)
                .serve_connection(TokioIo::new(stream), service);
            // How it ended is the other side's affair.
            let _ = timeout(limits::CONNECTION, connection).await;
            drop(place);
        });
    }
}

/// An address of this machine that others can use where it listens at all of its addresses: the one from which it would ask them. Where it
/// knows no way out, the one that leads from itself to itself.
fn reached_at(listening: IpAddr) -> IpAddr {
    if !listening.is_unspecified() {
        return listening;
    }
    // Addresses that are reserved for documents. To connect sends nothing: it chooses a way.
    let ways = [
        ("[::]:0", "[2001:db8::1]:9", listening.is_ipv6()),
        ("0.0.0.0:0", "192.0.2.1:9", true),
    ];
    let own = |(from, to, heard): (&str, &str, bool)| {
        let socket = heard.then(|| UdpSocket::bind(from).ok()).flatten()?;
        socket.connect(to).ok()?;
        let own = socket.local_addr().ok()?.ip();
        (!own.is_unspecified()).then_some(own)
    };
    let found = ways.into_iter().find_map(own);
    found.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// 128 random bits.
fn token() -> Result<String, ServeError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ServeError::System(io::Error::other(error.to_string())))?;
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
