# What must work on every kernel, on the lab and beside dnsmasq, over both families: scripts/on-kernel runs this as root in a machine
# of its own. It stops at the first thing that does not.
#
# The first argument is the number of clients. Waits have generous limits, since the machine is emulated; a run that ends with 125 says
# by itself that it was late, and has shown what is to be shown here.
set -eu

clients=${1:-50}
step() {
    printf '\n== %s\n' "$*"
}
fail() {
    printf 'not so: %s\n' "$*"
    exit 1
}
# Runs a command that must go well, or say that it was late itself; shows the end of what it says, and all where it fails.
well() {
    status=0
    "$@" >/run/said 2>&1 || status=$?
    case $status in
    0) tail -n 2 /run/said ;;
    125) tail -n 2 /run/said && echo 'inconclusive: this machine is slow' ;;
    *) cat /run/said /run/dnsmasq.log && fail "$* ended with $status" ;;
    esac
}
# Waits until a number of clients is online.
wait_online() {
    for _ in $(seq 120); do
        ! lanherd ps 2>/dev/null | grep -q ": $1 of $1 clients online" || return 0
        sleep 1
    done
    lanherd ps
    fail "$1 clients are not online"
}
# Nothing may be left but the router's namespace, which is this script's.
nothing_left() {
    left=$(ls /run/netns /etc/netns /run/lanherd 2>/dev/null | grep -v '^router$' | grep -v ':$' | grep . || true)
    [ -z "$left" ] || fail "these are left: $left"
    links=$(ls /sys/class/net | grep -v '^lo$' | grep -v '^lan0$' || true)
    [ -z "$links" ] || fail "these links are left: $links"
}
leases() {
    grep -c ' 10.66.1.' /run/leases || true
}
# Waits until dnsmasq, which has been sent the last release just now, has all leases back.
wait_returned() {
    for _ in $(seq 60); do
        [ "$(leases)" -ne 0 ] || return 0
        sleep 1
    done
    fail "leases that are not given back: $(leases)"
}
start_herd() {
    lanherd up --parent lan0 --clients 10 --mode private --family dual --ping router >/run/herd.log 2>&1 &
    herd=$!
    wait_online 10
}

ip netns add router
ip link add lan0 type veth peer name far0 netns router
ip link set lan0 up
in_router="ip netns exec router"
$in_router ip link set lo up
$in_router ip link set far0 up
$in_router ip address add 10.66.0.1/16 dev far0
$in_router ip address add 8.8.8.8/32 dev lo
$in_router ip -6 address add 2001:db8:66::1/64 dev far0 nodad
# Else it says in its neighbour advertisements that it is no router.
$in_router sysctl -qw net.ipv6.conf.all.forwarding=1
$in_router dnsmasq --conf-file=/dev/null --port=0 --interface=far0 --bind-dynamic --user=root --pid-file=/run/dnsmasq.pid \
    --no-ping --dhcp-authoritative --dhcp-range=10.66.1.0,10.66.1.250,255.255.0.0,1h --enable-ra --dhcp-range=2001:db8:66::,ra-only,64,1h \
    --dhcp-leasefile=/run/leases --log-facility=/run/dnsmasq.log

step "doctor"
well lanherd doctor --parent lan0 --clients "$clients"
well lanherd doctor --lab --clients "$clients"
step "demo"
well lanherd demo
step "$clients clients on the lab"
well lanherd up --lab --clients "$clients" --mode private --family dual --ping 'Google DNS' --ping 'router over ipv6' --for 5s
step "$clients clients beside dnsmasq"
well lanherd up --parent lan0 --clients "$clients" --mode private --family dual --ping 'Google DNS' --ping 'router over ipv6' --for 5s
wait_returned
nothing_left
[ "$(grep -c DHCPRELEASE /run/dnsmasq.log)" -ge "$clients" ] || fail "$(grep -c DHCPRELEASE /run/dnsmasq.log) leases only were given back"
step "feature files"
well lanherd bdd --lab features/first_ping.feature
# Advertisements that are right and answered, addresses of both kinds, leases by DHCPv6 that are held and extended.
well lanherd bdd --lab features/ipv6_advertisements.feature
well lanherd bdd --lab features/ipv6_leases.feature
step "killed, and cleaned"
start_herd
kill -9 $herd
wait $herd 2>/dev/null || true
well lanherd clean --dry-run
well lanherd clean
wait_returned
nothing_left
step "killed, and taken over"
start_herd
kill -9 $herd
wait $herd 2>/dev/null || true
well lanherd up --parent lan0 --clients 10 --mode private --family dual --adopt --ping router --for 3s
grep -q '^10 clients of a killed run of pool ns are taken over' /run/said || {
    cat /run/said
    fail 'nobody is taken over'
}
nothing_left
step "all well"
