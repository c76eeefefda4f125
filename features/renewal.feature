@leases
Feature: Leases survive renewal and expiry

  Scenario: A renewed lease is the same lease
    Given I create 10 virtual clients using macvlan
    When all clients renew their leases
    Then all clients should respond successfully
    And all clients should have kept their addresses

  Scenario: Any server may extend a lease
    Given I create 5 virtual clients using macvlan
    When all clients rebind their leases
    Then all clients should respond successfully
    And all clients should have kept their addresses

  Scenario: A released address is given back and can be had again
    Given I create 10 virtual clients using macvlan
    When clients 1 to 5 release their leases
    Then clients 1 to 5 should hold no lease
    When clients 1 to 5 renew their leases
    Then all clients should hold a valid lease within 10s
    And no two clients should have the same IP address

  @lab
  Scenario: Short leases go on and on
    Given the lab configuration:
      """
      lease = "4s"
      """
    And I create 10 virtual clients using macvlan
    When 10s pass
    Then no lease should have been lost
    And all clients should have kept their addresses
    When all clients attempt to ping the router
    Then all clients should respond successfully

  @lab
  Scenario: Clients get over a lease that ran out
    Given the lab configuration:
      """
      lease = "4s"
      """
    And I create 10 virtual clients using macvlan
    When the router suffers from dhcp_mute for 6s
    And 6s pass
    Then all clients should recover within 40s
    And no two clients should have the same IP address
