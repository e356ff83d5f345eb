//! Squared error, in two conventions.

use crate::tensor::write::Write;
use crate::tensor::{Lines, LinesMut, Number};

/// What factor ‖y − f‖² has. The sum runs over rows and positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// ½: the paper's, and that of all theory here.
    Half,
    /// One over the number of outputs (rows × positions): that of PyTorch's `nn.MSELoss`.
    Mean,
}

impl Convention {
    /// The factor of ½‖y − f‖².
    #[inline(always)]
    fn factor<T: Number>(self, outputs: usize) -> T {
        match self {
            Self::Half => T::ONE,
            Self::Mean => T::from_f64(2.0 / outputs as f64),
        }
    }

    pub(super) fn values<T: Number>(
        self,
        outputs: Lines<'_, T>,
        targets: Lines<'_, T>,
        losses: &mut [T],
    ) {
        losses.fill(T::ZERO);
        let half = T::from_f64(0.5) * self.factor(outputs.count());
        for index in 0..outputs.count() {
            let sources = [outputs.line(index), targets.line(index)];
            Write::Add.each(losses, sources, |[f, y]| half * (f - y) * (f - y));
        }
    }

    #[inline(always)]
    pub(super) fn gradient<T: Number>(
        self,
        outputs: Lines<'_, T>,
        targets: Lines<'_, T>,
        scale: T,
        gradient: &mut LinesMut<'_, T>,
    ) {
        let scale = scale * self.factor(outputs.count());
        Write::Set.each(
            gradient.data,
            [outputs.data, targets.data],
            #[inline(always)]
            |[f, y]| scale * (f - y),
        );
    }

    #[inline(always)]
    pub(super) fn curvature<T: Number>(
        self,
        outputs: usize,
        tangent: Lines<'_, T>,
        scale: T,
        product: &mut LinesMut<'_, T>,
    ) {
        let scale = scale * self.factor(outputs);
        Write::Set.each(
            product.data,
            [tangent.data],
            #[inline(always)]
            |[df]| scale * df,
        );
    }

    pub(super) fn curvature_term<T: Number>(
        self,
        index: usize,
        column: &mut LinesMut<'_, T>,
        weights: &mut [T],
    ) {
        weights.fill(self.factor(column.count()));
        column.data.fill(T::ZERO);
        column.line(index).fill(T::ONE);
    }
}
