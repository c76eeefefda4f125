# More devices than the router has addresses for: whoever has one keeps it, and whoever has none is told nothing wrong.

@lab @leases
Feature: A full pool refuses politely

  Background:
    Given the lab configuration:
      """
      range = "10.77.0.10-10.77.0.17"
      """
    And a client may take 6s to get a lease

  Scenario: The one too many gets no offer, and nobody else loses anything
    Given I create 8 virtual clients using macvlan
    When I add 1 client
    Then client 9 should fail with no_offer
    And clients 1 to 8 should hold a valid lease within 1s
    And no two clients should have the same IP address

  Scenario: An address that was given back goes to who waits for it
    Given I create 8 virtual clients using macvlan
    When clients 1 to 2 leave
    And I add 2 clients
    Then all clients should hold a valid lease within 1s
    And no two clients should have the same IP address
