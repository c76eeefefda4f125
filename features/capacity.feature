Feature: How many clients before it breaks

  @lab
  Scenario: The virtual router carries as many clients as it has addresses
    Given the lab configuration:
      """
      range = "10.77.0.10-10.77.0.39"
      """
    And a client may take 5s to get a lease
    And clients join at 50 clients/s
    When I add 10 clients every 1s until one fails, 60 at most
    Then at least 30 clients should have been served
    And clients 1 to 30 should hold a valid lease within 1s

  # It takes every address that the router has: ask for it with --tags @destructive, on a network of your own.
  @router @slow @destructive
  Scenario: Your router carries as many as it promises
    Given a client may take 60s to get a lease
    And clients join at 5 clients/s
    When I add 10 clients every 10s until one fails, 300 at most
    Then at least 100 clients should have been served
