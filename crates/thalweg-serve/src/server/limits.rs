//! How much is served at once: each bound, and why it is what it is.

use std::time::Duration;

/// Connections; one browser keeps about six.
pub const CONNECTIONS: usize = 512;

/// A connection ends after this long, whatever it does; an event stream is then taken up again by the browser.
pub const CONNECTION: Duration = Duration::from_secs(15 * 60);

/// For the lines of a request to come in.
pub const HEADERS: Duration = Duration::from_secs(20);

/// Bytes of a request's lines.
pub const REQUEST: usize = 16 << 10;

/// Bytes of an address.
pub const ADDRESS: usize = 2048;

/// Pictures of the valley computed at the same time; each takes some milliseconds on one thread.
pub const PICTURES: usize = 2;

/// For a picture's turn.
pub const PICTURE: Duration = Duration::from_secs(10);

/// Runs of SGD at the same time; each is of seconds on all cores.
pub const SIMULATIONS: usize = 8;

/// Frames that wait for their reader.
pub const FRAMES: usize = 4;

/// A reader that takes no frame for this long is gone.
pub const READER: Duration = Duration::from_secs(15);

/// Between two frames: as fast as an eye follows.
pub const FRAME: Duration = Duration::from_millis(30);

/// Looks into the folder at the same time.
pub const READS: usize = 2;

/// Bytes of a page from the folder.
pub const PAGE: u64 = 64 << 20;
