#!/bin/sh
# Installs kentongan-agent on OpenWrt or Debian and enrols it:
#
#   wget -qO- https://collector/install | sh -s -- https://collector CODE [--lang en] [--ca-file FILE]
#
# `kentongan agent add SITE` prints that command with its code, which is good once. Nothing is changed before the package
# has come whole (SHA-256). All of it is one function, called in the last line: half a script does nothing.

main() {
    set -eu
    lang=id
    ca_file=
    [ $# -ge 2 ] || fail "perlu alamat kolektor dan kode: salin lagi seluruh perintahnya" \
        "give the collector's address and a code: copy the whole command again"
    collector=${1%/}
    code=$2
    shift 2
    while [ $# -gt 0 ]; do
        case "$1" in
            --lang) lang=${2:?} ;;
            --ca-file) ca_file=${2:?} ;;
            *) fail "pilihan '$1' tidak dikenal" "there is no option '$1'" ;;
        esac
        shift 2
    done
    [ "$(id -u)" = 0 ] || fail "jalankan sebagai root (misalnya: … | sudo sh -s -- …)" \
        "run it as root (for example: … | sudo sh -s -- …)"
    command -v sha256sum >/dev/null || fail "sha256sum tidak ada: pasang coreutils-sha256sum" \
        "sha256sum is missing: install coreutils-sha256sum"

    case $ca_file in
        '' | /*) ;;
        *) ca_file=$PWD/$ca_file ;;
    esac
    work=$(mktemp -d /tmp/kentongan.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    choose
    fetch SHA256SUMS
    line=$(grep -E "  kentongan-agent_[^ ]*_$arch\\.$kind\$" SHA256SUMS | tail -n 1) || true
    [ -n "$line" ] || fail "kolektor tidak punya paket .$kind untuk arsitektur $arch (lihat docs/packages.md)" \
        "the collector has no .$kind package for the architecture $arch (see docs/packages.md)"
    package=${line##* }
    say "mengambil $package" "fetching $package"
    fetch "$package"
    echo "$line" | sha256sum -c >/dev/null 2>&1 ||
        fail "$package rusak di jalan: ulangi perintahnya" "$package was damaged on its way: try again"
    say "memasang $package" "installing $package"
    install_package
    say "mendaftarkan agen" "enrolling the agent"
    kentongan-agent enrol "$collector" "$code" --lang "$lang" ${ca_file:+--ca-file "$ca_file"}
    if [ "$kind" = deb ]; then systemctl restart kentongan-agent; else /etc/init.d/kentongan-agent restart; fi
    say "memeriksa router ini" "testing this router"
    kentongan-agent --self-test --lang "$lang" || true
}

# What this machine is, and which package is its own.
choose() {
    if [ -r /etc/openwrt_release ]; then
        # shellcheck source=/dev/null
        . /etc/openwrt_release
        kind=ipk
        arch=${DISTRIB_ARCH:?}
    elif command -v dpkg >/dev/null; then
        kind=deb
        arch=$(dpkg --print-architecture)
    else
        fail "mesin ini bukan OpenWrt dan bukan Debian: lihat docs/packages.md" \
            "this machine is neither OpenWrt nor Debian: see docs/packages.md"
    fi
}

# Fetches one file of the collector's folder of packages into this folder.
fetch() {
    url=$collector/packages/$1
    if command -v curl >/dev/null; then
        curl -fsSL --retry 3 ${ca_file:+--cacert "$ca_file"} -o "$1" "$url"
    else
        wget -q ${ca_file:+--ca-certificate="$ca_file"} -O "$1" "$url"
    fi || fail "tidak bisa mengambil $url" "cannot fetch $url"
}

install_package() {
    if [ "$kind" = deb ]; then
        dpkg -i --force-confold "$package"
    elif command -v opkg >/dev/null; then
        opkg install --force-downgrade "./$package"
    else
        unpack_ipk
    fi
}

# OpenWrt from 25.12 on has apk, which does not take an ipk: its files are put in place by hand, what was configured stays.
unpack_ipk() {
    mkdir control data
    tar -xzf "$package"
    tar -xzf control.tar.gz -C control
    tar -xzf data.tar.gz -C data
    while read -r kept; do
        [ ! -e "$kept" ] || rm "data$kept"
    done <control/conffiles
    cp -a data/. /
    sh control/postinst
}

say() {
    if [ "$lang" = en ]; then echo "kentongan: $2" >&2; else echo "kentongan: $1" >&2; fi
}

fail() {
    say "$1" "$2"
    exit 1
}

main "$@" </dev/null
