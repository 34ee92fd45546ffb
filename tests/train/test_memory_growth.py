"""Memory that a process keeps does not grow with steps and fits."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import gc, os, sys
    import numpy as np
    import netwright as nw
    from netwright import classical

    def kept():
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(640, 32)).astype(np.float32), draw.integers(0, 3, 640)
    net = "ReLU(64) >> Dropout(0.1) >> BatchNorm() >> Softmax(3)"

    def steps(epochs):
        nw.Classifier(net, epochs=epochs, batch_size=32, validation=0.2, random_state=0).fit(X, y)

    def fits(count):
        for seed in range(count):
            nw.Classifier(net, epochs=1, random_state=seed).fit(X, y).predict_proba(X)
            classical.SOFM((4, 4), epochs=1, random_state=seed).fit(X)

    work = {"steps": steps, "fits": fits}[sys.argv[1]]
    warm, more = map(int, sys.argv[2:])
    work(warm)
    before = kept()
    work(more)
    print(kept() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("what", "warm", "more"), [("steps", 20, 80), ("fits", 40, 200)], ids=["1,000 steps and more", "200 fits"]
)
def test_memory_does_not_grow(what, warm, more, tmp_path):
    """80 epochs of 16 steps after 20 of them; 200 fits of two kinds after 40 of them: below 8 MiB, 40 kB a fit."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    told = subprocess.run(
        [sys.executable, str(program), what, str(warm), str(more)], check=True, capture_output=True, text=True
    )
    assert int(told.stdout) < 8 * 2**20, f"{int(told.stdout) / 2**20:.1f} MiB more"
