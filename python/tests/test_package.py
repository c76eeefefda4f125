"""The package as it is installed."""

import ast
import importlib.metadata
from pathlib import Path

import lanherd

SOURCES = sorted((Path(__file__).parents[1] / "lanherd").glob("*.py"))


def test_its_sources_are_of_the_oldest_python_that_it_is_said_to_run_with():
    assert len(SOURCES) >= 6
    for source in SOURCES:
        ast.parse(source.read_text(), str(source), feature_version=(3, 9))


def test_it_is_installed_with_its_types_its_fixture_and_nothing_that_needs_a_machine_of_a_kind():
    distribution = importlib.metadata.distribution("lanherd")
    assert distribution.version == lanherd.__version__
    plugins = [entry.value for entry in distribution.entry_points if entry.group == "pytest11"]
    assert plugins == ["lanherd.pytest_plugin"]
    files = {file.name for file in distribution.files if "dist-info" not in str(file) and not str(file).endswith(".pyc")}
    assert files == {source.name for source in SOURCES} | {"py.typed"}
    assert "Root-Is-Purelib: true" in distribution.read_text("WHEEL")
    # It asks for nothing else; what it is for comes with whoever uses that.
    needed = distribution.requires or []
    assert all("extra ==" in one for one in needed), needed
