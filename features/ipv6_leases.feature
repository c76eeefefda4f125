@ipv6 @lab
Feature: DHCPv6 leases are held, extended and confirmed

  Scenario: Clients get addresses by DHCPv6 where the router says so
    Given the lab configuration:
      """
      [ipv6]
      managed = true
      autonomous = false
      """
    And I create 10 IPv6 virtual clients using macvlan
    Then no two clients should have the same IP address
    And all clients should be configured with:
      | option | value   |
      | flags  | managed |

  Scenario: A DHCPv6 lease is extended
    Given the lab configuration:
      """
      [ipv6]
      managed = true
      autonomous = false
      """
    And I create 5 IPv6 virtual clients using macvlan
    When all clients renew their leases
    Then all clients should respond successfully
    And all clients should hold a valid IPv6 address within 5s

  Scenario: A DHCPv6 lease is right on its link
    Given the lab configuration:
      """
      [ipv6]
      managed = true
      """
    And I create 5 IPv6 virtual clients using macvlan
    When all clients confirm their addresses
    Then all clients should respond successfully

  Scenario: A DHCPv6 lease is there soon
    Given the lab configuration:
      """
      [ipv6]
      managed = true
      autonomous = false
      """
    And a client may take 30s to get a lease
    And I create 10 IPv6 virtual clients using macvlan
    Then the median join time should be below 7s
