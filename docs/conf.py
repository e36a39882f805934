"""How the documentation is built: offline, with every warning an error and every code block executed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import symrg

project = "symrg"
author = "The symrg developers"
copyright = "The symrg developers"
version = release = symrg.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "mathml"]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "jupyter_execute", "_extensions"]

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # a busy machine is slow
nb_merge_streams = True
nb_render_markdown_format = "myst"
nb_mime_priority_overrides = [("html", "text/latex", 5)]

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autoclass_content = "class"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
nitpicky = True
nitpick_ignore_regex = [("py:.*", r".*")]  # types in docstrings are words, not references

html_theme = "furo"
html_title = "symrg"
html_static_path = []
html_show_sourcelink = False
html_theme_options = {"top_of_page_buttons": []}
