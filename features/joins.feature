@leases
Feature: Clients join and get unique leases

  Scenario: Fifty clients join at once and none shares an address
    Given I create 50 virtual clients using macvlan in private mode
    Then all clients should hold a valid lease within 5s
    And no two clients should have the same IP address
    And at least 50 clients should have been served

  Scenario: Devices of every kind get the same from the router
    Given I create the following client groups:
      | group    | count | device  |
      | phones   | 4     | android |
      | tablets  | 3     | ios     |
      | desks    | 3     | windows |
      | printers | 2     | printer |
    Then no two clients should have the same IP address
    When all clients attempt to ping the router
    Then all clients should respond successfully

  @lab
  Scenario: Leases are what the router's administrator wanted
    Given the lab configuration:
      """
      range = "10.99.0.10-10.99.0.99"
      lease = "10m"
      domain = "home.test"
      """
    And I create 20 virtual clients using macvlan
    Then every lease should be inside "10.99.0.10-10.99.0.99"
    And all clients should be configured with:
      | option | value     |
      | router | 10.99.0.1 |
      | dns    | 10.99.0.1 |
      | domain | home.test |
      | lease  | 10m       |

  Scenario: Nobody waits long for a lease
    Given clients join at 20 clients/s
    And I create 20 virtual clients using macvlan
    Then the p95 DHCP time should be below 2s
    And the maximum join time should be below 5s

  # An option that is malformed costs a device that option, and nobody notices until something does not work.
  Scenario: What the router says can be read
    Given I create 10 virtual clients using macvlan
    When all clients renew their leases
    Then no message should have been malformed
