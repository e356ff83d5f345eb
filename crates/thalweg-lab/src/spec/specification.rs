//! What every kind of specification offers to those that store and compare it.

use super::error::Fault;
use super::field::Field;
use super::node::Node;

/// What a file specifies: read into checked types, and written back with every default spelled out.
pub trait Specification: Sized + PartialEq {
    /// The table that a file of this kind has and no other: tells kinds apart.
    const TABLE: &'static str;

    /// What the whole file `root` says.
    fn read(root: &Field<'_>) -> Result<Self, Fault>;

    /// How losses are counted in every number that comes out, in one line.
    fn loss_convention(&self) -> &'static str;

    /// The resolved form: a tree of tables, lists, finite numbers and texts that reads back as the same
    /// value, to the last bit of every number.
    fn to_node(&self) -> Node;

    /// What was mended in matrices that [`Specification::to_node`] writes as mended, in sentences.
    fn mended(&self) -> Vec<String> {
        Vec::new()
    }
}
