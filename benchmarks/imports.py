"""How long `import netwright` and `netwright --help` take above a bare Python, and whether they load torch.

    python benchmarks/imports.py [--runs 10]

Wall seconds of whole processes, medians, the commands taken in turns. The targets: the import within 0.1 s of bare
Python and without torch, the help within 0.5 s in all.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from isolated import environment, machine

COMMANDS = {
    "bare Python": ("-c", "pass"),
    "import netwright": ("-c", "import netwright"),
    "netwright --help": ("-m", "netwright", "--help"),
}
HEAVY = ("torch", "sklearn", "scipy", "numba", "pandas", "matplotlib", "numpy")
LOADED = f"import netwright, sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"


def seconds(words: tuple[str, ...]) -> float:
    """Wall seconds of one Python process."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *words], env=environment(), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    for words in COMMANDS.values():  # files into the cache, bytecode compiled
        seconds(words)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, words in COMMANDS.items():
            times[name].append(seconds(words))
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], env=environment(), check=True, capture_output=True, text=True
    ).stdout.split()
    above = {name: middle[name] - middle["bare Python"] for name in COMMANDS}
    met = {
        "import netwright": above["import netwright"] < 0.1 and "torch" not in loaded,
        "netwright --help": middle["netwright --help"] < 0.5,
    }
    print(
        f"{machine()}; medians of {runs} runs\n\n| command | seconds | above bare Python | target |\n|---|---|---|---|"
    )
    for name in COMMANDS:
        target = "" if name not in met else "met" if met[name] else "MISSED"
        print(f"| {name} | {middle[name]:.3f} | {above[name]:.3f} | {target} |")
    print(f"\nloaded by `import netwright` of {', '.join(HEAVY)}: {', '.join(loaded) or 'none'}")


if __name__ == "__main__":
    main()
