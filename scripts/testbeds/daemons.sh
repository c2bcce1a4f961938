# What the testbeds share: Debian's packages, and daemons that are found by their pid
# files. To be sourced by a script that has set $bed, its name.
set -eu
beds=${TESTBEDS:-/tmp/parallel-testbeds}
folder=$beds/$bed

say() { printf 'testbeds/%s: %s\n' "$bed" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# has COMMAND...: whether all of them are there.
has() {
    for each; do command -v "$each" >/dev/null || return 1; done
}

# packages NAME...: install them, and start none of the services that are in them.
packages() {
    [ "$(id -u)" = 0 ] || fail "to install $* takes root"
    has apt-get || fail "no apt-get here to install $*"
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e $policy ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    said=$(
        exec 2>&1 </dev/null
        wait_for_lock='-o DPkg::Lock::Timeout=300'
        apt-get $wait_for_lock update --quiet &&
            apt-get $wait_for_lock install --yes --no-install-recommends "$@"
    ) && failed= || failed=yes
    [ -z "$ours" ] || rm -f $policy
    [ -z "$failed" ] || fail "apt-get install $*: $(printf '%s' "$said" | tail -n 20)"
}

# lives FILE WORD: whether the process of a pid file is there, and has this word in its
# command. One that was not waited for has none.
lives() {
    [ -s "$1" ] && tr '\0' ' ' <"/proc/$(cat "$1")/cmdline" 2>/dev/null | grep -qF -- "$2"
}

# until_true SECONDS COMMAND...: run it again and again until it succeeds.
until_true() {
    turns=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        turns=$((turns - 1))
        [ $turns -gt 0 ] || return 1
        sleep 0.1
    done
}

dead() { ! lives "$1" "$2"; }

# end FILE WORD: end a daemon, with SIGKILL if it takes more than ten seconds.
end() {
    if lives "$1" "$2"; then
        kill "$(cat "$1")" 2>/dev/null || true
        until_true 10 dead "$1" "$2" || kill -KILL "$(cat "$1")" 2>/dev/null || true
    fi
    rm -f "$1"
}

# as_at_boot COMMAND...: run it with nothing of this environment but what $keep names.
as_at_boot() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LANG=C.UTF-8 ${keep:-} "$@"
}

# main WORD: do what the script was asked to.
main() {
    case ${1:-} in
    install | start | stop | status | variables | leave) "$1" ;;
    return) come_back ;;
    *)
        sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
}
