"""What the documentation shows works: examples run, study files load, commands and links exist."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys

import pytest
from repository import ROOT

from bitfront.search.config import load_study

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str, first: str = "") -> list:
    """Return the code blocks of a language whose first line starts with `first`, as test parameters."""
    return [
        pytest.param(
            match[2], id=f"{page.relative_to(ROOT)}:{page.read_text()[: match.start()].count(chr(10)) + 1}"
        )
        for page in PAGES
        for match in BLOCK.finditer(page.read_text())
        if match[1] == language and match[2].startswith(first)
    ]


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in PAGES])
def test_links_between_pages_lead_somewhere(page):
    """Every link to a file of the repository names one that is there."""
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text())
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert missing == []


def test_the_numerics_page_computes_what_it_says():
    """Every number in the worked examples is what the code gives."""
    outcome = doctest.testfile(str(ROOT / "docs" / "numerics.md"), module_relative=False)
    assert outcome.failed == 0
    assert outcome.attempted > 8


@pytest.mark.parametrize("text", blocks("yaml"))
def test_study_files_in_the_documentation_are_accepted(text, tmp_path):
    """Whole study files load as they stand, fragments inside the smallest study."""
    if not text.startswith(("# study.yaml", "model:")):
        text = f"model: model.py:build\ndata: data.py:load\ntask: regression\n{text}"
    file = tmp_path / "study.yaml"
    file.write_text(text)
    assert load_study(file).name == tmp_path.name


@pytest.mark.parametrize("text", blocks("python", "# data.py"))
def test_data_functions_in_the_documentation_give_three_splits(text):
    """The data examples return arrays of one length and shape for each split."""
    space: dict = {}
    exec(compile(text, "data.py", "exec"), space)
    data = space["load"]()
    assert set(data) == {f"{kind}_{split}" for kind in "xy" for split in ("train", "val", "test")}
    for split in ("train", "val", "test"):
        assert len(data[f"x_{split}"]) == len(data[f"y_{split}"]) > 100
        assert data[f"x_{split}"].shape[1:] == data["x_train"].shape[1:]


def test_metric_functions_in_the_documentation_give_a_number():
    """The example of a metric of one's own returns a float for arrays of scores."""
    numpy = pytest.importorskip("numpy")
    for parameter in blocks("python", "# metric.py"):
        space: dict = {}
        exec(compile(parameter.values[0], "metric.py", "exec"), space)
        score = space["resolution"](numpy.zeros(4), numpy.array([[1.0], [-1.0], [1.0], [-1.0]]))
        assert score == 1.0


def test_the_readme_s_model_is_one_that_can_be_searched():
    """The model that README tells people to start from lowers to a graph, its softmax left off."""
    from bitfront.spaces import lower

    [parameter] = [one for one in blocks("python", "# model.py") if one.id.startswith("README")]
    space: dict = {}
    exec(compile(parameter.values[0], "model.py", "exec"), space)
    graph = lower(space["build"]())
    assert [node.op for node in graph.nodes] == ["input", "gru", "dense", "relu", "dense"]
    assert graph.dropped_head == "softmax"


def test_every_command_in_the_documentation_exists_with_its_options():
    """What the pages tell people to type is a command of bitfront with such options."""
    from typer.main import get_command

    from bitfront.search.cli import app

    commands = get_command(app).commands
    typed = set()
    for text in (page.read_text() for page in PAGES):
        typed.update(re.findall(r"`bitfront ([a-z][^`]*)`", BLOCK.sub("", text)))
        for match in BLOCK.finditer(text):
            typed.update(re.findall(r"(?m)^(?:\.venv/bin/)?bitfront ([a-z].*)$", match[2]))
    assert len(typed) > 8
    for line in typed:
        name, *rest = line.split()
        assert name in commands, f"bitfront {line}"
        known = {
            option
            for parameter in commands[name].params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert {word.split("=")[0] for word in rest if word.startswith("--")} <= known, f"bitfront {line}"


def test_the_table_of_supported_layers_is_the_code_s_verdict():
    """Regenerate with `python -m bitfront.hls.support_reference > docs/support.md`."""
    from bitfront.hls.support_reference import markdown

    assert (ROOT / "docs" / "support.md").read_text() == markdown()


def test_every_key_of_precision_json_is_documented():
    schema = json.loads((ROOT / "search/bundle/files/precision.schema.json").read_text())
    text = (ROOT / "docs" / "bundle.md").read_text().partition("## precision.json")[2]
    keys = [*schema["properties"], *schema["$defs"]["type"]["properties"]]
    assert [key for key in keys if f"`{key}`" not in text and f'"{key}"' not in text] == []


def test_the_example_of_a_layer_is_one():
    """It computes and rounds in a graph, in place of another layer of one input."""
    import keras
    import numpy

    from bitfront.hls.bit_true.quantizer import Mode
    from bitfront.spaces import FixedPoint, lower

    (parameter,) = blocks("python", "# layer.py")
    space: dict = {}
    exec(compile(parameter.values[0], "layer.py", "exec"), space)
    graph = lower(keras.Sequential([keras.Input((2,)), keras.layers.LeakyReLU(name="it")]))
    layer = space["Doubled"](graph, graph["it"], Mode())
    kind = FixedPoint(4, 2, True, "RND_CONV", "SAT")
    layer.quantizers["result"].assign(kind)
    x = numpy.array([[0.3, 5.0]], "float32")
    assert numpy.array_equal(numpy.asarray(layer([x])), kind.quantize(2 * x))


def test_the_site_is_built_without_a_warning(tmp_path):
    """As `.ci/run` builds it: a broken link, anchor or page outside the navigation is an error."""
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=quiet)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "tutorial" / "index.html").read_text()
    assert "fonts.googleapis" not in page
