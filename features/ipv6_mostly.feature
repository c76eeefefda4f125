@ipv6 @lab
Feature: A LAN that is mostly IPv6 takes IPv4 away only where it gives something instead

  Scenario: Clients that are told to do without IPv4 reach it through the NAT64
    Given the lab configuration:
      """
      v6-only = "30m"

      [ipv6]
      """
    And I create the following client groups:
      | group  | count | families   | device  |
      | phones | 5     | dual-stack | android |
    Then all clients should do without IPv4
    And all clients should be configured with:
      | option | value        |
      | pref64 | 64:ff9b::/96 |
    When all clients attempt to ping "64:ff9b::808:808"
    Then all clients should respond successfully
