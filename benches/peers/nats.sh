#!/bin/bash
# Two NATS servers with JetStream on loopback, mutual TLS for clients and for the leaf node that joins them.
# usage: RUN=FOLDER DRIVER=PROGRAM nats.sh COMMAND
#   serve                           starts both, says `ready PID PID`, ends them when its standard input closes
#   one MODE AMOUNT BYTES WINDOW    one run: saturated SECONDS, paced SECONDS or single COUNT
# From 2.10 on a server may sync before it acknowledges (`sync_interval: always`), and then does; older ones sync every
# two minutes: what they acknowledge is not durable.
set -e
certs=$RUN/certs
work=$RUN/nats

tls() {
    echo "cert_file: \"$certs/$1.pem\", key_file: \"$certs/$1.key\", ca_file: \"$certs/ca.pem\""
}

can_sync() {
    ! nats-server --version | grep -qE 'v2\.[0-9]\.'
}

stream_store() {
    local sync=
    can_sync && sync=', sync_interval: always'
    echo "jetstream { store_dir: \"$work/$1\", domain: $1, max_file_store: 20GB$sync }"
}

configure() {
    cat >"$work/a.conf" <<CONF
listen: 127.0.0.1:45722
server_name: a
tls { $(tls a), verify: true }
$(stream_store a)
leafnodes { remotes: [ { url: "tls://localhost:45724", tls { $(tls a) } } ] }
CONF
    cat >"$work/b.conf" <<CONF
listen: 127.0.0.1:45723
server_name: b
tls { $(tls b), verify: true }
$(stream_store b)
leafnodes { listen: "127.0.0.1:45724", tls { $(tls b), verify: true } }
CONF
}

started=()
start() {
    nats-server -c "$work/$1.conf" </dev/null >"$work/$1.log" 2>&1 &
    started+=($!)
}

# Only what this script started.
stop() {
    local pid
    for pid in "${started[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    wait "${started[@]}" 2>/dev/null || true
}

serve() {
    trap stop EXIT
    trap 'exit 1' TERM INT HUP
    mkdir -p "$work"
    "$(dirname "$0")/certificates.sh" "$certs"
    configure
    start b
    start a
    for _ in $(seq 100); do
        grep -q 'Leafnode connection created' "$work/a.log" && break
        sleep 0.1
    done
    grep -q 'Leafnode connection created' "$work/a.log" || { cat "$work/a.log" >&2; exit 1; }
    echo "ready ${started[1]} ${started[0]} $(can_sync && echo durable || echo volatile)"
    cat >/dev/null
}

case $1 in
serve)
    serve
    ;;
one)
    shift
    "$DRIVER" "$certs" one "$@"
    ;;
*)
    sed -n 's/^# *\(usage.*\)/\1/p' "$0" >&2
    exit 2
    ;;
esac
