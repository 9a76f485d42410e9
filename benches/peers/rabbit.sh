#!/bin/bash
# Two RabbitMQ brokers on loopback, mutual TLS 1.3, quorum queues, a shovel with on-confirm between them.
# usage: RUN=FOLDER DRIVER=PROGRAM rabbit.sh COMMAND
#   serve                           starts all, says `ready PID PID`, ends all when its standard input closes
#   one MODE AMOUNT BYTES WINDOW    one run: saturated SECONDS, paced SECONDS or single COUNT
#   counts                          of each broker: syncs and entries of its quorum log so far
# Everything lies in FOLDER; no user, service, cookie or epmd of an installed broker is touched.
set -e
certs=$RUN/certs
work=$RUN/rabbit
# Beside Debian's wrapper, which only runs as root or rabbitmq and in their folders, lies the program itself.
sbin=$(dirname "$(readlink -f "$(command -v rabbitmq-server)")")
export HOME=$work ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=45690
# The script then becomes the broker, and its process id is the broker's.
export RUNNING_UNDER_SYSTEMD=true

ctl() { "$sbin/rabbitmqctl" -q "$@" </dev/null; }

broker() {
    export RABBITMQ_NODENAME=r$1@localhost RABBITMQ_DIST_PORT=$2
    export RABBITMQ_CONFIG_FILE=$work/$1.conf RABBITMQ_MNESIA_BASE=$work/mnesia RABBITMQ_LOG_BASE=$work/log
    export RABBITMQ_ENABLED_PLUGINS_FILE=$work/plugins RABBITMQ_PID_FILE=$work/$1.pid
    export RABBITMQ_GENERATED_CONFIG_DIR=$work/$1.config RABBITMQ_CONF_ENV_FILE=/dev/null
}

configure() {
    cat > "$work/$1.conf" <<CONF
listeners.tcp = none
listeners.ssl.default = 127.0.0.1:$2
ssl_options.cacertfile = $certs/ca.pem
ssl_options.certfile = $certs/$1.pem
ssl_options.keyfile = $certs/$1.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_options.versions.1 = tlsv1.3
distribution.listener.interface = 127.0.0.1
CONF
}

shovel() {
    broker a 45681
    local tls="cacertfile=$certs/ca.pem&certfile=$certs/a.pem&keyfile=$certs/a.key&verify=verify_peer&server_name_indication=localhost"
    ctl set_parameter shovel s "{\"src-protocol\":\"amqp091\",\"src-uri\":\"amqps://guest:guest@localhost:45671?$tls\",\"src-queue\":\"q\",\"dest-protocol\":\"amqp091\",\"dest-uri\":\"amqps://guest:guest@localhost:45672?$tls\",\"dest-queue\":\"q\",\"ack-mode\":\"on-confirm\",\"src-prefetch-count\":1000}"
    for _ in $(seq 30); do
        ctl shovel_status | grep -q running && return
        sleep 0.5
    done
    echo "the shovel does not run" >&2
    return 1
}

started=()
start() {
    "$@" </dev/null >>"$work/output" 2>&1 &
    started=($! "${started[@]}")
}

# In order of the last started; only what this script started.
stop() {
    local pid
    for pid in "${started[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || continue 2
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
}

serve() {
    trap stop EXIT
    trap 'exit 1' TERM INT HUP
    mkdir -p "$work"/{mnesia,log}
    "$(dirname "$0")/certificates.sh" "$certs"
    (umask 077 && openssl rand -hex 16 > "$work/.erlang.cookie")
    echo '[rabbitmq_shovel].' > "$work/plugins"
    configure a 45671
    configure b 45672
    start epmd -address 127.0.0.1 -port 45690
    broker a 45681
    start "$sbin/rabbitmq-server"
    broker b 45682
    start "$sbin/rabbitmq-server"
    for name in a b; do
        broker $name
        for _ in $(seq 60); do [ -s "$RABBITMQ_PID_FILE" ] && break; sleep 0.5; done
        ctl await_startup --timeout 90 >&2
    done
    "$DRIVER" "$certs" declare >&2
    shovel >&2
    echo "ready ${started[1]} ${started[0]}"
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
counts)
    for name in a b; do
        broker $name
        ctl eval '#{batches := B, writes := W} = maps:get(ra_log_wal, ra_counters:overview()), {B, W}.' > "$work/$name.counts" &
    done
    wait
    # A list of small numbers would be shown as text; a tuple is not.
    echo "[$(cat "$work/a.counts"),$(cat "$work/b.counts")]" | tr '{}' '[]'
    ;;
*)
    sed -n 's/^# *\(usage.*\)/\1/p' "$0" >&2
    exit 2
    ;;
esac
