//! SGD on the deep linear network: settings, samplers, kernels, observables.

mod settings;

pub use settings::{Data, Init, NoiseLaw, Precision, Settings, Source, Switch};
