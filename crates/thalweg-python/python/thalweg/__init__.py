"""Which sharpness will SGD converge to, by which path, in how many steps, and does a real run agree?

For deep linear networks f(x) = W_D … W_1 x, trained by SGD on noisy labels y = V x + ε, in closed form (``predict``), as
a differential equation (``flow``), and by running SGD itself (``simulate``); for other networks by training (``train``)
and measuring (``measure``) them. For any symmetric operator known by its products with vectors: ``eigenpairs``, ``trace`` and
``density``, each number with its error.

Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples. PyTorch's ``nn.MSELoss`` averages over outputs and
has no ½: its sharpness is 2/d_y times the one computed here. Equation numbers are those of Xu, Beneventano, Chuang and
Ziyin, "Does SGD Seek Flatness or Sharpness? An Exactly Solvable Model", arXiv:2602.05065.

Nothing here prints. Work goes on without Python's lock, on all cores (``RAYON_NUM_THREADS`` in the environment asks for
fewer), and Ctrl-C ends it. Wrong input is a ``ValueError`` that names the field; ``RuntimeError`` is work that failed.

>>> import numpy as np
>>> problem = Problem(depth=3, input_covariance=np.eye(2), teacher=np.eye(2),
...                   noise_covariance=np.diag([1.0, 0.01]))
>>> print(f"{predict(problem).sharpness:.4f}")
31.5505
"""

from . import log
from ._core import Measurements, Problem, __version__
from ._curvature import (
    Density,
    Eigenpairs,
    check_symmetry,
    curvature_memory,
    density,
    eigenpairs,
    trace,
)
from ._contrast import Contrast, contrast
from ._design import Design, design
from ._diagnose import Diagnosis, TokenDiagnosis, diagnose, diagnose_file, diagnose_tokens
from ._estimate import Estimate
from ._flow import Flow, flow
from ._measure import Measured, evaluation_set, measure
from ._predict import Prediction, predict
from ._recipe import Recipe
from ._runs import Simulation, Training, load, simulate, train

__all__ = [
    "Contrast",
    "Density",
    "Design",
    "Diagnosis",
    "Eigenpairs",
    "Estimate",
    "Flow",
    "Measured",
    "Measurements",
    "Prediction",
    "Problem",
    "Recipe",
    "Simulation",
    "TokenDiagnosis",
    "Training",
    "__version__",
    "check_symmetry",
    "contrast",
    "curvature_memory",
    "density",
    "design",
    "diagnose",
    "diagnose_file",
    "diagnose_tokens",
    "eigenpairs",
    "evaluation_set",
    "flow",
    "load",
    "log",
    "measure",
    "predict",
    "simulate",
    "trace",
    "train",
]

# Where a class is defined is no business of those who read its name or unpickle it.
for _class in (
    Contrast,
    Density,
    Design,
    Diagnosis,
    Eigenpairs,
    Estimate,
    Flow,
    Measured,
    Prediction,
    Recipe,
    Simulation,
    TokenDiagnosis,
    Training,
):
    _class.__module__ = __name__
del _class
