"""A herd on lanherd's own router, from Python. The program is named by $LANHERD; as root, in namespaces that the program makes."""

import os
import signal
import subprocess

import pytest
from lanherd import Herd, HerdError, HerdGone
from lanherd.herd import option_words


def pool(name: str) -> str:
    """A pool of this test run's own."""
    digits = str(os.getpid()).translate(str.maketrans("0123456789", "abcdefghij"))
    return f"{name}{digits}"


def test_options_are_those_of_the_command_line():
    words = option_words({"lab": True, "adopt": False, "join_rate": "10/s", "for_": "10m", "ping": ["router", "Google DNS"], "seed": 0, "html": None})
    assert words == ["--lab", "--join-rate=10/s", "--for=10m", "--ping=router", "--ping=Google DNS", "--seed=0"]


def test_a_herd_is_started_asked_disturbed_and_stopped():
    with Herd.start(pool("a"), lab=True, clients=3, seed=7) as herd:
        clients = herd.wait_online(timeout=60)
        assert [client["number"] for client in clients] == [1, 2, 3]
        assert len({client["address"] for client in clients}) == 3
        # In a client: its own address, its own resolver, and the program's own exit code.
        shown = herd.exec(2, ["ip", "-4", "-o", "addr"], check=True).stdout
        assert herd.client(2)["address"].split("/")[0] in shown
        assert herd.exec(2, ["sh", "-c", "exit 7"]).returncode == 7
        assert herd.order("renew", "1-2") == 2
        assert herd.add(2) == [4, 5]
        herd.wait_online([4, 5])
        gone = herd.remove("5")
        assert gone["clients"] == 1 and gone["errors"] == []
        with pytest.raises(HerdError, match="there is no client 5"):
            herd.client(5)
        herd.chaos("crash", 1)
        assert herd.wait_restarted([1])[0]["restarts"] == 1
        # As the command line has faults, and with what lanherd says where it refuses one.
        herd.chaos("dhcp-mute", lasts="1s")
        with pytest.raises(HerdError, match="unknown variant `frob`"):
            herd.chaos("frob")
        with pytest.raises(HerdError):
            herd.chaos("crash", 99)
        assert "clients join" in herd.log()
        outcome = herd.stop()
        assert herd.stop() is outcome
    assert outcome.passed, outcome.log
    assert outcome.report["schema"] == "lanherd.report/1"
    assert outcome.report["parameters"]["seed"] == 7
    with pytest.raises(HerdGone):
        herd.ps()


def test_a_folder_that_somebody_else_has_put_there_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    name = pool("h")
    real, link = tmp_path / "real", tmp_path / "lanherd"
    (real / name).mkdir(parents=True)
    link.symlink_to(real)
    with pytest.raises(HerdError, match="lanherd is somebody else's, or no folder"):
        Herd.attach(name)
    link.unlink()
    (link / name).mkdir(parents=True)
    os.chown(link / name, 65534, 65534)
    with pytest.raises(HerdError, match=f"{name} is somebody else's"):
        Herd.attach(name)
    os.chown(link / name, 0, 0)
    with pytest.raises(HerdGone, match="no running herd"):
        Herd.attach(name)


def test_events_are_told_as_they_happen_and_end_with_the_herd():
    with Herd.start(pool("b"), lab=True, clients=1) as herd:
        herd.wait_online()
        # From the call on, whenever they are read.
        events = herd.events(timeout=60)
        herd.restart(1)
        first = next(events)
        assert first["client"] == 1
        herd.stop()
        assert all("event" in event for event in events)
        with pytest.raises(HerdGone):
            herd.events()


def test_one_that_runs_is_attached_to_and_not_started_again():
    name = pool("c")
    with Herd.start(name, lab=True, clients=1) as herd:
        herd.wait_online()
        with pytest.raises(HerdError, match="runs already"):
            Herd.start(name, lab=True, clients=1)
        with Herd.attach(name) as other:
            assert not other.is_ours
            assert len(other.ps()) == 1
        assert len(herd.ps()) == 1
        with pytest.raises(HerdError, match="is told to whoever started it"):
            other.stop()
        assert herd.stop().passed
    with pytest.raises(HerdGone, match="no running herd"):
        Herd.attach(name)


def test_a_scenario_is_run(tmp_path):
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('lab = true\nclients = 2\nping = ["router"]\n')
    with Herd.run(scenario, pool("d"), label="firmware=2.1") as herd:
        assert len(herd.wait_online()) == 2
        assert herd.stop().report["parameters"]["label"]["firmware"] == "2.1"


def test_what_cannot_be_started_is_told_in_the_words_of_the_program():
    with pytest.raises(HerdError, match="exit code 2.*public"):
        try:
            Herd.start(pool("e"), lab=True, clients=1, mode="public")
        except HerdError as error:
            raise HerdError(str(error).replace("\n", " ")) from error
    with pytest.raises(HerdError, match="nowhere-lanherd cannot be run.*LANHERD"):
        Herd.start(pool("e"), program="nowhere-lanherd", lab=True, clients=1)


def test_clients_that_do_not_come_online_are_named_with_what_they_do():
    with Herd.start(pool("f"), lab=True, clients=2, lab_fault="dhcp-mute") as herd:
        with pytest.raises(HerdError, match=f"{herd.pool}1: .*{herd.pool}2: "):
            herd.wait_online(timeout=2)
        with pytest.raises(HerdError, match="client 9: not there"):
            herd.wait_online([9], timeout=0)
        outcome = herd.stop()
    assert outcome.code == 1, outcome.log


def test_a_herd_that_was_killed_is_gone():
    with Herd.start(pool("g"), lab=True, clients=1) as herd:
        herd.wait_online()
        os.kill(herd._process.pid, signal.SIGKILL)
        herd._process.wait(30)
        with pytest.raises(HerdGone):
            herd.ps()
        assert herd.stop().code == -signal.SIGKILL
        # What it left is the socket's folder.
        subprocess.run([herd.program, "clean", f"--pool={herd.pool}"], check=True, timeout=60)
