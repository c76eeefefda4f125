"""What a router's tests can look like. On lanherd's own router: `pytest`; on a real one, as root: `pytest --lanherd-parent eth0`."""

import pytest


@pytest.mark.lanherd(clients=5, ping="router")
def test_every_client_has_an_address_of_its_own(herd):
    addresses = {client["address"] for client in herd.ps()}
    assert len(addresses) == 5


@pytest.mark.lanherd(clients=3, join_rate="10/s")
def test_a_client_that_was_cut_off_gets_its_address_back(herd):
    before = herd.client(1)["address"]
    herd.chaos("crash", 1)
    herd.wait_restarted([1])
    assert herd.client(1)["address"] == before


@pytest.mark.lanherd(clients=1)
def test_a_client_reaches_its_router(herd):
    router = herd.client(1)["router"]
    ping = herd.exec(1, ["ping", "-c", "1", "-W", "2", router])
    assert ping.returncode == 0, ping.stdout + ping.stderr


@pytest.mark.lanherd(clients=4, ping="router", every="100ms", fail_if="packet loss > 1 %")
def test_no_ping_is_lost_while_leases_are_renewed(herd):
    assert herd.order("renew") == 4
    for event in herd.events(timeout=2):
        assert event["event"] != "failed", event
    outcome = herd.stop()
    # 125: a figure may be the tester's own lateness.
    assert outcome.passed or outcome.inconclusive, outcome.log
