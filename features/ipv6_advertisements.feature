@ipv6
Feature: Router advertisements make IPv6 work

  Scenario: The router answers whoever asks
    Given I create 10 IPv6 virtual clients using macvlan
    When all clients solicit a router
    Then all clients should respond successfully
    And every router advertisement should be well-formed

  Scenario: Dual-stack clients are usable in both families
    Given I create 10 dual-stack virtual clients using macvlan
    Then all clients should hold a valid IPv4 address within 10s
    And all clients should hold a valid IPv6 address within 10s
    And every advertised prefix should have a length of 64
    And no two clients should have the same IP address

  Scenario: Lifetimes are short enough for a line that gets another prefix
    Given I create 2 IPv6 virtual clients using macvlan
    Then preferred lifetimes should be at most 45m and valid lifetimes at most 90m

  Scenario: Every client reaches the router over IPv6
    Given I create 10 dual-stack virtual clients using macvlan
    When all clients attempt to ping the router over IPv6
    Then all clients should respond successfully

  Scenario: Every client reaches Google DNS over IPv6
    Given I create 10 dual-stack virtual clients using macvlan
    When all clients attempt to ping Google DNS over IPv6
    Then all clients should respond successfully

  @lab
  Scenario: What the lab's router advertises is what clients have
    Given I create 3 IPv6 virtual clients using macvlan
    Then all clients should be configured with:
      | option  | value                          |
      | prefix6 | 2001:db8:77::/64, fd00:77::/64 |
      | router6 | fe80::1                        |
      | dns6    | fd00:77::1                     |
      | search  | lab.test                       |
      | pref64  | 64:ff9b::/96                   |
      | flags   | none                           |

  # A second each for the random delay, and for asking whether somebody has the addresses (RFC 4861, 6.3.7; RFC 4862, 5.4).
  Scenario: A router that is asked answers at once
    Given I create 10 IPv6 virtual clients using macvlan
    Then the median join time should be below 5s

  # A router that is advertised for nine seconds has to say so again before.
  @lab
  Scenario: A router that is there stays there
    Given the lab configuration:
      """
      [ipv6]
      interval = "3s"
      router-lifetime = "9s"
      """
    And I create 5 IPv6 virtual clients using macvlan
    When 20s pass
    Then all clients should hold a valid IPv6 address within 1s
    And availability should be at least 99%

  # RFC 8106, 5.1: a resolver is good for longer than it takes until it is named again.
  @lab
  Scenario: The resolver stays between two advertisements
    Given the lab configuration:
      """
      [ipv6]
      interval = "60s"
      """
    And I create 5 IPv6 virtual clients using macvlan
    When 10s pass
    And all clients resolve "dns.google"
    Then all clients should respond successfully
