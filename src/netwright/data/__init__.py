"""Data: tables, images, arrays and data sets, as NumPy arrays.

Nothing here imports torch; scikit-learn, Pillow and the packages of data frames are loaded when they are needed.
`netwright.data.augment`, which works on torch tensors, is a room of its own that is loaded when it is first used.
"""

from importlib import import_module as _import_module

# data sets
from netwright.data.digits import load_digits
from netwright.data.mnist import load_mnist, read_idx
from netwright.data.glyphs import load_glyphs, make_digits
from netwright.data.olivetti import load_olivetti
from netwright.data.omniglot import OneShotRun, load_omniglot, load_omniglot_runs
from netwright.data.reber import is_reber, make_reber, make_reber_classification
from netwright.data.locate import cache_folder, data_folders, find_data

# tables
from netwright.data.table_file import read_table
from netwright.data.columns import is_table, split_target, to_columns
from netwright.data.long_table import Sequences, sequences_of
from netwright.data.table import Table

# text
from netwright.data.text.conll import read_conll, read_conllu, write_conll, write_conllu
from netwright.data.text.sentence import Sentence
from netwright.data.text.tokens import tokenize
from netwright.data.text.vectors import read_vectors
from netwright.data.text.vocabulary import Vocabulary

# images
from netwright.data.images import image_size, load_image_folder, load_images, read_image

# rows that stay where they are
from netwright.data.streams.opening import stream
from netwright.data.streams.source import Source, Stream

# arrays
from netwright.core.arrays import first_nonfinite, require_finite
from netwright.data.arrays import as_arrays, to_float32
from netwright.data.split import holdout

__all__ = [
    "OneShotRun",
    "Sentence",
    "Sequences",
    "Source",
    "Stream",
    "Table",
    "Vocabulary",
    "as_arrays",
    "cache_folder",
    "data_folders",
    "find_data",
    "first_nonfinite",
    "holdout",
    "is_reber",
    "is_table",
    "load_digits",
    "load_glyphs",
    "load_image_folder",
    "load_images",
    "image_size",
    "read_image",
    "load_mnist",
    "load_olivetti",
    "load_omniglot",
    "load_omniglot_runs",
    "make_digits",
    "make_reber",
    "make_reber_classification",
    "read_conll",
    "read_conllu",
    "read_idx",
    "read_table",
    "read_vectors",
    "require_finite",
    "sequences_of",
    "split_target",
    "to_columns",
    "stream",
    "to_float32",
    "tokenize",
    "write_conll",
    "write_conllu",
]


def __getattr__(name: str) -> object:
    """The room inside, which needs torch."""
    if name == "augment":
        return _import_module("netwright.data.augment")
    raise AttributeError(f"module 'netwright.data' has no attribute {name!r}")
