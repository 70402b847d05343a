#!/bin/sh
# Makes sure that the named programs and fonts are there: as root on Debian it installs what is missing, elsewhere it says what
# is missing and goes on (the tests that need it then skip, with that as their reason). No service that comes
# with them is started, and no nameserver among them with the machine: benches start their own, and one would have port 53.

package_of() {
    case "$1" in
        dig) echo bind9-dnsutils ;;
        kdig) echo knot-dnsutils ;;
        nft) echo nftables ;;
        ip) echo iproute2 ;;
        systemd-analyze) echo systemd ;;
        chromedriver) echo chromium-driver ;;
        pdns_recursor) echo pdns-recursor ;;
        kresd) echo knot-resolver ;;
        dnsmasq) echo dnsmasq-base ;;
        clamd) echo clamav-daemon ;;
        certutil) echo libnss3-tools ;;
        nginx) echo nginx-light ;;
        zbarimg) echo zbar-tools ;;
        squid) echo squid-openssl ;;
        openssl-headers) echo libssl-dev ;;
        dejavu) echo fonts-dejavu-core ;;
        amiri) echo fonts-hosny-amiri ;;
        *) echo "$1" ;;
    esac
}

# Debian asks this file before it starts a service of a package. Where there is one already, it stays as it is.
POLICY=/usr/sbin/policy-rc.d
start_nothing() {
    [ -e "$POLICY" ] && return
    printf '#!/bin/sh\nexit 101\n' >"$POLICY" && chmod 755 "$POLICY" && trap 'rm -f "$POLICY"' EXIT
    trap 'exit 1' INT TERM
}

# What a nameserver's package enabled for the next start of the machine.
disable_nameservers() {
    command -v systemctl >/dev/null 2>&1 || return 0
    for package in "$@"; do
        case "$package" in
            unbound | pdns-recursor | dnsdist) systemctl --quiet disable "$package.service" ;;
            nginx-light) systemctl --quiet disable nginx.service ;;
            squid-openssl) systemctl --quiet disable squid.service ;;
            e2guardian) systemctl --quiet disable e2guardian.service ;;
            knot-resolver) systemctl --quiet disable kresd.target ;;
            postgresql) systemctl --quiet disable postgresql.service ;;
        esac
    done
}

missing=""
for program in "$@"; do
    [ "$program" = openssl-headers ] && [ -e /usr/include/openssl/ssl.h ] && continue
    [ "$program" = postgresql ] && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && continue
    [ "$program" = dejavu ] && [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] && continue
    [ "$program" = amiri ] && [ -e /usr/share/fonts/opentype/fonts-hosny-amiri/Amiri-Regular.ttf ] && continue
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1 || missing="$missing $(package_of "$program")"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing what the tests need:$missing"
    export DEBIAN_FRONTEND=noninteractive
    start_nothing
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } >/tmp/schoolgate-apt.log 2>&1 || {
        tail -5 /tmp/schoolgate-apt.log
        echo "Could not install:$missing" >&2
        exit 1
    }
    disable_nameservers $missing
else
    echo "Missing, so some tests will be skipped:$missing (Debian package names; as root they are installed)"
fi
