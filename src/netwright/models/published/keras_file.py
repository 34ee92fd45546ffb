"""Arrays of a weight file that Keras wrote, by names that say layer and role: ``conv1_conv/kernel``.

============================ ====================================== ===============================================
file                         place of an array                      its name here
============================ ====================================== ===============================================
``.weights.h5`` of Keras 3   ``layers/conv2d/vars/0``; the group    ``conv1_conv/vars/0``
                             ``vars`` has the layer's name
``.h5`` of Keras 1 and 2     ``conv1_conv/conv1_conv/kernel:0``     ``conv1_conv/conv1_conv/kernel:0``
whole model in an ``.h5``    ``model_weights/conv1_conv/...``       the same, without the state of the optimizer
============================ ====================================== ===============================================

Needs h5py, which is in the extra ``netwright[keras]``.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.core.manifest import FETCH, TENSORS

COMPRESSION = 64  # times at most that an array may be larger than its bytes in the file
_OTHERS = {"optimizer", "optimizer_weights", "top_level_model_weights"}  # groups that hold no weights of layers


def read_keras(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """The arrays of an HDF5 file by name.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    InvalidParameter : h5py is not installed.
    CorruptFile : a file that is cut or changed; arrays that stand in other files, or are larger than the file.
    """
    where = os.fspath(path)
    try:
        import h5py
    except ImportError as error:
        remedy = "pip install 'netwright[keras]', or save the weights as safetensors or .npz under Keras's names."
        raise InvalidParameter(problem(where, "h5py, which reads HDF5 files", "no such package", remedy)) from error
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            places: list[str] = []
            root.visititems(lambda place, item: places.append(place) if isinstance(item, h5py.Dataset) else None)
            return _arrays(where, root, [place for place in places if place.split("/")[0] not in _OTHERS])
    except CorruptFile:
        raise
    except Exception as error:  # whatever HDF5 says to a file that is damaged or hostile
        raise _refused(where, "an HDF5 file that h5py can read", shown(str(error))) from error


def _arrays(where: str, root: Any, places: list[str]) -> dict[str, torch.Tensor]:
    """The arrays at these places, each object of the file once; links to other files are not among them."""
    if len(places) > TENSORS:
        raise _refused(where, f"at most {TENSORS} arrays", f"{len(places)}")
    found: dict[str, torch.Tensor] = {}
    for place in places:
        above, _, last = place.rpartition("/")
        label = place
        if above.endswith("vars"):
            given = root[above].attrs.get("name")
            if not isinstance(given, str) or not given:
                remedy = "Save the weights again with a newer Keras 3, or the whole model as a .h5 file."
                raise _refused(where, "the names of layers", f"only the class of that at {shown(place)}", remedy)
            label = f"{given}/vars/{last}"
        if label in found:
            raise _refused(where, "arrays with names of their own", f"a second {shown(label)}")
        found[label] = _array(where, label, root[place])
    return found


def _array(where: str, label: str, item: Any) -> torch.Tensor:
    """One array, when its numbers are in the file."""
    if item.external or item.is_virtual:
        raise _refused(where, "arrays in the file itself", f"{shown(label)}, which is in another file")
    stored = item.id.get_storage_size()
    if item.nbytes > COMPRESSION * stored:
        raise _refused(where, f"{shown(label)} with its numbers", f"{item.nbytes} bytes of which {stored} are there")
    if item.dtype.kind not in "fiub":
        raise _refused(where, f"numbers in {shown(label)}", f"the type {item.dtype}")
    array = np.asarray(item[()])
    return torch.from_numpy(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(array.shape))


def _refused(where: str, expected: str, got: str, remedy: str = FETCH) -> CorruptFile:
    return CorruptFile(problem(where, expected, got, remedy))
