"""The LAN side of a board, by labgrid's own fixtures: `pytest --lg-env lab.yaml`."""

import pytest


@pytest.fixture
def lan(target):
    driver = target.get_driver("LanherdDriver")
    yield driver
    target.deactivate(driver)


def test_clients_are_leased_addresses_and_reach_their_router(lan):
    for client in lan.ps():
        lan.run_check(client["number"], ["ping", "-c", "1", "-W", "2", client["router"]])


def test_a_client_that_crashes_comes_back(lan):
    lan.chaos("crash", "2")
    lan.wait_restarted([2])
