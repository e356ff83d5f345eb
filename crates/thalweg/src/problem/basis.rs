//! Orthonormal bases: the coordinate axes, or uniformly random ones from a seed.

use faer::Mat;

use crate::random::{Purpose, Stream};

/// An orthonormal basis of any dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The coordinate axes.
    Canonical,
    /// Uniform (Haar) on the orthogonal group. The same seed and dimension give the same basis, so
    /// give Σx and Σε different seeds unless they should share one.
    Random {
        /// Fixes the basis.
        seed: u64,
    },
}

impl Basis {
    /// The basis vectors as columns, d × d.
    pub fn matrix(self, d: usize) -> Mat<f64> {
        match self {
            Self::Canonical => Mat::identity(d, d),
            Self::Random { seed } => orthogonal(d, &mut Stream::new(seed, Purpose::Problem)),
        }
    }
}

/// The next Haar orthogonal matrix of a stream: Q of a Gaussian matrix's QR, signs fixed by R.
pub(super) fn orthogonal(d: usize, stream: &mut Stream) -> Mat<f64> {
    let gaussian = Mat::from_fn(d, d, |_, _| stream.normal());
    let qr = gaussian.qr();
    let (q, r) = (qr.compute_Q(), qr.R());
    Mat::from_fn(d, d, |i, j| {
        if r[(j, j)] < 0.0 {
            -q[(i, j)]
        } else {
            q[(i, j)]
        }
    })
}
