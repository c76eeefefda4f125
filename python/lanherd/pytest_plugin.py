"""The pytest fixture `herd`: a herd for each test that asks for one.

    @pytest.mark.lanherd(clients=3, ping="router")
    def test_the_router_survives(herd):
        herd.chaos("crash", 1)
        herd.wait_restarted([1])

The marker has the options of `lanherd up`. Where the clients stand is said on the command line of pytest: on the lab, unless
`--lanherd-parent` names an interface or `--lanherd-attach` a pool that runs.
"""

from __future__ import annotations

import os
from typing import Any, Dict, Iterator

import pytest

from .herd import Herd


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of pytest's command line."""
    group = parser.getgroup("lanherd", "herds of LAN clients")
    group.addoption("--lanherd-parent", metavar="NAME", help="the wired interface that clients stand on [default: the lab]")
    group.addoption("--lanherd-attach", metavar="POOL", help="take the herd that runs in this pool, and leave it as it is")
    group.addoption("--lanherd-program", metavar="FILE", help="the program [default: $LANHERD, or lanherd]")
    group.addoption("--lanherd-timeout", metavar="SECONDS", type=float, default=60.0, help="within which clients are online [default: 60]")


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line("markers", "lanherd(pool='py', **options): the herd of this test, with the options of `lanherd up`")


def _options(request: pytest.FixtureRequest) -> Dict[str, Any]:
    # Tests that run side by side have a pool each: pytest-xdist calls its workers gw0, gw1, ...
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    options: Dict[str, Any] = {"pool": f"py-{worker}x" if worker else "py", "clients": 1}
    # What stands nearest to the test goes before the rest.
    for marker in reversed(list(request.node.iter_markers("lanherd"))):
        options.update(marker.kwargs)
    parent = request.config.getoption("--lanherd-parent")
    options.update({"parent": parent} if parent else {"lab": True})
    return options


@pytest.fixture
def herd(request: pytest.FixtureRequest) -> Iterator[Herd]:
    """A herd whose clients are online; it is stopped when the test is over, and what lanherd said is shown with a test that failed."""
    program = request.config.getoption("--lanherd-program")
    attached = request.config.getoption("--lanherd-attach")
    within = request.config.getoption("--lanherd-timeout")
    if attached:
        running = Herd.attach(attached, program)
        running.wait_online(timeout=within)
        yield running
        running.control.close()
        return
    with Herd.start(program=program, **_options(request)) as started:
        started.wait_online(timeout=within)
        yield started
        print(started.stop().log)
