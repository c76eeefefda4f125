"""A herd: started as `lanherd up` or `lanherd run` would, or one that runs already."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Union

from .control import Control, HerdError, HerdGone

#: How long a herd may take until it can be asked, in seconds.
STARTED_WITHIN = 30.0
#: How long one may take to leave, in seconds: releases, and namespaces that are removed.
STOPPED_WITHIN = 120.0

Clients = Union[int, str]


@dataclass
class Outcome:
    """How a herd that was started here ended."""

    #: The exit code: 0 all well, 1 clients or objectives failed, 2 usage, 3 the environment cannot do it, 125 inconclusive, 130 interrupted.
    code: int
    #: The report (schemas/lanherd.report-1.schema.json); None if there is none.
    report: Optional[Dict[str, Any]]
    #: What lanherd said.
    log: str

    @property
    def passed(self) -> bool:
        """Whether nothing failed and nothing is inconclusive."""
        return self.code == 0

    @property
    def inconclusive(self) -> bool:
        """Whether nothing failed, but the tester itself may be why something looks as it does."""
        return self.code == 125


def option_words(options: Dict[str, Any]) -> List[str]:
    """Options as the command line has them: `join_rate="10/s"` is `--join-rate 10/s`, True a flag, a list the option again and again.

    A name that Python keeps for itself has an underscore behind it: `for_="10m"`.
    """
    words: List[str] = []
    for name, value in options.items():
        option = "--" + name.rstrip("_").replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is None or one is False:
                continue
            words.append(option if one is True else f"{option}={one}")
    return words


class Herd:
    """A running herd. As a context manager it is stopped in the end, if it was started here."""

    def __init__(self, pool: str = "ns", program: Optional[str] = None) -> None:
        self.pool = pool
        self.program = program or os.environ.get("LANHERD", "lanherd")
        self.control = Control(pool)
        self.outcome: Optional[Outcome] = None
        #: How often each client had been started again when something was broken last.
        self._restarts: Dict[int, int] = {}
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._folder: Optional[tempfile.TemporaryDirectory[str]] = None
        self._report: Optional[Path] = None

    @classmethod
    def attach(cls, pool: str = "ns", program: Optional[str] = None) -> Herd:
        """The herd that runs in that pool already."""
        herd = cls(pool, program)
        herd.ps()
        return herd

    @classmethod
    def start(cls, pool: str = "ns", program: Optional[str] = None, **options: Any) -> Herd:
        """Starts `lanherd up` with these options (:func:`option_words`), and returns when the herd can be asked: its clients still join."""
        herd = cls(pool, program)
        herd._start(["up"], options)
        return herd

    @classmethod
    def run(cls, scenario: Union[str, Path], pool: str = "ns", program: Optional[str] = None, **options: Any) -> Herd:
        """The same with `lanherd run` and a scenario file."""
        herd = cls(pool, program)
        herd._start(["run", str(scenario)], options)
        return herd

    def _start(self, command: List[str], options: Dict[str, Any]) -> None:
        # One that runs in this pool already would be asked in place of the new one.
        try:
            self.ps()
        except HerdGone:
            pass
        else:
            raise HerdError(f"a herd of pool {self.pool} runs already: stop it, attach to it, or name another pool")
        self._folder = tempfile.TemporaryDirectory(prefix="lanherd-python-")
        folder = Path(self._folder.name)
        self._report = Path(options.setdefault("report", folder / "report.json"))
        words = [self.program, *command, f"--pool={self.pool}", *option_words(options)]
        with open(folder / "log", "wb") as log:
            try:
                self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            except OSError as error:
                self._folder.cleanup()
                raise HerdError(f"{self.program} cannot be run: {error}; install lanherd, or say where it is as program or in LANHERD") from error
        until = time.monotonic() + STARTED_WITHIN
        while True:
            try:
                self.ps()
                return
            except HerdGone:
                if self._process.poll() is not None:
                    outcome = self._ended()
                    raise HerdError(f"lanherd ended with exit code {outcome.code}:\n{outcome.log}") from None
            except HerdError:
                self._kill()
                raise
            if time.monotonic() > until:
                log_so_far = self.log()
                self._kill()
                raise HerdError(f"the herd cannot be asked after {STARTED_WITHIN:.0f} s:\n{log_so_far}")
            time.sleep(0.05)

    def __enter__(self) -> Herd:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()
        self.control.close()

    @property
    def is_ours(self) -> bool:
        """Whether it was started here, and not attached to."""
        return self._process is not None or self.outcome is not None

    def ps(self, gone: bool = False) -> List[Dict[str, Any]]:
        """Every client, as a report has it, with `lease_remaining_seconds`; those that have left only if they are asked for."""
        clients: List[Dict[str, Any]] = self.control.ask("ps")["clients"]
        return [client for client in clients if gone or client["phase"] != "gone"]

    def client(self, number: int) -> Dict[str, Any]:
        """One client of these."""
        for client in self.ps():
            if client["number"] == number:
                return client
        raise HerdError(f"there is no client {number} in pool {self.pool}")

    def wait_online(self, clients: Optional[Sequence[int]] = None, timeout: float = 60.0) -> List[Dict[str, Any]]:
        """Waits until these clients are online, or all that there are, and returns them.

        A client that has just been broken may be online for a moment more: see :meth:`wait_restarted`.

        :raises HerdError: if they are not within so many seconds: names them, with their phases and causes.
        """
        return self._wait(clients, timeout, "online", lambda client: True)

    def wait_restarted(self, clients: Sequence[int], timeout: float = 60.0) -> List[Dict[str, Any]]:
        """Waits until these clients have been started again since :meth:`chaos` was said last, and are online."""
        before = self._restarts
        return self._wait(clients, timeout, "online anew", lambda client: client["restarts"] > before.get(client["number"], 0))

    def _wait(
        self, clients: Optional[Sequence[int]], timeout: float, what: str, is_so: Callable[[Dict[str, Any]], bool]
    ) -> List[Dict[str, Any]]:
        until = time.monotonic() + timeout
        while True:
            wanted = [client for client in self.ps() if clients is None or client["number"] in clients]
            missing = set(clients or []) - {client["number"] for client in wanted}
            waiting = [client for client in wanted if client["phase"] != "online" or not is_so(client)]
            if wanted and not waiting and not missing:
                return wanted
            if time.monotonic() > until:
                each = [f"{client['namespace']}: {client['phase']}" + (f" ({client['cause']})" if client.get("cause") else "") for client in waiting]
                each += [f"client {number}: not there" for number in sorted(missing)]
                raise HerdError(f"after {timeout:g} s these clients are not {what}: " + ", ".join(each or ["there are none"]))
            time.sleep(0.1)

    def exec(
        self, client: int, command: Sequence[str], timeout: Optional[float] = 60.0, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program as that client: with its network, and its resolver. As :func:`subprocess.run`, with the output as text."""
        words = [self.program, "exec", f"--pool={self.pool}", str(client), "--", *command]
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=check)

    def order(self, order: str, clients: Clients = "all") -> int:
        """Has clients `renew`, `rebind`, `release`, `decline` or `inform`; returns how many were told."""
        told: int = self.control.ask("order", order=order, clients=str(clients))
        return told

    def restart(self, clients: Clients) -> int:
        """Ends clients, and starts them again; returns how many."""
        told: int = self.control.ask("restart", clients=str(clients))
        return told

    def add(self, count: int, group: Optional[str] = None) -> List[int]:
        """Adds clients; returns their numbers."""
        added: List[int] = self.control.ask("add", count=count, group=group)
        return added

    def remove(self, clients: Clients) -> Dict[str, Any]:
        """Lets clients release their leases and go."""
        removed: Dict[str, Any] = self.control.ask("remove", clients=str(clients))
        return removed

    def chaos(self, fault: str, clients: Optional[Clients] = None, lasts: Optional[str] = None) -> List[Dict[str, Any]]:
        """Breaks something on purpose, as `lanherd chaos` does: `crash`, `dhcp-mute`.

        :raises HerdError: if that could not be done to one of those that it aims at.
        """
        aimed = None if clients is None else str(clients)
        self._restarts = {client["number"]: client["restarts"] for client in self.ps()}
        faults: List[Dict[str, Any]] = self.control.ask("chaos", fault=fault.replace("-", "_"), clients=aimed, for_=lasts)
        errors = [str(one["error"]) for one in faults if one["error"] is not None]
        if errors:
            raise HerdError(f"{fault}: " + "; ".join(errors))
        return faults

    def events(self, timeout: Optional[float] = None) -> Iterator[Dict[str, Any]]:
        """What happens from this call on, until the herd ends or nothing happens for so many seconds."""
        return self.control.events(timeout)

    def log(self) -> str:
        """What lanherd has said so far, where it was started here."""
        if self.outcome is not None:
            return self.outcome.log
        if self._folder is None:
            return ""
        return (Path(self._folder.name) / "log").read_text(errors="replace")

    def stop(self, timeout: float = STOPPED_WITHIN) -> Outcome:
        """Ends the herd in order, as if its time were over, and says how it ended; again and again the same.

        :raises HerdError: if it was not started here: how it ends is told to whoever started it. Or if it has not ended after so many
            seconds: it is killed then, and `lanherd clean` removes what it left.
        """
        if self.outcome is not None:
            return self.outcome
        if self._process is None:
            self.control.ask("stop")
            raise HerdError(f"the herd of pool {self.pool} was told to stop; how it ended is told to whoever started it")
        try:
            self.control.ask("stop")
        except HerdGone:
            pass
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._kill()
            raise HerdError(f"the herd has not ended {timeout:g} s after it was told to, and was killed: run `lanherd clean`") from None
        return self._ended()

    def _ended(self) -> Outcome:
        assert self._process is not None and self._folder is not None and self._report is not None
        code = self._process.wait()
        report = json.loads(self._report.read_text()) if self._report.exists() else None
        self.outcome = Outcome(code, report, self.log())
        self._process = None
        self.control.close()
        self._folder.cleanup()
        return self.outcome

    def _kill(self) -> None:
        assert self._process is not None
        # In order, if that is possible.
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()
