# What lanherd says where the kernel lacks something that it needs: scripts/on-kernel runs this as root in a machine of its own, and
# what is taken away here is that machine's. It stops at the first thing that is not said.
#
# Without an argument it takes the modules, and what loads them; with the argument ipv6 the kernel is one that was started
# with ipv6.disable=1.
set -eu

step() {
    printf '\n== %s\n' "$*"
}
fail() {
    printf 'not so: %s\n' "$*"
    exit 1
}
# Runs a command that must end with a status, and shows all that it says.
ends() {
    wanted=$1 status=0
    shift
    printf '$ %s\n' "$*"
    "$@" >/run/said 2>&1 </dev/null || status=$?
    cat /run/said
    [ $status -eq "$wanted" ] || fail "$* ended with $status, and not with $wanted"
}
# Runs a command that must go well, or say that it was late itself: this machine is emulated.
well() {
    status=0
    printf '$ %s\n' "$*"
    "$@" >/run/said 2>&1 </dev/null || status=$?
    cat /run/said
    [ $status -eq 0 ] || [ $status -eq 125 ] || fail "$* ended with $status"
}
# That the last command has said this, and, where a number is given, on how many lines.
says() {
    grep -qF -- "$1" /run/said || fail "it has not said: $1"
    [ -z "${2:-}" ] || [ "$(grep -cF -- "$1" /run/said)" -eq "$2" ] || fail "it has not said on $2 lines: $1"
}
nothing_left() {
    left=$(ls /run/netns /etc/netns /run/lanherd 2>/dev/null | grep -v ':$' | grep . || true)
    [ -z "$left" ] || fail "these are left: $left"
    links=$(ls /sys/class/net | grep -v '^lo$' | grep -v '^lan0$' | grep -v '^far0$' || true)
    [ -z "$links" ] || fail "these links are left: $links"
}

if [ "${1:-}" = ipv6 ]; then
    step 'a kernel that does not speak IPv6: both families'
    ip link add lan0 type veth peer name far0
    ip link set lan0 up
    ip link set far0 up
    ends 0 lanherd doctor --lab
    says 'this kernel does not speak IPv6 (it was started with ipv6.disable=1, or built without it): run with --family ipv4'
    well lanherd demo
    says 'so the demo shows IPv4 alone'
    for family in dual ipv6; do
        ends 3 lanherd up --lab --clients 3 --family $family --for 1s
        says 'this kernel does not speak IPv6' 1
        says 'run with --family ipv4'
        ends 3 lanherd up --parent lan0 --clients 3 --family $family --for 1s
        says 'this kernel does not speak IPv6' 1
    done
    ends 3 lanherd soak --lab --clients 3 --family dual --for 10s
    says 'this kernel does not speak IPv6' 1
    ends 125 lanherd bdd --lab features/ipv6_leases.feature
    says 'this kernel does not speak IPv6'
    ends 3 lanherd bdd --lab --family dual features/first_ping.feature
    says 'this kernel does not speak IPv6' 1
    ends 3 lanherd lab --ipv6
    says 'start the machine without ipv6.disable=1, or ask for IPv4 alone' 1
    step 'the same: IPv4'
    well lanherd up --lab --clients 3 --family ipv4 --ping router --for 3s
    well lanherd bdd --lab features/first_ping.feature
    nothing_left
    step 'all well'
    exit 0
fi

modules=/usr/lib/modules/$(uname -r)
loaded() {
    grep -q "^$1 " /proc/modules
}
# Takes a module away, as where a distribution has it in another package.
take() {
    ! loaded macvtap || modprobe -r macvtap
    ! loaded "$1" || modprobe -r "$1"
    find "$modules" -name "$1.ko*" -exec mv {} "/run/$1.taken" \; -exec sh -c "echo {} >/run/$1.from" \;
    depmod
}
give_back() {
    mv "/run/$1.taken" "$(cat "/run/$1.from")"
    depmod
}
ip link add lan0 type veth peer name far0
ip link set lan0 up
ip link set far0 up

step 'without macvlan'
take macvlan
ends 3 lanherd doctor --lab
says "has no macvlan: install the package that brings it"
ends 3 lanherd doctor --parent lan0
says "has no macvlan: install the package that brings it"
for uplink in --lab '--parent lan0'; do
    # shellcheck disable=SC2086 # Two words.
    ends 3 lanherd up $uplink --clients 3 --for 1s
    says "has no macvlan: install the package that brings it" 1
done
ends 3 lanherd demo
says "has no macvlan: install the package that brings it" 1
ends 3 lanherd bdd --lab features/first_ping.feature
says "has no macvlan: install the package that brings it" 1
nothing_left
give_back macvlan

step 'without veth'
ip link delete lan0
take veth
ends 3 lanherd doctor --lab
says "has no veth: install the package that brings it"
ends 3 lanherd demo
says "has no veth: install the package that brings it" 1
give_back veth

step 'without what loads modules'
! loaded veth || modprobe -r veth
modprobe=$(readlink -f "$(command -v modprobe)")
for name in /usr/sbin/modprobe /usr/bin/modprobe /opt/modprobe; do
    [ ! -e $name ] || mv $name $name.taken
done
ends 3 lanherd doctor --lab
says 'modprobe, which would, is not installed here (package kmod)'
ends 3 lanherd demo
says 'modprobe, which would, is not installed here (package kmod)' 1
for name in /usr/sbin/modprobe /usr/bin/modprobe /opt/modprobe; do
    [ ! -e $name.taken ] || mv $name.taken $name
done

step 'a kernel that was upgraded, and not started'
mv "$modules" /run/modules
ends 3 lanherd doctor --lab
says 'if the kernel was upgraded since the machine was started, reboot'
ends 3 lanherd demo
says 'if the kernel was upgraded since the machine was started, reboot' 1
mv /run/modules "$modules"

step 'without user namespaces, as somebody'
for knob in user/max_user_namespaces user/max_net_namespaces; do
    before=$(cat /proc/sys/$knob)
    echo 0 >/proc/sys/$knob
    ends 3 busybox su pi -c 'lanherd demo'
    says "$(echo $knob | tr / .) allows no more namespaces" 1
    echo "$before" >/proc/sys/$knob
done
if [ -e /proc/sys/kernel/unprivileged_userns_clone ]; then
    echo 0 >/proc/sys/kernel/unprivileged_userns_clone
    ends 3 busybox su pi -c 'lanherd demo'
    says 'kernel.unprivileged_userns_clone is 0; run as root' 1
    echo 1 >/proc/sys/kernel/unprivileged_userns_clone
fi

step 'with all of it again'
ends 0 lanherd doctor --lab
well lanherd demo
nothing_left
step 'all well'
