@ipv6
Feature: A home router keeps to RFC 7084 and RFC 9096 on its LAN

  # RFC 4861, 6.2.6; RFC 7084, L-1 and L-5: half a second, and three since the latest advertisement to all.
  Scenario: A solicitation is answered in time
    Given I create 5 IPv6 virtual clients using macvlan
    When all clients solicit a router
    Then all clients should respond successfully
    And routers should have answered every solicitation within 4s

  # RFC 4861, 6.2.6: MIN_DELAY_BETWEEN_RAS, also while many hosts ask at once.
  Scenario: Advertisements to all keep their distance while many join
    Given I create 20 IPv6 virtual clients using macvlan
    When 20s pass
    Then router advertisements to all should be at least 3s apart

  # RFC 4861, 6.2.1: MaxRtrAdvInterval; on a real router it takes half an hour and more.
  @lab
  Scenario: Advertisements keep coming
    Given the lab configuration:
      """
      [ipv6]
      interval = "4s"
      """
    And I create 3 IPv6 virtual clients using macvlan
    When 15s pass
    Then router advertisements to all should be at most 6s apart

  # RFC 7084, L-6.
  Scenario: Hosts may form addresses of every prefix, and reach each other in it
    Given I create 2 IPv6 virtual clients using macvlan
    Then every advertised prefix should have the flags on-link and autonomous

  # RFC 4862, 5.4: who answers for addresses that nobody has, or takes them first, breaks every host's.
  Scenario: Nobody has the addresses that clients form
    Given I create 5 dual-stack virtual clients using macvlan
    Then all clients should hold a valid IPv6 address within 10s
    And no client should have found its IPv6 address in use

  # MLD snooping (RFC 4541) that forgets who listens: works for minutes, and then not.
  @soak
  Scenario: The router hears clients that were quiet for five minutes
    Given I create 5 IPv6 virtual clients using macvlan
    When 5m pass
    And all clients solicit a router
    Then all clients should respond successfully

  # All that `lanherd audit` looks at.
  Scenario: What routers advertise breaks no requirement
    Given I create 3 IPv6 virtual clients using macvlan
    When 5s pass
    Then no router should have broken a requirement
    And no router should have broken "ra-lifetime-limits, ra-prefix-flags, ra-autonomous-length, ra-link-local-prefix, ra-consistent, ra-unique-local-only"

  # RFC 7084, L-3.
  Scenario: Routes to the site's own prefixes are advertised
    Given I create 2 IPv6 virtual clients using macvlan
    Then no router should have broken "ra-route"

  # RFC 7084, G-4 and G-5. On a real router: --wan-down, --wan-up.
  @destructive
  Scenario: A router whose line is down is no default router
    Given I create 3 dual-stack virtual clients using macvlan
    When the WAN goes down
    Then all clients should have no default router within 10s
    And all clients should hold a valid IPv4 address within 1s
    When the WAN comes back
    Then all clients should have a default router within 30s

  # RFC 7084, L-13; RFC 9096, 3.5. On a real router: --renumber.
  @destructive
  Scenario: The old prefix is withdrawn when the line gets another
    Given I create 3 dual-stack virtual clients using macvlan
    When the router advertises another prefix
    And 20s pass
    Then no client should have used a stale prefix for longer than 10s

  # RFC 7084, ULA-2. On a real router: --reboot.
  @destructive
  Scenario: Unique local prefixes survive a reboot
    Given I create 3 dual-stack virtual clients using macvlan
    When the router reboots
    Then all clients should recover within 5m
    When 5s pass
    Then all clients should have kept their unique local prefixes
