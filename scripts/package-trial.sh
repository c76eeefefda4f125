# What must work of the package in a bare root of Debian: scripts/package-trial runs this there, as root, without a network. Stops at
# the first thing that does not. The words are the packages that look at it.
set -euo pipefail
step() {
    printf '%s\n' "-- $*"
}
fail() {
    printf 'not so: %s\n' "$*" >&2
    exit 1
}
# Runs a command, and tells what it said only where it fails.
quietly() {
    "$@" >/tmp/said 2>&1 </dev/null || {
        cat /tmp/said >&2
        fail "$* has failed"
    }
}
# Runs a herd, which must go well or say that this machine was slow; tells the end of what it said.
well() {
    local status=0
    "$@" >/tmp/said 2>&1 </dev/null || status=$?
    case $status in
    0 | 125) tail -n 1 /tmp/said ;;
    *) cat /tmp/said >&2 && fail "$* ended with $status" ;;
    esac
}
# Everything in the root but what the package manager, and whoever enters users, keep for themselves.
everything() {
    find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log -o -path '/etc/*-' -o \
        -path /etc/.pwd.lock \) -prune -o -print | sort
    # This root is not booted: what is below is of who asks for units.
    find /run -path /run/systemd -prune -o -print | sort
    getent passwd
    getent group
}

step 'What it depends on'
apt_get() {
    quietly apt-get -qq -y -o APT::Install-Recommends=false -o APT::Sandbox::User=root "$@"
}
# All but the package itself, so that what is left afterwards is its own doing.
wanted=$(apt-get -s -qq -o APT::Install-Recommends=false install /lanherd.deb | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -vx lanherd || true)
echo "$(wc -w <<<"$wanted") packages"
# shellcheck disable=SC2086 # Several words.
[ -z "$wanted" ] || apt_get install $wanted
everything >/var/cache/before

step 'Installed'
apt_get install /lanherd.deb
lanherd --version
[ "$(stat -c '%a %U %G' /run/lanherd /run/netns /etc/netns | sort -u)" = '1775 root lanherd' ] || fail 'the folders of herds are not there'
[ "$(stat -c '%a %U %G' /etc/lanherd)" = '755 root root' ] || fail 'the folder of scenarios is not there'
[ "$(stat -c '%a %U' /usr/bin/lanherd)" = '755 root' ] || fail 'the program is not as programs are'
[ -z "$(dpkg --verify lanherd)" ] || fail "files differ from the package's: $(dpkg --verify lanherd)"
for page in $(lanherd --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    [ "$page" = help ] || [ -e "/usr/share/man/man1/lanherd-$page.1.gz" ] || fail "there is no manual page of lanherd $page"
done
! ls /usr/share/man/man1 | grep -q sender || fail 'there is a manual page of what is not for users'

step 'The demo, as root and as nobody'
well lanherd --quiet demo
well setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs env HOME=/tmp lanherd --quiet demo

step 'A feature file, and the example as the service runs it: as its user, with three capabilities'
well lanherd --quiet bdd /usr/share/lanherd/features/first_ping.feature --lab
cp /usr/share/lanherd/examples/scenario.toml /etc/lanherd/example.toml
capabilities=sys_admin,net_admin,net_raw
command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/lanherd@.service)
# shellcheck disable=SC2086 # Several words.
well setpriv --reuid lanherd --regid lanherd --init-groups --inh-caps "-all,+${capabilities//,/,+}" --ambient-caps "+${capabilities//,/,+}" \
    --bounding-set "-all,+${capabilities//,/,+}" --no-new-privs ${command//%i/example} --for 2s
rm /etc/lanherd/example.toml

step 'The unit'
systemd-analyze verify --man=no lanherd@example.service

step 'Purged'
apt_get purge lanherd
everything >/var/cache/after
diff /var/cache/before /var/cache/after || fail 'purging has left something, or taken too much'
echo 'Nothing is left.'

step 'Completions'
# shellcheck disable=SC2086 # Several words.
apt_get install ${1:?} /lanherd.deb
quietly man -w lanherd-up
bash -euc '
    . /usr/share/bash-completion/bash_completion
    _completion_loader lanherd || [ $? -eq 124 ]
    COMP_WORDS=(lanherd up --mode pri) COMP_CWORD=3 COMP_LINE="lanherd up --mode pri" COMP_POINT=21
    $(complete -p lanherd | sed "s/.*-F \([^ ]*\) .*/\1/") lanherd pri --mode
    [ "${COMPREPLY[*]}" = private ]' || fail 'bash does not complete the word of an option'
[[ "$(fish -c 'complete -C "lanherd up --mode pri"')" = private* ]] || fail 'fish does not complete the word of an option'
zsh -fc '
    autoload -Uz compinit && compinit -D
    [ "$_comps[lanherd]" = _lanherd ] && autoload +X -Uz _lanherd && whence -f _lanherd | grep -q passthru' ||
    fail 'zsh does not know the completions'
echo 'bash, fish and zsh have them.'

step 'lintian'
lintian --allow-root --fail-on error,warning --tag-display-limit 0 /lanherd.deb || fail 'lintian has something to say'
echo 'Nothing is amiss.'
