@ipv6
Feature: Names and pages over IPv6

  Scenario: The resolver answers over IPv6
    Given I create 10 IPv6 virtual clients using macvlan
    When all clients resolve "dns.google AAAA" over IPv6
    Then all clients should respond successfully

  @lab
  Scenario: A name leads to a page over IPv6
    Given I create 10 dual-stack virtual clients using macvlan
    When all clients fetch "http://www.lab.test/" over IPv6
    Then all clients should respond successfully

  @lab
  Scenario: A connection comes about over IPv6
    Given I create 10 dual-stack virtual clients using macvlan
    When all clients connect to "www.lab.test:80" over IPv6
    Then all clients should respond successfully
