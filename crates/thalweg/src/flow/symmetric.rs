//! The slow flow by symmetric generators: the vector field that the layers' imbalances determine.
//!
//! Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1} is conserved by gradient flow; SGD's noise moves it by
//! dQ_k/du = R_k = tr(H_{k−1}) G_k − tr(G_{k+1}) H_k. The motion dW_k/du = X_k W_k − W_k X_{k−1} with
//! symmetric X_k, X_0 = X_D = 0, leaves the product fixed, and R fixes X:
//!
//! X_k C_k + C_k X_k − 2 W_k X_{k−1} W_kᵀ − 2 W_{k+1}ᵀ X_{k+1} W_{k+1} = R_k, C_k = W_kW_kᵀ + W_{k+1}ᵀW_{k+1}.
//!
//! With E the map from X to dW this is EᵀE X = Eᵀ(−¼∇F): dW/du is −¼∇F projected on the range of E,
//! from which dF/du = −4 Σ_k ‖dW_k/du‖².

use faer::{Mat, MatRef};

use super::{
    FlowError,
    gradient::Force,
    kronecker::add_kron,
    lift::{Gram, Lift},
    manifold::to_manifold,
    point::Model,
    rosenbrock::System,
};

/// The flow of one problem.
pub(super) struct SymmetricFlow<'a> {
    pub(super) model: &'a Model,
}

struct Field {
    force: Force,
    lift: Lift,
    gram: Gram,
    /// X, in `Lift`'s numbering, one column.
    generators: Mat<f64>,
    /// dW/du, one column.
    velocity: Mat<f64>,
}

impl Field {
    fn new(model: &Model, state: &[f64]) -> Result<Self, FlowError> {
        let force = Force::new(model, state);
        let lift = Lift::new(model, &force.point.layers);
        let gram = lift.gram()?;
        let flat = model.flatten(&force.layers);
        let mut generators =
            lift.transpose_apply(MatRef::from_column_major_slice(&flat, model.dim(), 1));
        gram.solve_in_place(&mut generators);
        let velocity = lift.apply(generators.as_ref(), model.dim());
        Ok(Self {
            force,
            lift,
            gram,
            generators,
            velocity,
        })
    }

    /// X_1 … X_{D−1} as matrices.
    fn symmetric(&self) -> Vec<Mat<f64>> {
        let layers = &self.force.point.layers;
        let mut next = 0;
        let mut read = |width: usize| {
            let mut matrix = Mat::zeros(width, width);
            for q in 0..width {
                for p in q..width {
                    matrix[(p, q)] = self.generators[(next, 0)];
                    matrix[(q, p)] = matrix[(p, q)];
                    next += 1;
                }
            }
            matrix
        };
        layers[..layers.len() - 1]
            .iter()
            .map(|layer| read(layer.nrows()))
            .collect()
    }

    /// ∂(dW/du)/∂W. From dW/du = v = E X and EᵀE X = Eᵀf, f = −¼∇F,
    ///
    /// J = Z + E (EᵀE)⁻¹ [Eᵀ(∂f − Z) + E(f − v)ᵀ],
    ///
    /// where Z dW = (X_k dW_k − dW_k X_{k−1}) and E(m) is E built from m in the place of W:
    /// (dE)ᵀ m = E(m)ᵀ dW.
    fn jacobian(&self, model: &Model) -> Mat<f64> {
        let symmetric = self.symmetric();
        let mut turning = Mat::<f64>::zeros(model.dim(), model.dim());
        for (k, layer) in self.force.point.layers.iter().enumerate() {
            let range = model.range(k);
            let mut block = Mat::zeros(range.len(), range.len());
            if k < symmetric.len() {
                let identity = Mat::<f64>::identity(layer.ncols(), layer.ncols());
                add_kron(&mut block, 1.0, &symmetric[k], identity.as_ref());
            }
            if k > 0 {
                let identity = Mat::<f64>::identity(layer.nrows(), layer.nrows());
                add_kron(&mut block, -1.0, &identity, symmetric[k - 1].as_ref());
            }
            turning
                .submatrix_mut(range.start, range.start, range.len(), range.len())
                .copy_from(&block);
        }
        let change = self.force.hessian(model) - &turning;
        let mut generators = self.lift.transpose_apply(change.as_ref());
        let flat = model.flatten(&self.force.layers);
        let rest: Vec<f64> = (0..model.dim())
            .map(|i| flat[i] - self.velocity[(i, 0)])
            .collect();
        Lift::new(model, &model.layers(&rest)).add_transpose(&mut generators);
        self.gram.solve_in_place(&mut generators);
        turning + self.lift.apply(generators.as_ref(), model.dim())
    }
}

impl SymmetricFlow<'_> {
    /// The rates of decay of the flow linearised at its fixed point `state`, ascending. There v = 0,
    /// and in the coordinates X of a displacement E X the linear flow is EᵀE dX/du = [Eᵀ ∂f + E(f)ᵀ] E X.
    pub(super) fn rates(&self, state: &[f64]) -> Result<Vec<f64>, FlowError> {
        let field = Field::new(self.model, state)?;
        let lift = &field.lift;
        let mut change = lift.transpose_apply(field.force.hessian(self.model).as_ref());
        Lift::new(self.model, &field.force.layers).add_transpose(&mut change);
        let basis = lift.apply(
            Mat::<f64>::identity(lift.unknowns(), lift.unknowns()).as_ref(),
            self.model.dim(),
        );
        let mut matrix = change * basis;
        field.gram.solve_in_place(&mut matrix);
        let values = matrix.eigenvalues().map_err(|_| FlowError::Decomposition {
            what: "eigenvalue iteration of the linearised flow",
        })?;
        let mut rates: Vec<f64> = values.iter().map(|value| -value.re).collect();
        rates.sort_by(f64::total_cmp);
        Ok(rates)
    }
}

impl System for SymmetricFlow<'_> {
    fn rhs(&self, state: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let field = Field::new(self.model, state)?;
        out.copy_from_slice(field.velocity.col_as_slice(0));
        Ok(())
    }

    fn jacobian(&self, state: &[f64]) -> Result<Mat<f64>, FlowError> {
        Ok(Field::new(self.model, state)?.jacobian(self.model))
    }

    fn relative_error(&self, error: &[f64], state: &[f64]) -> f64 {
        self.model.relative_size(error, state)
    }

    fn settle(&self, state: &mut [f64]) -> Result<(), FlowError> {
        to_manifold(self.model, state).map(|_| ())
    }
}
