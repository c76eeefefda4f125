# How many clients fit into this machine's memory, and what lanherd says when it ends: scripts/on-kernel runs this as root in a machine
# of its own. Its last line is a row of the table in docs/machines.md.
#
#   kernel-memory.sh FAMILY CLIENTS
#
# Asks for so many clients, in the lab, each with a ping in ten seconds, and waits until all are online or no more come.
set -eu

family=$1 clients=$2
fail() {
    printf 'not so: %s\n' "$*"
    exit 1
}
free() {
    awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo
}
# The neighbours of thousands of clients on one host, and their files.
echo 65536 >/proc/sys/net/ipv4/neigh/default/gc_thresh3
echo 65536 >/proc/sys/net/ipv6/neigh/default/gc_thresh3
echo 100000 >/proc/sys/user/max_net_namespaces
ulimit -n 524288

echo "== doctor, $clients clients"
status=0
lanherd doctor --lab --clients "$clients" >/run/said 2>&1 || status=$?
grep -E 'memory|problem|clients in the lab' /run/said
echo "doctor: exit $status"

before=$(free)
echo "== up, $clients clients, $family; $before MiB free"
lanherd up --lab --clients "$clients" --family "$family" --mode private --ping router --every 10s --lease-timeout 10m --for 2h \
    >/run/herd.log 2>&1 </dev/null &
herd=$!
online=0 same=0
while [ $same -lt 60 ]; do
    sleep 3
    kill -0 $herd 2>/dev/null || break
    now=$(lanherd ps 2>/dev/null | sed -n 's/.*: \([0-9]*\) of [0-9]* clients online.*/\1/p' | head -1)
    if [ "${now:-0}" -gt "$online" ]; then
        online=$now same=0
    else
        same=$((same + 1))
    fi
    [ "$online" -lt "$clients" ] || break
done
after=$(free) resident=$(awk '/^VmRSS/ {print int($2 / 1024)}' /proc/$herd/status 2>/dev/null || true)
echo "$online online, $after MiB free"
status=0
kill -INT $herd 2>/dev/null || true
wait $herd || status=$?
grep -vE '^ns[0-9]|^ *[0-9hms. ]+: [0-9]+ of ' /run/herd.log | cut -c1-400 | head -30
echo '...'
tail -n 5 /run/herd.log | cut -c1-400
echo "up: exit $status"
# Ended by the kernel is what must not be.
[ $status -lt 128 ] || [ $status -eq 130 ] || fail 'lanherd was ended by the kernel'
[ -z "$(ls /run/netns /run/lanherd 2>/dev/null | grep -v ':$' | grep .)" ] || fail 'something is left'
echo "row: | $(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) MiB | $family | $before MiB | $online of $clients | $after MiB | ${resident:-?} MiB | $status |"
