Feature: A soak does not degrade the router

  @soak
  Scenario: 24-hour soak does not degrade
    Given I create 100 virtual clients using macvlan in private mode
    When the soak runs for 24h
    Then nothing should have drifted
    And packet loss should stay below 0.1%
    And all clients should be restarted at most 1 time

  # Within half a minute a busy machine can make round trips drift that are not the router's.
  @slow @retry(2)
  Scenario: Half a minute, to see the soak itself at work
    Given I create 20 virtual clients using macvlan in private mode
    When the soak runs for 30s
    Then nothing should have drifted
    And packet loss should stay below 1%

  @slow @retry(2)
  Scenario: Guests come and go in ones and in crowds while the soak runs
    Given I create 20 virtual clients using macvlan in private mode
    When the soak runs for 10s with:
      | churn | storm | storm every |
      | 30/m  | 5     | 3s          |
    Then at least 15 clients should have come and gone
    And packet loss should stay below 1%
    And all clients should hold a valid lease within 30s
