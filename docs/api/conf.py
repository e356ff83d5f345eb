"""The reference of the Python package: `python -m sphinx -W docs/api target/api`, where the package and PyTorch are installed."""

import thalweg

project = "thalweg"
release = thalweg.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "alabaster"
html_theme_options = {"description": "Sharpness and gradient fluctuation of SGD", "page_width": "1100px"}
html_copy_source = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_use_ivar = True
napoleon_use_rtype = False
