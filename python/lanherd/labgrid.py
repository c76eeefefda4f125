"""A driver for labgrid: a herd on the interface that leads to the board's LAN side.

    targets:
      main:
        resources:
          NetworkInterface:
            ifname: eth1
        drivers:
          LanherdDriver:
            options: { clients: 20, family: dual, ping: router }
    imports:
      - lanherd.labgrid

Without an interface the clients stand on lanherd's own virtual router.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.step import step

from .herd import Herd, Outcome


@target_factory.reg_driver
@attr.s(eq=False)
class LanherdDriver(Driver):
    """Runs a herd while it is active. All else that a herd can do is at `herd`.

    Args:
        pool (str): the pool's name
        program (str): the program, where it is not in the path
        timeout (float): within how many seconds all clients are online
        options (dict): options of `lanherd up`: clients, family, ping, ...
    """

    bindings = {"iface": {"NetworkInterface", "USBNetworkInterface", None}}
    pool: str = attr.ib(default="lg", validator=attr.validators.instance_of(str))
    program: Optional[str] = attr.ib(default=None, validator=attr.validators.optional(attr.validators.instance_of(str)))
    timeout: float = attr.ib(default=60.0, converter=float)
    options: Dict[str, Any] = attr.ib(factory=dict, validator=attr.validators.instance_of(dict))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.herd: Optional[Herd] = None
        self.outcome: Optional[Outcome] = None

    def on_activate(self) -> None:
        """Starts the herd, and waits until all clients are online."""
        options = {"clients": 1, **self.options, **({"lab": True} if self.iface is None else {"parent": self.iface.ifname})}
        self.outcome = None
        herd = Herd.start(self.pool, self.program, **options)
        try:
            herd.wait_online(timeout=self.timeout)
        except BaseException:
            herd.stop()
            raise
        self.herd = herd

    def on_deactivate(self) -> None:
        """Stops it; `outcome` says how it ended."""
        if self.herd is not None:
            self.outcome = self.herd.stop()
            self.herd = None

    @Driver.check_active
    @step(result=True)
    def ps(self) -> List[Dict[str, Any]]:
        """Every client."""
        assert self.herd is not None
        return self.herd.ps()

    @Driver.check_active
    @step(args=["client", "command"], result=True)
    def run_check(self, client: int, command: Sequence[str], timeout: float = 60.0) -> List[str]:
        """Runs a program as that client, which must succeed; returns its lines."""
        assert self.herd is not None
        return self.herd.exec(client, command, timeout=timeout, check=True).stdout.splitlines()

    @Driver.check_active
    @step(args=["fault", "clients"])
    def chaos(self, fault: str, clients: Optional[str] = None, lasts: Optional[str] = None) -> None:
        """Breaks something on purpose."""
        assert self.herd is not None
        self.herd.chaos(fault, clients, lasts)

    @Driver.check_active
    @step(args=["timeout"])
    def wait_online(self, timeout: float = 60.0) -> None:
        """Waits until all clients are online."""
        assert self.herd is not None
        self.herd.wait_online(timeout=timeout)

    @Driver.check_active
    @step(args=["clients", "timeout"])
    def wait_restarted(self, clients: Sequence[int], timeout: float = 60.0) -> None:
        """Waits until these clients have been started again since something was broken last, and are online."""
        assert self.herd is not None
        self.herd.wait_restarted(clients, timeout)
