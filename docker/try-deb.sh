#!/bin/sh
# try-deb.sh - installs the packages of `make deb` into a fresh Debian, boots that with systemd in a container of its
# own and looks: the service answers, is confined, reloads, keeps its state over a restart, and goes without a trace.
# As root, about two minutes. Needs debootstrap and systemd-container. Closes with `N passed, N failed`.
set -eu
cd "$(dirname "$0")/.."
[ -e build/deb ] || make deb
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

chmod 755 "$root"    # the service's user must get in
debootstrap --variant=minbase --include=systemd-sysv,dbus,curl bookworm "$root" >/dev/null
cp build/deb/*.deb "$root/opt/"
cp /etc/resolv.conf "$root/etc/resolv.conf"    # for the libraries, which apt fetches
chroot "$root" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends /opt/*.deb' >/dev/null
cat >"$root/opt/look.sh" <<'END'
#!/bin/sh
here=http://127.0.0.1:8080
ready() { for _ in $(seq 100); do curl -sf $here/readyz >/dev/null && return; sleep 0.2; done; return 1; }
post() { curl -sf -H 'Content-Type: application/json' -d "$2" $here$1; }
confined() { grep -q '^CapEff:.0*$' "$1" && grep -q '^Seccomp:.2$' "$1" && grep -q '^NoNewPrivs:.1$' "$1"; }
main_process() { systemctl show -p MainPID --value rosim; }
try() {    # what, command
    what=$1
    shift
    if "$@" >/dev/null; then echo "good: $what"; else echo "BAD: $what"; fi
}
is() { [ "$1" = "$2" ]; }
try 'answers when the machine is up' ready
try 'scores two texts' post /v1/similarity '{"pairs": [["a cat", "a cat sits"]]}'
try 'has no capability, a filter of system calls, no way to more' confined "/proc/$(main_process)/status"
before=$(main_process)
try 'reloads' systemctl reload rosim
try 'is the same process after that' is "$before" "$(main_process | grep -v '^0$')"
try 'makes a classifier' post /v1/classifiers '{"id": "topics", "examples": [{"text": "won", "label": "sport"},
    {"text": "race", "label": "sport"}, {"text": "fell", "label": "money"}, {"text": "bank", "label": "money"}]}'
try 'restarts' systemctl restart rosim
try 'answers again' ready
try 'still has the classifier' curl -sf $here/v1/classifiers/topics
try 'read its packed weights' sh -c 'journalctl -u rosim -o cat | grep "packed weights read"'
mkdir -p /etc/rosim /etc/systemd/system/rosim.service.d
echo "shop:$(printf secret | sha256sum | cut -d' ' -f1)" >/etc/rosim/keys
chmod 600 /etc/rosim/keys
cat >/etc/systemd/system/rosim.service.d/keys.conf <<'CONF'
[Service]
LoadCredential=keys:/etc/rosim/keys
Environment=ROSIM_API_KEY_FILE=%d/keys
IPAddressDeny=any
IPAddressAllow=localhost 10.0.0.0/8
CONF
systemctl daemon-reload
try 'restarts with keys that only root may read' systemctl restart rosim
try 'answers once more' ready
try 'refuses who has no key' is "$(curl -s -o /dev/null -w '%{http_code}' $here/v1/models)" 401
try 'serves who has it' curl -sf -H 'Authorization: Bearer secret' $here/v1/models
try 'stops' systemctl stop rosim
try 'ended with status 0' is "$(systemctl show -p ExecMainStatus --value rosim)" 0
try 'is removed' apt-get remove -y rosim rosim-model-default
try 'leaves its settings behind' test -e /etc/default/rosim
journalctl -u rosim -o cat --no-pager -p warning
try 'is purged' apt-get purge -y rosim rosim-model-default
try 'leaves nothing' sh -c '! ls /etc/default/rosim /usr/bin/rosim /usr/share/rosim 2>/dev/null'
systemctl poweroff
END
cat >"$root/etc/systemd/system/look.service" <<'END'
[Service]
ExecStart=/bin/sh -c 'sh /opt/look.sh >/opt/look.out 2>&1'
[Install]
WantedBy=multi-user.target
END
ln -s /etc/systemd/system/look.service "$root/etc/systemd/system/multi-user.target.wants/"
timeout -k 5 180 systemd-nspawn -q -D "$root" --register=no --keep-unit --private-network -b \
        </dev/null >/dev/null 2>&1 ||
    echo "try-deb: the container did not end by itself" >&2
cat "$root/opt/look.out"
passed=$(grep -c '^good: ' "$root/opt/look.out" || true)
echo "$passed passed, $((20 - passed)) failed"
[ "$passed" -eq 20 ]
