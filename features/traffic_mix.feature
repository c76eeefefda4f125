Feature: Traffic mix stays within objectives

  @lab
  Scenario: An ordinary evening
    Given I create 20 virtual clients using macvlan in private mode
    When all clients run this traffic mix for 5s:
      | activity | of                         | every |
      | ping     | the router                 | 200ms |
      | ping     | Google DNS                 | 500ms |
      | resolve  | dns.google                 | 500ms |
      | fetch    | http://www.lab.test/       | 1s    |
    Then these objectives should hold:
      | objective            | below |
      | p99 ping round trip  | 100ms |
      | packet loss          | 1%    |
      | p95 DNS lookup time  | 500ms |
      | p95 HTTP time        | 1s    |
      | restarts             | 1     |

  Scenario: A program of the tester's own in every client
    Given I create 5 virtual clients using macvlan
    When all clients run the command "grep -q nameserver /etc/resolv.conf && ping -c 1 -W 2 $LANHERD_ROUTER"
    Then all clients should respond successfully
