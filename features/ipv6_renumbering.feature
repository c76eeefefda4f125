@ipv6 @lab
Feature: Clients follow the LAN to another prefix

  Scenario: The old prefix is withdrawn, and nobody uses it any more
    Given I create 10 dual-stack virtual clients using macvlan
    When the router advertises another prefix
    And 5s pass
    Then no client should have used a stale prefix for longer than 2s
    And all clients should use no address of "2001:db8:77::/64" within 10s
    And all clients should hold an address of "2001:db8:78::/64" within 10s
    And all clients should hold a valid IPv4 address within 10s

  Scenario: A router that reboots has its clients back in both families
    Given I create 10 dual-stack virtual clients using macvlan
    When the router reboots
    Then all clients should recover within 60s
    And all clients should hold a valid IPv6 address within 30s
    When 5s pass
    Then no client should have used a stale prefix for longer than 2s

  # RFC 9096, 3.5: what was leased of the old prefix is ended with lifetimes of 0 when it is to be extended.
  Scenario: Leased addresses go with the prefix
    Given the lab configuration:
      """
      [ipv6]
      managed = true
      autonomous = false

      [ipv6.dhcp]
      t1 = "5s"
      t2 = "8s"
      """
    And I create 5 IPv6 virtual clients using macvlan
    When the router advertises another prefix
    Then all clients should use no address of "2001:db8:77::/64" within 30s
