"""The three examples, each as its user would run it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(folder, tmp_path, *words, expected=0):
    """A program in a copy of an example's folder; returns what it said."""
    copy = tmp_path / folder
    shutil.copytree(EXAMPLES / folder, copy, dirs_exist_ok=True)
    done = subprocess.run(
        list(words), cwd=copy, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180,
    )
    assert done.returncode == expected, done.stdout
    return done.stdout


PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA")


def test_the_example_for_pytest(tmp_path):
    said = run("pytest", tmp_path, *PYTEST)
    assert "4 passed" in said, said


def test_a_test_that_fails_shows_what_lanherd_said(tmp_path):
    (tmp_path / "pytest").mkdir()
    (tmp_path / "pytest" / "test_wrong.py").write_text("def test_wrong(herd):\n    assert len(herd.ps()) == 2\n")
    said = run("pytest", tmp_path, *PYTEST, "test_wrong.py", expected=1)
    assert "1 client joins" in said or "1 of 1 online" in said, said


def test_the_example_for_labgrid_on_the_lab(tmp_path):
    said = run("labgrid", tmp_path, *PYTEST, "--lg-env", "lab.yaml")
    assert "2 passed" in said, said


#: A machine of its own, with a router on an interface: what stands below /run and /etc/netns there is its own, too.
ON_A_PARENT = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /etc/netns
mount -t tmpfs tmpfs /etc/netns
ip link set lo up
"$LANHERD" --quiet lab --uplink lan0 &
router=$!
trap 'kill $router; wait $router || true' EXIT
for look in $(seq 300); do
    ip link show lan0 >/dev/null 2>&1 && break
    sleep 0.1
done
"$@"
"""


@pytest.mark.parametrize(
    "folder, words, said",
    [
        ("labgrid", (*PYTEST, "--lg-env", "lan.yaml"), "2 passed"),
        ("pytest", (*PYTEST, "--lanherd-parent", "lan0"), "4 passed"),
        ("robot", (sys.executable, "-m", "robot", "--variable", "PARENT:lan0", "router.robot"), "4 tests, 4 passed"),
    ],
)
def test_the_examples_on_an_interface(tmp_path, folder, words, said):
    words = ("unshare", "--net", "--mount", "sh", "-c", ON_A_PARENT, "sh", *words)
    assert said in run(folder, tmp_path, *words)


def test_the_example_for_robot_framework(tmp_path):
    said = run("robot", tmp_path, sys.executable, "-m", "robot", "router.robot")
    assert "4 tests, 4 passed, 0 failed" in said, said


def test_a_keyword_without_a_herd_says_what_to_do(tmp_path):
    (tmp_path / "robot").mkdir()
    (tmp_path / "robot" / "wrong.robot").write_text(
        "*** Settings ***\nLibrary    lanherd.robot.Lanherd\n\n*** Test Cases ***\nWrong\n    Wait Until Online\n"
    )
    said = run("robot", tmp_path, sys.executable, "-m", "robot", "wrong.robot", expected=1)
    assert "say Start Herd or Attach Herd first" in said, said
