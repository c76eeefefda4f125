@leases
Feature: Router reboot recovery

  @destructive
  Scenario: The router reboots, and everybody is back
    Given I create 20 virtual clients using macvlan in private mode
    When the router reboots
    Then all clients should recover within 5 minutes
    And no two clients should have the same IP address

  @lab
  Scenario: A router that keeps its leases gives everybody the same address again
    Given I create 20 virtual clients using macvlan in private mode
    When the router reboots
    Then all clients should recover within 30s
    And all clients should have kept their addresses

  @lab
  Scenario: A router that forgets its leases gives nobody another's address
    Given I create 20 virtual clients using macvlan in private mode
    When the router suffers from router_reset for 2s
    And 2s pass
    Then all clients should recover within 40s
    And no two clients should have the same IP address
