# Stand-ins for what OpenWrt's /lib/functions.sh gives init scripts of UCI: one section type, options with quoted values.

config_load() {
    CONFIG_FILE=/etc/config/$1
}

# config_get VARIABLE SECTION OPTION [DEFAULT]
config_get() {
    _value=$(sed -n "s/^[[:space:]]*option[[:space:]]*$3[[:space:]]*'\(.*\)'[[:space:]]*\$/\1/p" "$CONFIG_FILE" | tail -n 1)
    eval "$1=\${_value:-\$4}"
}

config_get_bool() {
    config_get "$@"
    eval "case \"\$$1\" in 1 | on | true | yes | enabled) $1=1 ;; *) $1=0 ;; esac"
}
