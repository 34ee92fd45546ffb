"""The options of ``netwright style``; this file, too, loads neither torch nor NumPy."""

from __future__ import annotations

import argparse

from netwright.commands.argument_types import checked, count, seed
from netwright.core.validation import integer, number

SUMMARY = "paint what one image shows as another one is painted"
EXAMPLES = (
    "style photo.jpg starry_night.jpg",
    "style photo.jpg starry_night.jpg --size 512 --steps 100 --output painted.png",
    "style photo.jpg one.jpg two.jpg --blend 0.7 0.3 --keep-colors luminance",
    "style photo.jpg starry_night.jpg --mask sky.png --every 20",
    "style photo.jpg starry_night.jpg --network vgg19 --weights vgg19-dcbb9e9d.pth --alpha 0.05",
)

share = checked(float, number(0))
positive = checked(float, number(0, closed="neither"))


def add_style(parser: argparse.ArgumentParser) -> None:
    """Say what is painted, how, and where it goes."""
    parser.add_argument("content", metavar="CONTENT", help="image of what the picture is to show")
    parser.add_argument("style", metavar="STYLE", nargs="+", help="image of how it is to be painted; several are mixed")
    picture = parser.add_argument_group("picture")
    pixels = checked(int, integer(8))
    picture.add_argument("--size", metavar="PIXELS", type=pixels, help="of the long side (default: 256)")
    picture.add_argument("--steps", metavar="N", type=count, help="updates at each size (default: see the class)")
    picture.add_argument("--levels", metavar="N", type=count, help="sizes, each twice the one before (default: 3)")
    picture.add_argument("--alpha", metavar="W", type=share, help="weight of the content; more keeps more of it")
    picture.add_argument("--beta", metavar="W", type=share, help="weight of the style (default: 1)")
    picture.add_argument("--tv", metavar="W", type=share, help="weight of the variation; more is smoother")
    picture.add_argument("--style-scale", metavar="F", type=positive, help="more makes larger strokes")
    picture.add_argument("--keep-colors", choices=("histogram", "luminance"), help="those of CONTENT (default: no)")
    picture.add_argument("--blend", metavar="W", type=share, nargs="+", help="how much of each STYLE (default: equal)")
    picture.add_argument("--mask", metavar="FILE", help="image that is white where the style goes, black elsewhere")
    picture.add_argument("--start", choices=("content", "noise"), help="what it begins as (default: content)")
    picture.add_argument("--seed", metavar="N", type=seed, default=0, help="of filters and noise (default: 0)")
    network = parser.add_argument_group("what measures")
    network.add_argument("--network", metavar="EXPR", help="such as vgg19 (default: filters made of STYLE)")
    network.add_argument("--weights", metavar="FILE", help="published weights of the network (default: random)")
    network.add_argument("--optimizer", metavar="EXPR", help="lbfgs, adam, or such as 'Adam(0.05)' (default: lbfgs)")
    network.add_argument("--device", metavar="D", help="auto, cpu, cuda, ... (default: auto)")
    output = parser.add_argument_group("output")
    output.add_argument("--output", metavar="FILE", help="image to write (default: CONTENT-STYLE.png)")
    output.add_argument("--every", metavar="N", type=count, help="also write FILE-1.png, ... each N steps")
