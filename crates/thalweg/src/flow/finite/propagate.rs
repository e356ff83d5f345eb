//! A linear motion over a time h: the propagator e^{hJ}, and what constant drift and noise add up to under it.
//!
//! By doubling: from a step so short that Taylor's series gives it to rounding, F ← F², Φ ← Φ + F Φ, Q ← Q + F Q Fᵀ. (A block
//! exponential that holds all three loses every digit where ‖hJ‖ is large.)

use faer::Mat;

/// F = e^{hJ}, Φ = ∫₀ʰ e^{sJ} ds and Q = ∫₀ʰ e^{sJ} D e^{sJᵀ} ds.
pub(super) struct Propagated {
    pub(super) propagator: Mat<f64>,
    pub(super) integral: Mat<f64>,
    pub(super) noise: Mat<f64>,
}

/// Terms of Taylor's series, which are (1/4)^k/k! or smaller.
const TERMS: i32 = 12;

/// For J = `jacobian` and D = `growth` over `time`.
pub(super) fn propagate(jacobian: &Mat<f64>, growth: &Mat<f64>, time: f64) -> Propagated {
    let n = jacobian.nrows();
    let doublings = (4.0 * time * jacobian.norm_l2()).log2().ceil().max(0.0) as i32;
    let short = time / 2f64.powi(doublings);
    let mut propagator = Mat::<f64>::identity(n, n);
    let mut integral = Mat::<f64>::zeros(n, n);
    let mut noise = Mat::<f64>::zeros(n, n);
    // The k-th terms of the three series: J^k h^k/k!, J^{k−1} h^k/k!, and the k-th derivative J D + D Jᵀ of the last.
    let mut power = Mat::<f64>::identity(n, n);
    let mut spread = growth.clone();
    let mut scale = 1.0;
    for k in 1..=TERMS {
        scale *= short / f64::from(k);
        integral += faer::Scale(scale) * &power;
        noise += faer::Scale(scale) * &spread;
        power = jacobian * power;
        let half = jacobian * spread;
        spread = &half + half.transpose();
        propagator += faer::Scale(scale) * &power;
    }
    for _ in 0..doublings {
        integral = &integral + &propagator * &integral;
        noise = &noise + &propagator * &noise * propagator.transpose();
        propagator = &propagator * &propagator;
    }
    Propagated {
        propagator,
        integral,
        noise,
    }
}

#[cfg(test)]
mod tests {
    use super::propagate;
    use faer::mat;

    #[test]
    fn a_decaying_and_a_turning_motion_end_where_they_should() {
        // Decay at rate 2 with unit noise, and a turn at rate 3 with none.
        let jacobian = mat![[-2.0, 0.0, 0.0], [0.0, 0.0, -3.0], [0.0, 3.0, 0.0]];
        let growth = mat![[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]];
        let at = propagate(&jacobian, &growth, 5.0);
        assert!((at.propagator[(0, 0)] - (-10f64).exp()).abs() < 1e-14);
        assert!((at.propagator[(1, 1)] - 15f64.cos()).abs() < 1e-12);
        assert!((at.propagator[(2, 1)] - 15f64.sin()).abs() < 1e-12);
        assert!((at.integral[(0, 0)] - (1.0 - (-10f64).exp()) / 2.0).abs() < 1e-14);
        assert!((at.integral[(1, 1)] - 15f64.sin() / 3.0).abs() < 1e-12);
        assert!((at.noise[(0, 0)] - (1.0 - (-20f64).exp()) / 4.0).abs() < 1e-14);
    }

    #[test]
    fn over_a_long_time_stiff_noise_comes_to_its_balance() {
        let jacobian = mat![[-1e4, 1.0], [0.0, -1.0]];
        let growth = mat![[2e4, 0.0], [0.0, 2.0]];
        let at = propagate(&jacobian, &growth, 1e3);
        // J Q + Q Jᵀ + D = 0.
        let balance = &jacobian * &at.noise + &at.noise * jacobian.transpose() + &growth;
        assert!(balance.norm_max() < 1e-8, "{balance:?}");
    }
}
