//! What stands beside a figure: the specification of each of its runs, and what was measured of each trial.

use super::ReproduceError;
use super::ran::Ran;
use crate::results::RunFiles;
use thalweg_lab::store::encode_measurements;

/// The names of one figure's files, and their content by path.
type Files = (Vec<RunFiles>, Vec<(String, Vec<u8>)>);

/// The files of the runs of the figure `id`, in a folder of its name. Each specification run alone gives the
/// measurements beside it.
pub(super) fn files(id: &str, ran: &Ran) -> Result<Files, ReproduceError> {
    let (mut names, mut contents) = (Vec::new(), Vec::new());
    for (name, run) in ran.all() {
        let [specification, measurements] =
            ["toml", "parquet"].map(|kind| format!("{id}/{name}.{kind}"));
        let command = format!(
            "thalweg {} {specification} --out run",
            run.planned.command()
        );
        let text = format!(
            "# One run of {id}. Alone it gives the measurements in {name}.parquet, to the last bit:\n#   {command}\n{}",
            run.planned.specification()
        );
        let table = encode_measurements(&run.trials.measurements, run.planned.loss_convention());
        contents.push((specification.clone(), text.into_bytes()));
        contents.push((measurements.clone(), table.map_err(ReproduceError::Table)?));
        names.push(RunFiles {
            specification,
            measurements,
            command,
        });
    }
    Ok((names, contents))
}
