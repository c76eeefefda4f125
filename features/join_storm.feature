@leases
Feature: Join storm after a power cut

  Scenario: A whole house comes back at once
    Given I create 100 virtual clients using macvlan in private mode
    When the parent interface loses its link for 2s
    Then all clients should recover within 30s
    And all clients should have kept their addresses
    And no two clients should have the same IP address

  Scenario: All devices forget their leases and ask at once
    Given I create 50 virtual clients using macvlan in private mode
    When all clients vanish without releasing
    Then all clients should recover within 30s
    And no two clients should have the same IP address
