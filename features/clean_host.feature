Feature: The host is left clean

  Scenario: Nothing stays when everybody leaves in order
    Given I create 20 virtual clients using macvlan
    And all clients hold a valid IPv4 address
    Then nothing should be left behind on the host

  Scenario: Nothing stays of clients that crashed and vanished
    Given I create 10 virtual clients using macvlan
    When the actor of client 1 crashes
    And client 2 vanishes without releasing
    And client 3 suffers from delete_namespace
    Then all clients should recover within 30s
    And nothing should be left behind on the host
