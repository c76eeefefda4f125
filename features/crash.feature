Feature: One crashing client harms no other

  Scenario: A client crashes and comes back as it was
    Given I create 10 virtual clients using macvlan
    When the actor of client 3 crashes
    Then client 3 should recover within 20s
    And client 3 should have kept its address
    And clients 4 to 10 should be restarted at most 0 times

  Scenario Outline: Somebody takes something away from a client: <fault>
    Given I create 6 virtual clients using macvlan
    When client 2 suffers from <fault>
    Then client 2 should recover within 20s
    And clients 3 to 6 should be restarted at most 0 times
    And no two clients should have the same IP address

    Examples:
      | fault            |
      | delete_link      |
      | delete_namespace |
      | remove_address   |
      | kill_sockets     |
