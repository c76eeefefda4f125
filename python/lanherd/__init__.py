"""Herds of LAN clients, as an installed lanherd runs them.

    from lanherd import Herd

    with Herd.start(lab=True, clients=10, ping="router") as herd:
        herd.wait_online()
        herd.exec(3, ["ping", "-c", "1", "8.8.8.8"], check=True)
        outcome = herd.stop()
    assert outcome.passed, outcome.log
"""

from .control import Control, HerdError, HerdGone
from .herd import Herd, Outcome

__all__ = ["Control", "Herd", "HerdError", "HerdGone", "Outcome"]
__version__ = "0.1.0"
