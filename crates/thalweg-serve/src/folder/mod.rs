//! A folder's runs, sweeps and reports, read and never written.

mod inside;
mod list;
mod run;
mod sweep;

pub use inside::inside;
pub use list::{Entry, Kind, list, page_in};
pub use run::curves;
pub use sweep::Sweeps;
