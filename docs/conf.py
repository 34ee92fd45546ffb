"""The site of netwright: ``make docs`` writes it to docs/_build/html; everything on it works without a network."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(
        _variable, "1"
    )  # pictures and figures do not depend on the number of cores
os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import netwright  # noqa: E402
from gallery import settings as gallery_settings  # noqa: E402

project = "netwright"
author = "The netwright developers"
copyright = "the netwright developers"
version = release = netwright.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "sphinx_design",
    "sphinx_copybutton",
    # our own, in _ext
    "docstrings",
    "rooms",
    "executed",
    "drawings",
    "architectures",
    "codes",
    "mathml",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_executed", "**/GALLERY_HEADER.rst"]
default_role = "py:obj"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]

toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
html_math_renderer = "mathml"
sphinx_gallery_conf = gallery_settings(Path(__file__).parent)

html_theme = "pydata_sphinx_theme"
html_title = "netwright"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/mark.svg"
html_show_sourcelink = False
html_sidebars = {
    page: [] for page in ("index", "installation", "architectures", "results", "changelog")
}
html_theme_options = {
    "logo": {
        "image_light": "_static/mark.svg",
        "image_dark": "_static/mark.svg",
        "text": "netwright",
    },
    "header_links_before_dropdown": 8,
    "navbar_align": "left",
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Any) -> None:
    """The folder must be there: where a build fails early, the theme would write its logo in the folder's place."""
    app.connect(
        "builder-inited",
        lambda app: (Path(app.outdir) / "_static").mkdir(parents=True, exist_ok=True),
    )
