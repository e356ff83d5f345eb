//! The compiled half of the Python package `thalweg`: it computes, and the half written in Python shows.

mod array;
mod arrow;
mod curvature;
mod design;
mod diagnose;
mod error;
mod flow;
mod given;
mod json;
mod measure;
mod measurements;
mod predict;
mod problem;
mod run;
mod sampled;
mod simulate;
mod sweep;
mod train;
mod tree;
mod work;

use pyo3::prelude::*;

/// What `thalweg` is made of; its names are not for other packages.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<problem::Problem>()?;
    module.add_class::<measurements::Measurements>()?;
    module.add_class::<simulate::Simulated>()?;
    module.add_class::<train::Trained>()?;
    module.add_class::<curvature::Density>()?;
    module.add_class::<sweep::SweepFollower>()?;
    module.add_function(wrap_pyfunction!(problem::restore_problem, module)?)?;
    module.add_function(wrap_pyfunction!(
        measurements::restore_measurements,
        module
    )?)?;
    module.add_function(wrap_pyfunction!(simulate::restore_simulated, module)?)?;
    module.add_function(wrap_pyfunction!(train::restore_trained, module)?)?;
    module.add_function(wrap_pyfunction!(predict::predict, module)?)?;
    module.add_function(wrap_pyfunction!(predict::minimum, module)?)?;
    module.add_function(wrap_pyfunction!(design::design, module)?)?;
    module.add_function(wrap_pyfunction!(diagnose::diagnose, module)?)?;
    module.add_function(wrap_pyfunction!(diagnose::diagnose_file, module)?)?;
    module.add_function(wrap_pyfunction!(diagnose::diagnose_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(flow::flow, module)?)?;
    module.add_function(wrap_pyfunction!(simulate::simulate, module)?)?;
    module.add_function(wrap_pyfunction!(train::train, module)?)?;
    module.add_function(wrap_pyfunction!(train::networks, module)?)?;
    module.add_function(wrap_pyfunction!(run::load, module)?)?;
    module.add_function(wrap_pyfunction!(run::contrast, module)?)?;
    module.add_function(wrap_pyfunction!(sweep::sweep_plan, module)?)?;
    module.add_function(wrap_pyfunction!(sweep::sweep_store, module)?)?;
    module.add_function(wrap_pyfunction!(sweep::sweep_run, module)?)?;
    module.add_function(wrap_pyfunction!(sweep::sweep_status, module)?)?;
    module.add_function(wrap_pyfunction!(sweep::sweep_table, module)?)?;
    module.add_function(wrap_pyfunction!(run::specification, module)?)?;
    module.add_function(wrap_pyfunction!(measure::measure, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::restore_density, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::eigen_tolerance, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::eigen_room, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::eigenpairs, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::trace_vectors, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::trace, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::density_vectors, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::density, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::check_symmetry, module)?)?;
    module.add_function(wrap_pyfunction!(curvature::memory_left, module)?)?;
    module.add_function(wrap_pyfunction!(measure::write_measurement, module)?)?;
    module.add_function(wrap_pyfunction!(measure::evaluation_set, module)?)?;
    module.add_function(wrap_pyfunction!(sampled::fluctuation, module)?)?;
    module.add_function(wrap_pyfunction!(sampled::residuals, module)?)?;
    module.add_function(wrap_pyfunction!(sampled::covariance_trace, module)?)?;
    module.add_function(wrap_pyfunction!(sampled::group_mean, module)?)?;
    module.add_function(wrap_pyfunction!(sampled::sample_mean, module)?)?;
    module.add_function(wrap_pyfunction!(sampled::sample_ratio, module)?)?;
    module.add_function(wrap_pyfunction!(sampled::alignment, module)?)?;
    Ok(())
}
