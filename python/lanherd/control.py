"""The control socket of a running herd: one JSON object a line each way (docs/control.md of lanherd)."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

#: The version of the protocol.
VERSION = 1
#: How long an answer may take, in seconds. Letting a whole herd go takes longest.
ANSWER_WITHIN = 120.0


class HerdError(Exception):
    """What lanherd refused, or why it ended, in its own words."""


class HerdGone(HerdError):
    """There is no such herd, or it has ended."""


def folders(pool: str) -> List[Path]:
    """Where the socket of a pool may be: of herds on interfaces and root's labs, and of other users' labs."""
    user = os.getuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    own = Path(runtime) / "lanherd" if runtime else Path(f"/tmp/lanherd-{user}")
    return [Path("/run/lanherd") / pool, own / pool]


def check_folder(folder: Path) -> None:
    """Refuses a folder that somebody else could have put there, as below /tmp: ours or root's it is to be, and no link.

    :raises HerdError: if it is another's.
    """
    for one in (folder.parent, folder):
        status = os.lstat(one)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (0, os.getuid()):
            raise HerdError(f"{one} is somebody else's, or no folder: nothing is asked there; remove it, or set XDG_RUNTIME_DIR")


class Control:
    """A connection to the herd of a pool. One can ask as often as one likes; for events a connection of its own is opened."""

    def __init__(self, pool: str = "ns") -> None:
        self.pool = pool
        self._socket: Optional[socket.socket] = None
        self._lines: Any = None

    def _open(self) -> None:
        refused: Optional[OSError] = None
        for folder in folders(self.pool):
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.settimeout(ANSWER_WITHIN)
            try:
                check_folder(folder)
                link.connect(str(folder / "control"))
            except HerdError:
                link.close()
                raise
            except OSError as error:
                link.close()
                if not isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
                    refused = error
                continue
            self._socket, self._lines = link, link.makefile("rb")
            return
        if refused is not None:
            raise HerdError(f"the herd of pool {self.pool} cannot be asked: {refused}") from refused
        raise HerdGone(f"there is no running herd of pool {self.pool}: `lanherd ps --pool {self.pool}` says the same")

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        if self._socket is not None:
            self._lines.close()
            self._socket.close()
            self._socket = self._lines = None

    def _read(self) -> Dict[str, Any]:
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            self.close()
            raise HerdGone(f"the herd of pool {self.pool} has ended")
        answer: Dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise HerdError(answer["error"])
        return answer

    def ask(self, command: str, **request: Any) -> Any:
        """Says one request, and returns what stands under the answer's only key. Keys whose value is None are left out."""
        said = {key.rstrip("_"): value for key, value in request.items() if value is not None}
        text = json.dumps({"version": VERSION, "command": command, **said}) + "\n"
        is_kept = self._socket is not None
        if not is_kept:
            self._open()
        assert self._socket is not None
        try:
            self._socket.sendall(text.encode())
            answer = self._read()
        except (HerdGone, OSError) as error:
            self.close()
            # A connection over which nothing is said for 30 s is hung up on; `ps` can be asked twice without harm.
            if is_kept and command in ("ps", "place"):
                return self.ask(command, **request)
            if isinstance(error, HerdGone):
                raise
            raise HerdGone(f"the herd of pool {self.pool} does not answer: {error}") from error
        return next(iter(answer.values()))

    def events(self, timeout: Optional[float] = None) -> Iterator[Dict[str, Any]]:
        """What happens from this call on, until the herd ends or nothing happens for so many seconds."""
        following = Control(self.pool)
        following.ask("events")
        assert following._socket is not None
        following._socket.settimeout(timeout)
        return following._follow()

    def _follow(self) -> Iterator[Dict[str, Any]]:
        try:
            while True:
                try:
                    answer = self._read()
                except (HerdGone, OSError):
                    return
                if "event" in answer:
                    yield answer["event"]
                elif "missed" in answer:
                    raise HerdError(f"{answer['missed']} events were missed: this reader was too slow")
        finally:
            self.close()
