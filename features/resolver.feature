@dns
Feature: The lease's resolver answers every client

  Scenario: Every client can look a name up
    Given I create 10 virtual clients using macvlan
    When all clients resolve "dns.google"
    Then all clients should respond successfully
    And the p99 DNS lookup time should be below 1s

  Scenario: The resolver stands a whole school that opens its browsers
    Given I create 200 virtual clients using macvlan in private mode
    When all clients resolve "dns.google"
    Then all clients should respond successfully

  @lab
  Scenario: A name leads to a page
    Given I create 10 virtual clients using macvlan
    When all clients fetch "http://www.lab.test/"
    Then all clients should respond successfully
    And the p95 HTTP time should be below 2s
