# A first feature file. Run it on the virtual router, without root:
#
#     lanherd bdd THIS_FOLDER --lab
#
# and on yours, on the wired interface that leads to it:
#
#     sudo lanherd bdd THIS_FOLDER --parent eth0
#
# `lanherd steps` lists everything that can stand here. If the router has no IPv6, leave out `dual-stack`, and what is said of IPv6.

Feature: Ten devices join the LAN

  Background:
    Given I create 10 dual-stack virtual clients using macvlan

  Scenario: Every device gets addresses of its own
    Then all clients should hold a valid lease within 10s
    And all clients should hold a valid IPv6 address within 10s
    And no two clients should have the same IP address

  Scenario: Every device reaches the internet
    When all clients attempt to ping Google DNS
    Then all clients should respond successfully

  Scenario: Every device reaches the internet over IPv6
    When all clients attempt to ping Google DNS over IPv6
    Then all clients should respond successfully

  Scenario: Nobody waits long for the router
    When all clients ping the router 20 times every 100ms
    Then packet loss should stay below 1%
    And the p99 ping round trip should be below 50ms
