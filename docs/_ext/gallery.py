"""How sphinx-gallery runs the examples: one thread, the house's colours, in the order of the list below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ORDER = (  # an example that is not named here stands at the end
    "plot_digits_convnet.py",
    "plot_network_anatomy.py",
    "plot_table_wine.py",
    "plot_regression_diabetes.py",
    "plot_optimizers_compared.py",
    "plot_learning_rates.py",
    "plot_two_moons_regularization.py",
    "plot_augmentation.py",
    "plot_callbacks_and_history.py",
    "plot_multi_input_output.py",
    "plot_initialization.py",
    "plot_logits_and_softmax.py",
    "plot_sequence_forecasting.py",
    "plot_sequence_sentiment.py",
    "plot_sequence_tagging.py",
    "plot_sequence_shakespeare.py",
    "plot_sequence_gates.py",
)
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#808080",
)  # Okabe and Ito


def place(path: str) -> tuple[int, str]:
    """The place of an example among the others."""
    name = Path(path).name
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def style(gallery_conf: Any, filename: str) -> None:
    """What pyplot draws looks like what `netwright.plots` draws."""
    import matplotlib as mpl

    mpl.rcParams.update(
        {
            "axes.prop_cycle": mpl.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "axes.titlelocation": "left",
            "savefig.bbox": "tight",
        }
    )


def svg_scraper(block: Any, block_vars: dict[str, Any], gallery_conf: Any) -> str:
    """The value of a block's last line, where it is a picture in SVG."""
    value = block_vars["example_globals"].get("___")
    if not isinstance(value, str) or not value.startswith("<svg"):
        return ""
    path = Path(next(block_vars["image_path_iterator"])).with_suffix(".svg")
    path.write_text(value, encoding="utf-8")
    shown = path.relative_to(gallery_conf["src_dir"]).as_posix()
    return f"\n.. image:: /{shown}\n   :class: sphx-glr-single-img drawn\n   :alt: the network as a diagram\n"


def settings(docs: Path) -> dict[str, Any]:
    """The settings of the gallery."""
    return {
        "examples_dirs": str(docs.parent / "examples"),
        "gallery_dirs": "gallery",
        "filename_pattern": r"plot_",
        "ignore_pattern": r"loop_by_hand|__init__",
        "within_subsection_order": place,
        "reset_modules": ("matplotlib", style),
        "reset_modules_order": "both",
        "image_scrapers": ("matplotlib", svg_scraper),
        "image_srcset": ["2x"],
        "capture_repr": ("_repr_html_", "__repr__"),
        "ignore_repr_types": r"matplotlib|netwright|sklearn|numpy\.ndarray|None",
        "thumbnail_size": (600, 400),
        "download_all_examples": False,
        "remove_config_comments": True,
        "show_memory": False,
        "write_computation_times": False,
        "show_signature": False,
        "min_reported_time": 10_000,
        "plot_gallery": "True",
        "abort_on_example_error": True,
        "only_warn_on_example_error": False,
        "doc_module": (),
    }
