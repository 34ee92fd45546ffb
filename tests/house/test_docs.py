"""The pages of the site: all code on them runs, all that they name exists, and the API pages know every public name."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from netwright import cli
from netwright.core import registry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILT = {"_build", "_executed", "api", "gallery"}
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
PAGES = sorted(path for path in DOCS.rglob("*.md") if not BUILT & set(path.relative_to(DOCS).parts))
WITH_CODE = [path for path in PAGES if BLOCK.search(path.read_text(encoding="utf-8"))]


LONG = {  # pages whose code takes 5 seconds and more; the site's build runs it too
    "checks/batch-size",
    "checks/index",
    "guide/classical",
    "guide/command_line",
    "guide/detection",
    "guide/embeddings",
    "guide/generative",
    "guide/search",
    "guide/sequences",
    "tutorials/debugging",
    "tutorials/images",
    "tutorials/table",
}


def label(path: Path) -> str:
    return path.relative_to(DOCS).with_suffix("").as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=label)
each_page_with_code = pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] if label(page) in LONG else []) for page in WITH_CODE],
    ids=[label(page) for page in WITH_CODE],
)


@pytest.fixture
def own_names() -> Iterator[None]:
    """Layers and losses that a page defines are forgotten again: other tests take all that are registered."""
    yield
    for table in registry._FAMILIES.values():
        for name in [name for name, thing in table.items() if getattr(thing, "__module__", "").startswith("docs_")]:
            del table[name]


def shortened(words: list[str]) -> list[str]:
    """The same command with one epoch."""
    if words[0] == "train" and "--epochs" in words:
        words[words.index("--epochs") + 1] = "1"
    return words


def run(language: str, body: str, namespace: dict[str, Any], where: str) -> None:
    """Run a block; of a block of shell only the lines that begin with netwright."""
    if language == "python":
        exec(compile(body, where, "exec", dont_inherit=True), namespace)
        return
    lines = body.replace("\\\n", " ").splitlines()
    for words in (shlex.split(line, comments=True)[1:] for line in lines if line.startswith("netwright ")):
        status = cli.main(shortened(words))
        refused = "Relu" in " ".join(words)  # the page shows what becomes of a wrong name
        assert bool(status) == refused, f"{where}: netwright {shlex.join(words)} ended with {status}"


@each_page_with_code
@pytest.mark.usefixtures("own_names")
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for extra in ("matplotlib", "pandas", "PIL"):
        pytest.importorskip(extra)
    namespace: dict[str, Any] = {"__name__": f"docs_{page.stem}"}
    with torch.random.fork_rng(devices=[]):  # a page may make a module of torch's own, which draws from torch's state
        for number, (language, body) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1):
            run(language, body, namespace, f"{label(page)}, block {number}")


def test_the_pages_have_code() -> None:
    assert len(WITH_CODE) >= 12
    assert {"house/add_a_layer", "house/add_a_loss", *LONG} <= set(map(label, WITH_CODE))


@each_page
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    prose = BLOCK.sub("", text)
    linked = re.findall(r"\]\(([^)#\s]+)", prose) + re.findall(r"^:link: (\S+)$", text, flags=re.MULTILINE)
    roles = re.findall(r"\{doc\}`([^`]+)`", text)  # a page, or a text <page>
    pages = [role.rpartition("<")[2].rstrip(">").strip() for role in roles]
    included = re.findall(r"^```\{(?:literal)?include\} (\S+)$", text, flags=re.MULTILINE)
    for name in [*linked, *pages, *included]:
        if "://" in name or BUILT & set(Path(name).parts):
            continue
        target = page.parent / (name if Path(name).suffix else f"{name}.md")
        assert target.is_file(), f"{label(page)} names {name}"


def test_the_installation_page_names_all_that_is_needed() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    text = (DOCS / "installation.md").read_text(encoding="utf-8").lower()
    needed = [re.split(r"[<>=\[]", name)[0] for name in project["dependencies"]]
    assert not [name for name in [*needed, *project["optional-dependencies"]] if name.lower() not in text]


@each_page
def test_a_page_is_in_the_navigation(page: Path) -> None:
    fronts = [path.read_text(encoding="utf-8") for path in PAGES if "{toctree}" in path.read_text(encoding="utf-8")]
    listed = "\n".join(line for front in fronts for line in front.partition("{toctree}")[2].splitlines())
    names = {label(page), page.stem}
    assert label(page) == "index" or any(re.search(rf"^{re.escape(n)}$", listed, flags=re.MULTILINE) for n in names)


def extension(name: str) -> ModuleType:
    """A module of docs/_ext."""
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def test_every_public_name_has_an_api_page(sources: list[Any]) -> None:
    rooms = extension("rooms")
    pages = rooms.name_pages(rooms.rooms())
    described = {full.rpartition(".")[2] for full in pages}
    public = {
        name
        for source in sources
        if source.path.name == "__init__.py" and source.room not in ("core", "commands", "__init__")
        for node in source.tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for name in ast.literal_eval(node.value)
    }
    assert public
    assert public <= described


def test_groups_of_an_api_page_are_those_of_the_imports() -> None:
    text = "# one\nfrom a import b\n\n# two\nfrom c import d, e\n__all__ = ['b', 'd', 'e', 'f']\n"
    assert extension("rooms").groups_of(text) == {"one": ["b"], "two": ["d", "e"], "more": ["f"]}


def test_docstrings_become_definitions() -> None:
    lines = ["One *x, of `y_`.", "", "Parameters", "----------", "a_ : first. b : second,", "    on two lines.", ""]
    made = "\n".join(extension("docstrings").convert(lines))
    assert r"One \*x, of `y_`." in made
    assert "**a\\_**\n        first." in made
    assert "**b**\n        second, on two lines." in made
