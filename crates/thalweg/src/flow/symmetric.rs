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
//!
//! # Linear algebra
//! The field is rotated with the hidden bases, so each step's linear system is solved in the bases in
//! which the X_k are diagonal. There the Jacobian is J = Z + E (EᵀE)⁻¹ Yᵀ with Z diagonal and E of rank
//! N = Σ_k h_k(h_k + 1)/2, and with P = (σ − Z)⁻¹ (Sherman, Morrison, Woodbury)
//!
//! (σ − J)⁻¹ b = P (b + E z), (EᵀE − Yᵀ P E) z = Yᵀ P b:
//!
//! an N × N system in place of the n × n one, n = Σ_k h_k h_{k−1}: 8 times fewer operations for d = D = 8,
//! 23 times for d = 20, D = 3.

use faer::{Accum, Mat, MatMut, MatRef, Par, Side, linalg::matmul::matmul};

use super::{
    FlowError,
    gradient::Force,
    lift::{Gram, Lift},
    lu::Lu,
    manifold::to_manifold,
    point::Model,
    relaxation::rates_of,
    rosenbrock::{Linear, Shifted, System},
};

/// The flow of one problem.
pub(super) struct SymmetricFlow<'a> {
    pub(super) model: &'a Model,
}

/// The field at one point.
struct Field {
    force: Force,
    gram: Gram,
    /// X, in `Lift`'s numbering.
    generators: Vec<f64>,
    /// dW/du.
    velocity: Vec<Mat<f64>>,
}

impl Field {
    fn new(model: &Model, layers: Vec<Mat<f64>>) -> Result<Self, FlowError> {
        let force = Force::new(model, layers);
        let lift = Lift::new(&force.point.layers);
        let gram = lift.gram()?;
        let mut generators = vec![0.0; lift.unknowns()];
        lift.transpose_apply(model, &model.flatten(&force.layers), &mut generators);
        gram.solve_in_place(&mut generators);
        let velocity = lift.apply(&generators);
        Ok(Self {
            force,
            gram,
            generators,
            velocity,
        })
    }
}

/// The Jacobian in the bases in which the X_k are diagonal.
pub(super) struct SymmetricLinear<'a> {
    model: &'a Model,
    /// U_0 … U_D, the eigenvectors of X_k; the identity for X_0 = X_D = 0.
    bases: Vec<Mat<f64>>,
    /// W_k in these bases.
    layers: Vec<Mat<f64>>,
    /// The diagonal of Z: ξ_{k,i} − ξ_{k−1,j} at entry (i, j) of layer k.
    turning: Vec<f64>,
    /// Yᵀ, N × n, column by column.
    response: Vec<f64>,
    /// EᵀE.
    gram: Mat<f64>,
}

/// σ − J, factored.
pub(super) struct SymmetricShifted<'a> {
    linear: &'a SymmetricLinear<'a>,
    /// The diagonal of P.
    inverse: Vec<f64>,
    /// EᵀE − Yᵀ P E.
    capacitance: Lu,
}

impl<'m> SymmetricFlow<'m> {
    /// Y = ∂f E − Z E + E(f − v), from dW/du = v = E X and EᵀE X = Eᵀf, f = −¼∇F. Here
    /// Z dW = X_k dW_k − dW_k X_{k−1}, and E(m) is E built from m in the place of W: (dE)ᵀm = E(m)ᵀ dW.
    fn response(&self, force: &Force, velocity: &[Mat<f64>], turning: &[f64]) -> Mat<f64> {
        let model = self.model;
        let lift = Lift::new(&force.point.layers);
        let mut response = Mat::zeros(model.dim(), lift.unknowns());
        force.each_hessian_block(|k, j, mut block| {
            let rows = model.range(k);
            if k == j {
                for (i, z) in turning[rows.clone()].iter().enumerate() {
                    block[(i, i)] -= z;
                }
            }
            let block: Vec<f64> = (0..block.ncols())
                .flat_map(|column| block.col_as_slice(column))
                .copied()
                .collect();
            lift.add_times(j, &block, &mut response, rows);
        });
        let rest: Vec<Mat<f64>> = force
            .layers
            .iter()
            .zip(velocity)
            .map(|(force, velocity)| force - velocity)
            .collect();
        Lift::new(&rest).add_to(model, &mut response);
        response
    }

    /// The rates of decay of the flow linearised at its fixed point `state`, ascending. There v = 0, Z = 0,
    /// and in the coordinates X of a displacement E X the linear flow is EᵀE dX/du = Yᵀ E X.
    pub(super) fn rates(&self, state: &[f64]) -> Result<Vec<f64>, FlowError> {
        let field = Field::new(self.model, self.model.layers(state))?;
        let lift = Lift::new(&field.force.point.layers);
        let still = vec![0.0; self.model.dim()];
        let response = self.response(&field.force, &field.velocity, &still);
        let mut matrix = Mat::zeros(lift.unknowns(), lift.unknowns());
        for column in 0..matrix.ncols() {
            let into = matrix.col_as_slice_mut(column);
            lift.transpose_apply(self.model, response.col_as_slice(column), into);
            field.gram.solve_in_place(into);
        }
        rates_of(&matrix)
    }
}

impl<'m> System for SymmetricFlow<'m> {
    type Linear<'a>
        = SymmetricLinear<'m>
    where
        Self: 'a;

    fn rhs(&self, state: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let field = Field::new(self.model, self.model.layers(state))?;
        out.copy_from_slice(&self.model.flatten(&field.velocity));
        Ok(())
    }

    fn linearise(&self, state: &[f64]) -> Result<SymmetricLinear<'m>, FlowError> {
        let model = self.model;
        let field = Field::new(model, model.layers(state))?;
        let generators = Lift::new(&field.force.point.layers).matrices(&field.generators);
        let identity = |size: usize| (Mat::identity(size, size), vec![0.0; size]);
        let mut spectra = vec![identity(field.force.point.layers[0].ncols())];
        for generator in &generators {
            let eigen = generator.self_adjoint_eigen(Side::Lower).map_err(|_| {
                FlowError::Decomposition {
                    what: "eigenvalue iteration of X",
                }
            })?;
            let values = eigen.S().column_vector().iter().copied().collect();
            spectra.push((eigen.U().to_owned(), values));
        }
        spectra.push(identity(field.force.point.residual.nrows()));
        let (bases, values): (Vec<Mat<f64>>, Vec<Vec<f64>>) = spectra.into_iter().unzip();
        let layers: Vec<Mat<f64>> = rotate(&bases, &field.force.point.layers);
        let mut turning = Vec::with_capacity(model.dim());
        for pair in values.windows(2) {
            for below in &pair[0] {
                turning.extend(pair[1].iter().map(|above| above - below));
            }
        }
        let velocity = rotate(&bases, &field.velocity);
        let force = Force::new(model, layers);
        let columns = self.response(&force, &velocity, &turning);
        let mut response = vec![0.0; columns.nrows() * columns.ncols()];
        MatMut::from_column_major_slice_mut(&mut response, columns.ncols(), columns.nrows())
            .copy_from(columns.transpose());
        Ok(SymmetricLinear {
            model,
            bases,
            turning,
            response,
            gram: Lift::new(&force.point.layers).gram_matrix(),
            layers: force.point.layers,
        })
    }

    fn relative_error(&self, error: &[f64], state: &[f64]) -> f64 {
        self.model.relative_size(error, state)
    }

    fn settle(&self, state: &mut [f64]) -> Result<(), FlowError> {
        to_manifold(self.model, state).map(|_| ())
    }
}

/// U_kᵀ M_k U_{k−1}.
fn rotate(bases: &[Mat<f64>], layers: &[Mat<f64>]) -> Vec<Mat<f64>> {
    let rotated = layers.iter().zip(bases.windows(2));
    rotated
        .map(|(layer, u)| u[1].transpose() * layer * &u[0])
        .collect()
}

/// U_k M_k U_{k−1}ᵀ.
fn rotate_back(bases: &[Mat<f64>], layers: &[Mat<f64>]) -> Vec<Mat<f64>> {
    let rotated = layers.iter().zip(bases.windows(2));
    rotated
        .map(|(layer, u)| &u[1] * layer * u[0].transpose())
        .collect()
}

impl Linear for SymmetricLinear<'_> {
    type Shifted<'a>
        = SymmetricShifted<'a>
    where
        Self: 'a;

    fn shifted(&self, shift: f64) -> Result<SymmetricShifted<'_>, FlowError> {
        let inverse: Vec<f64> = self.turning.iter().map(|z| 1.0 / (shift - z)).collect();
        let lift = Lift::new(&self.layers);
        let unknowns = lift.unknowns();
        let mut capacitance = self.gram.clone();
        let mut scaled = Vec::new();
        for layer in 0..self.layers.len() {
            scaled.clear();
            for weight in self.model.range(layer) {
                let column = &self.response[weight * unknowns..(weight + 1) * unknowns];
                scaled.extend(column.iter().map(|y| -inverse[weight] * y));
            }
            lift.add_times(layer, &scaled, &mut capacitance, 0..unknowns);
        }
        Ok(SymmetricShifted {
            linear: self,
            inverse,
            capacitance: Lu::new(capacitance),
        })
    }
}

impl Shifted for SymmetricShifted<'_> {
    fn solve_in_place(&self, b: &mut [f64]) {
        let SymmetricLinear {
            model,
            bases,
            layers,
            response,
            ..
        } = self.linear;
        let mut x = model.flatten(&rotate(bases, &model.layers(b)));
        for (x, p) in x.iter_mut().zip(&self.inverse) {
            *x *= p;
        }
        let (n, unknowns) = (x.len(), response.len() / x.len());
        let mut z = vec![0.0; unknowns];
        matmul(
            MatMut::from_column_major_slice_mut(&mut z, unknowns, 1),
            Accum::Replace,
            MatRef::from_column_major_slice(response, unknowns, n),
            MatRef::from_column_major_slice(&x, n, 1),
            1.0,
            Par::Seq,
        );
        self.capacitance.solve_in_place(&mut z);
        let lifted = model.flatten(&Lift::new(layers).apply(&z));
        for ((x, p), lifted) in x.iter_mut().zip(&self.inverse).zip(lifted) {
            *x += p * lifted;
        }
        b.copy_from_slice(&model.flatten(&rotate_back(bases, &model.layers(&x))));
    }
}
