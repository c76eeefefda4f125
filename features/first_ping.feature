# The first thing that anybody asks of a router.

Feature: Every device reaches the internet

  Scenario: Ten devices ping Google DNS
    Given I create 10 virtual clients using macvlan
    When all clients attempt to ping Google DNS
    Then all clients should respond successfully

  Scenario: Every device reaches its own router, again and again
    Given I create 10 virtual clients using macvlan
    When all clients ping the router 20 times every 100ms
    Then packet loss should stay below 1%
    And the p99 ping round trip should be below 50ms

  # Packets that come twice are a loop, or a bridge that has two ways to one place.
  Scenario: No ping is answered twice
    Given I create 10 virtual clients using macvlan
    When all clients ping the router 20 times every 100ms
    Then these objectives should hold:
      | objective       | below |
      | duplicate pings | 1     |
      | packet loss     | 1%    |
