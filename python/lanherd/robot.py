"""Keywords for Robot Framework.

    *** Settings ***
    Library           lanherd.robot.Lanherd
    Suite Setup       Start Herd    lab=True    clients=5    ping=router
    Suite Teardown    Stop Herd

    *** Test Cases ***
    A Client Comes Back
        Inject Fault    crash    1
        Wait Until Restarted    1
        Run In Client    1    ping    -c    1    8.8.8.8
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from robot.api import logger
from robot.api.deco import keyword, library
from robot.utils import timestr_to_secs

from .control import HerdError
from .herd import Herd


@library(scope="GLOBAL")
class Lanherd:
    """One herd at a time, which the first keyword starts or attaches to."""

    def __init__(self, program: Optional[str] = None) -> None:
        self._program = program
        self._herd: Optional[Herd] = None

    @property
    def herd(self) -> Herd:
        """The herd that keywords are about."""
        if self._herd is None:
            raise HerdError("there is no herd: say Start Herd or Attach Herd first")
        return self._herd

    @keyword
    def start_herd(self, timeout: str = "60s", pool: str = "robot", **options: Any) -> None:
        """Starts a herd with options of `lanherd up`, as ``clients=5  ping=router  lab=True``, and waits until all clients are online.

        ``ping``, ``resolve`` and other options that may be given again take a list.
        """
        if self._herd is not None:
            raise HerdError("there is a herd already: say Stop Herd first")
        words = {"true": True, "false": False}
        meant = {name: words.get(value.lower(), value) if isinstance(value, str) else value for name, value in options.items()}
        herd = Herd.start(pool, self._program, **meant)
        try:
            herd.wait_online(timeout=timestr_to_secs(timeout))
        except BaseException:
            herd.stop()
            raise
        self._herd = herd

    @keyword
    def attach_herd(self, pool: str = "ns") -> None:
        """Takes the herd that runs in that pool, and leaves it as it is in the end."""
        if self._herd is not None:
            raise HerdError("there is a herd already: say Stop Herd first")
        self._herd = Herd.attach(pool, self._program)

    @keyword
    def stop_herd(self) -> Optional[Dict[str, Any]]:
        """Stops the herd in order, if there is one that was started here, and returns its report. Fails if that says that clients failed."""
        herd, self._herd = self._herd, None
        if herd is None or not herd.is_ours:
            return None
        outcome = herd.stop()
        logger.info(outcome.log)
        if outcome.code not in (0, 125):
            raise AssertionError(f"the herd ended with exit code {outcome.code}:\n{outcome.log}")
        return outcome.report

    @keyword
    def wait_until_online(self, timeout: str = "60s") -> None:
        """Waits until all clients are online."""
        self.herd.wait_online(timeout=timestr_to_secs(timeout))

    @keyword
    def wait_until_restarted(self, *clients: str, timeout: str = "60s") -> None:
        """Waits until these clients have been started again since ``Inject Fault`` was said last, and are online."""
        self.herd.wait_restarted([int(client) for client in clients], timeout=timestr_to_secs(timeout))

    @keyword
    def get_clients(self) -> List[Dict[str, Any]]:
        """Every client, as a report has it."""
        return self.herd.ps()

    @keyword
    def run_in_client(self, client: str, *command: str, timeout: str = "60s") -> str:
        """Runs a program as that client, which must succeed; returns what it wrote."""
        done = self.herd.exec(int(client), command, timeout=timestr_to_secs(timeout))
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with exit code {done.returncode} in client {client}:\n{done.stdout}{done.stderr}")
        return done.stdout

    @keyword
    def order_clients(self, order: str, clients: str = "all") -> int:
        """Has clients ``renew``, ``rebind``, ``release``, ``decline`` or ``inform``; returns how many were told."""
        return self.herd.order(order, clients)

    @keyword
    def inject_fault(self, fault: str, clients: Optional[str] = None, lasts: Optional[str] = None) -> None:
        """Breaks something on purpose, as ``crash`` or ``dhcp-mute``."""
        self.herd.chaos(fault, clients, lasts)
