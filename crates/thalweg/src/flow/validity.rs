//! Whether a prediction lies in the range of the theory, which is leading order in η.

/// How far from leading order a run at this η and B is, and what follows.
///
/// Two small parameters must be small. `stability` compares η with the edge of stability: the fluctuation in the
/// stiffest direction is 1/(1 − ηλ/2) times what the leading order says. `product_fluctuation` is
/// the leading-order E‖(W_D…W_1 − V)√Σx‖² = η F/(2B), relative to ‖V√Σx‖²: the drift is computed on
/// the manifold of minima, and this is how far off it SGD lives.
///
/// The second follows from linearised SGD. With ẽ = (W_D…W_1 − V)√Σx, one step is
/// ẽ ← ẽ − ηK(ẽ − ξ), ξ of covariance (I ⊗ Σε)/B, so in K's eigenbasis the stationary covariance is
/// η κ_iκ_j Ξ_ij/(κ_i + κ_j − ηκ_iκ_j), of trace (η/2) tr(K Ξ) = (η/2B) F to leading order.
///
/// The limits were set by measurement (D = 3, d = 2, Σx = I, V near I, B = 10): T of SGD, taken back to
/// the manifold, at the same slow time and different η. With √Σε = (1, .1) it was off by 0.1 %, 0.6 %,
/// 2 % and 4 % at a product fluctuation of 1, 3, 7 and 11 ·10⁻³ (ηλ_max/2 up to 0.1, 0.2, 0.4, 0.6); with
/// √Σε = (3, .1) by 0.2 %, 0.6 %, 2 % and 7 % at 1, 3, 9 and 28 ·10⁻³; with √Σε = (10, .1) by 4 % at
/// 10 ·10⁻³ and 10 % at 30 ·10⁻³.
#[derive(Clone, Debug, PartialEq)]
pub struct Validity {
    /// η λ_max/2, the largest along the snapshots.
    pub stability: f64,
    /// η λ_max/2 at the limit, where there is one.
    pub limit_stability: Option<f64>,
    /// η F/(2B ‖V√Σx‖²), the largest along the snapshots.
    pub product_fluctuation: f64,
    /// η F/(2B ‖V√Σx‖²) at the limit, where there is one.
    pub limit_product_fluctuation: Option<f64>,
    /// [`noise_misalignment`](crate::theory::noise_misalignment) for a path by symmetric generators, which
    /// leaves SGD's where noise and signal have different axes; 0 for the exact drift.
    pub misalignment: f64,
    /// One sentence for the user, if any of these is above its limit.
    pub warning: Option<String>,
}

/// ηλ_max/2 may be this large: T is then right to about a percent.
pub const MOST_STABILITY: f64 = 0.2;

/// The relative product fluctuation may be this large: T is then right to about a percent.
pub const MOST_PRODUCT_FLUCTUATION: f64 = 2e-3;

/// The misalignment may be this large: T of Theorem 1's minimum is then right to about a percent.
///
/// Set by measurement (D = d = 2, √Σε = (1, .2) turned against V = diag(1.5, .5)): there T of SGD and of
/// the exact drift is 2.4 %, 6.8 % and 10 % below it at misalignments of 0.16, 0.30 and 0.42.
pub const MOST_MISALIGNMENT: f64 = 0.1;

/// λ_max and F of one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) lambda_max: f64,
    pub(super) fluctuation: f64,
}

impl Validity {
    /// The report for a path and its limit, with ‖V√Σx‖ = `scale`.
    pub(super) fn new(
        learning_rate: f64,
        batch: usize,
        scale: f64,
        misalignment: f64,
        path: impl Iterator<Item = Size>,
        limit: Option<Size>,
    ) -> Self {
        let stability = |size: Size| learning_rate * size.lambda_max / 2.0;
        let spread =
            |size: Size| learning_rate * size.fluctuation / (2.0 * batch as f64 * scale * scale);
        let (path_stability, path_spread) = path.fold((0.0f64, 0.0f64), |(a, b), size| {
            (a.max(stability(size)), b.max(spread(size)))
        });
        let mut report = Self {
            stability: path_stability,
            limit_stability: limit.map(stability),
            product_fluctuation: path_spread,
            limit_product_fluctuation: limit.map(spread),
            misalignment,
            warning: None,
        };
        report.warning = report.sentence();
        report
    }

    /// Whether every number is within its limit, at the times asked for and at the predicted minimum.
    pub fn in_range(&self) -> bool {
        self.warning.is_none()
    }

    fn sentence(&self) -> Option<String> {
        let worst = |path: f64, limit: Option<f64>| match limit {
            Some(limit) if limit > path => (limit, "at the predicted minimum"),
            _ => (path, "on the way"),
        };
        let (stability, where_stability) = worst(self.stability, self.limit_stability);
        let (spread, where_spread) =
            worst(self.product_fluctuation, self.limit_product_fluctuation);
        let mut reasons = Vec::new();
        if stability > MOST_STABILITY {
            reasons.push(format!(
                "η λ_max/2 reaches {stability:.2} {where_stability} (at most {MOST_STABILITY} is in range)"
            ));
        }
        if spread > MOST_PRODUCT_FLUCTUATION {
            reasons.push(format!(
                "the product of the weights fluctuates by {:.2} % of ‖V√Σx‖² {where_spread} (at most {} % is in range)",
                100.0 * spread,
                100.0 * MOST_PRODUCT_FLUCTUATION
            ));
        }
        let coarse = (!reasons.is_empty()).then(|| {
            format!(
                "This run is outside the range of the theory, which is leading order in η: {}; expect SGD to lag behind and to end flatter, or take a smaller η or a larger batch.",
                reasons.join(", and ")
            )
        });
        let turned = (self.misalignment > MOST_MISALIGNMENT).then(|| {
            format!(
                "Noise and signal have different axes (misalignment {:.2}, at most {MOST_MISALIGNMENT} is in range): SGD ends elsewhere than at Theorem 1's minimum however small η is; follow the exact drift.",
                self.misalignment
            )
        });
        let sentences: Vec<String> = coarse.into_iter().chain(turned).collect();
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}
