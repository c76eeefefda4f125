@ipv6 @lab
Feature: Routers behind the router get a prefix of their own

  Scenario: Each router behind the router is delegated a prefix of its own
    Given clients are routers that ask for a delegated prefix of 60 bits
    And I create 5 IPv6 virtual clients using macvlan
    Then no two clients should have the same IP address
    And all clients should have a delegated prefix of 60 bits

  Scenario: A prefix is delegated beside a leased address
    Given the lab configuration:
      """
      [ipv6]
      managed = true
      autonomous = false
      """
    And I create the following client groups:
      | group   | count | families   | delegated prefix |
      | routers | 3     | IPv6       | 60               |
      | hosts   | 3     | dual-stack |                  |
    When all clients attempt to ping the router over IPv6
    Then all clients should respond successfully
    And clients 1 to 3 should have a delegated prefix of 60 bits

  Scenario: The router knows the way to what it has delegated
    Given clients are routers that ask for a delegated prefix
    And I create 5 IPv6 virtual clients using macvlan
    When all clients attempt to ping Google DNS from their delegated prefix
    Then all clients should respond successfully

  Scenario: A delegated prefix is renewed with its lease
    Given clients are routers that ask for a delegated prefix
    And I create 5 IPv6 virtual clients using macvlan
    When all clients renew their leases
    Then all clients should respond successfully
    And all clients should have a delegated prefix of 60 bits
