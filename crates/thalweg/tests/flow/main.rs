//! The flows against references, against what is known of them exactly, and against SGD.
#![allow(clippy::unwrap_used, missing_docs)]

mod by_hand;
mod descent;
mod forces;
