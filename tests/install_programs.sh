#!/bin/sh
# Makes sure that the named programs are there: as root on Debian it installs what is missing, elsewhere it says what
# is missing and goes on (the tests that need it then skip, with that as their reason).

package_of() {
    case "$1" in
        dig) echo bind9-dnsutils ;;
        kdig) echo knot-dnsutils ;;
        nft) echo nftables ;;
        ip) echo iproute2 ;;
        systemd-analyze) echo systemd ;;
        chromedriver) echo chromium-driver ;;
        *) echo "$1" ;;
    esac
}

missing=""
for program in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1 || missing="$missing $(package_of "$program")"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing what the tests need:$missing"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } >/tmp/schoolgate-apt.log 2>&1 || {
        tail -5 /tmp/schoolgate-apt.log
        echo "Could not install:$missing" >&2
        exit 1
    }
else
    echo "Missing, so some tests will be skipped:$missing (Debian package names; as root they are installed)"
fi
