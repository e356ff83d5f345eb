//! A linear motion over a time h: the propagator e^{hJ}, and what drift and noise add up to under it.
//!
//! By doubling: from a step so short that Taylor's series gives it to rounding, F ← F², Φ ← Φ + F Φ, Q ← Q + F Q Fᵀ. (A block
//! exponential that holds them all loses every digit where ‖hJ‖ is large.)

use faer::Mat;

/// F = e^{hJ}, Φ = ∫₀ʰ e^{sJ} ds and Q = ∫₀ʰ e^{sJ} D e^{sJᵀ} ds; and what drifts add up to that grow from 0 to 1 on the way, as time
/// or as its square: ∫₀ʰ (s/h) e^{(h−s)J} ds and ∫₀ʰ (s/h)² e^{(h−s)J} ds.
pub(super) struct Propagated {
    pub(super) propagator: Mat<f64>,
    pub(super) integral: Mat<f64>,
    pub(super) noise: Mat<f64>,
    pub(super) ramp: Mat<f64>,
    pub(super) parabola: Mat<f64>,
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
    // With s and s² for s/h and its square.
    let (mut ramp, mut parabola) = (integral.clone(), integral.clone());
    // The k-th terms of the first three series: J^k h^k/k!, J^{k−1} h^k/k!, and the k-th derivative J D + D Jᵀ of the last.
    let mut power = Mat::<f64>::identity(n, n);
    let mut spread = growth.clone();
    let mut scale = 1.0;
    for k in 1..=TERMS {
        scale *= short / f64::from(k);
        integral += faer::Scale(scale) * &power;
        noise += faer::Scale(scale) * &spread;
        let next = scale * short / f64::from(k + 1);
        ramp += faer::Scale(next) * &power;
        parabola += faer::Scale(2.0 * next * short / f64::from(k + 2)) * &power;
        power = jacobian * power;
        let half = jacobian * spread;
        spread = &half + half.transpose();
        propagator += faer::Scale(scale) * &power;
    }
    let mut reached = short;
    for _ in 0..doublings {
        parabola = &parabola
            + &propagator * &parabola
            + faer::Scale(2.0 * reached) * &ramp
            + faer::Scale(reached * reached) * &integral;
        ramp = &ramp + &propagator * &ramp + faer::Scale(reached) * &integral;
        reached *= 2.0;
        integral = &integral + &propagator * &integral;
        noise = &noise + &propagator * &noise * propagator.transpose();
        propagator = &propagator * &propagator;
    }
    Propagated {
        propagator,
        integral,
        noise,
        ramp: faer::Scale(1.0 / time) * ramp,
        parabola: faer::Scale(1.0 / (time * time)) * parabola,
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
        // With h = 5: (h − Φ)/2h, and from that (h² − 2h·that)/2h².
        let ramp = (5.0 - (1.0 - (-10f64).exp()) / 2.0) / 10.0;
        assert!((at.ramp[(0, 0)] - ramp).abs() < 1e-14);
        assert!((at.parabola[(0, 0)] - (0.5 - ramp / 5.0)).abs() < 1e-14);
        // ∫ s sin 3(h − s) ds = h/3 − sin(3h)/9 and ∫ s² sin 3(h − s) ds = h²/3 − 2(1 − cos 3h)/27.
        assert!((at.ramp[(2, 1)] - (1.0 / 3.0 - 15f64.sin() / 45.0)).abs() < 1e-12);
        let parabola = 1.0 / 3.0 - 2.0 * (1.0 - 15f64.cos()) / 675.0;
        assert!((at.parabola[(2, 1)] - parabola).abs() < 1e-12);
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
