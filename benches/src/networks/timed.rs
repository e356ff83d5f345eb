//! What can be timed.

use serde_json::Value;

pub type Failure = Box<dyn std::error::Error>;

/// Something to call many times.
pub trait Work {
    /// What is done, under the same name in all programs.
    fn name(&self) -> &str;

    /// How it is done.
    fn variant(&self) -> &'static str;

    /// Goes back to the start.
    fn restart(&mut self) {}

    /// Does it `calls` times.
    fn repeat(&mut self, calls: usize) -> Result<(), Failure>;

    /// Numbers that must be the same in all programs, from the start; or the effort that accuracy takes.
    fn values(&mut self) -> Result<Value, Failure>;
}
