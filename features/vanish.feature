@leases
Feature: Clients vanish and return

  Scenario: A device that was switched off without a word gets its address back
    Given I create 10 virtual clients using macvlan
    When 5 random clients vanish without releasing
    Then the same clients should recover within 20s
    And the same clients should have kept their addresses
    And all clients should hold a valid lease within 1s

  Scenario: Guests come and go all evening
    Given I create 10 virtual clients using macvlan
    When clients 1 to 5 leave and rejoin every 1s for 5s
    Then clients 1 to 5 should respond successfully
    And clients 6 to 10 should hold a valid lease within 1s
    And no two clients should have the same IP address

  Scenario: New devices come when others have gone for good
    Given I create 10 virtual clients using macvlan
    When clients 1 to 5 leave without releasing
    And I add 5 clients
    Then all clients should hold a valid lease within 1s
    And no two clients should have the same IP address
