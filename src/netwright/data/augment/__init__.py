"""Augmentation: images that are shifted, turned, bent, mirrored, cut and coloured at random while a network trains.

Each is a value that works on batches of torch tensors with a generator of its own: ``Rotate(10)(images, generator)``.
This room imports torch, unlike the rest of `netwright.data`, and is therefore loaded by itself::

    from netwright.data.augment import Rotate, Shift
"""

# geometry
from netwright.data.augment.affine import Rotate, Scale, Shear, Shift
from netwright.data.augment.zoom import Zoom
from netwright.data.augment.elastic import Elastic

# without resampling
from netwright.data.augment.flip import Flip
from netwright.data.augment.crop import Crop
from netwright.data.augment.erase import Erase

# colour
from netwright.data.augment.color import Color

# what they are made of
from netwright.data.augment.base import Augmentation, still
from netwright.data.augment.compose import Compose
from netwright.data.augment.warp import Warp

# the same with explicit parameters
from netwright.data.augment.affine import rotated, scaled, sheared, shifted
from netwright.data.augment.color import brightened, contrasted, saturated
from netwright.data.augment.crop import cropped
from netwright.data.augment.elastic import smoothed
from netwright.data.augment.erase import erased
from netwright.data.augment.flip import flipped
from netwright.data.augment.warp import warped

__all__ = [
    "Augmentation",
    "Color",
    "Compose",
    "Crop",
    "Elastic",
    "Erase",
    "Flip",
    "Rotate",
    "Scale",
    "Shear",
    "Shift",
    "Warp",
    "Zoom",
    "brightened",
    "contrasted",
    "cropped",
    "erased",
    "flipped",
    "rotated",
    "saturated",
    "scaled",
    "sheared",
    "shifted",
    "smoothed",
    "still",
    "warped",
]
