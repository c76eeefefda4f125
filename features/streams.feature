# Streams go to a sink: the lab's is sink.lab.test; behind a router of yours run `lanherd sink --listen ADDRESS` on a host, and
# write its address in place of that name.
@streams
Feature: The router carries what clients stream

  @lab
  Scenario: Everybody streams at once in both directions
    Given I create 8 virtual clients using macvlan
    When all clients stream "both 1 Mbit/s to sink.lab.test for 3s"
    Then all clients should respond successfully
    And the upload goodput should be at least 900 kbit/s
    And the download goodput should be at least 900 kbit/s

  @lab @ipv6
  Scenario: Everybody streams over IPv6
    Given I create 8 dual-stack virtual clients using macvlan
    When all clients stream "down 1 Mbit/s to sink.lab.test for 3s" over IPv6
    Then all clients should respond successfully
    And the download goodput should be at least 900 kbit/s
