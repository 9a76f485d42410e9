#!/bin/bash
# Two RabbitMQ brokers on loopback, mutual TLS 1.3, quorum queues, a shovel with on-confirm between them.
# usage: RUN=FOLDER DRIVER=PROGRAM rabbit.sh up | queues | one COUNT BYTES RATE WINDOW | down
set -e
certs=$RUN/certs
work=$RUN/rabbit
export RABBITMQ_SERVER_ERL_ARGS=""

# Everything of one broker lies in our folder and on our ports.
broker() {
    export RABBITMQ_NODENAME=$1@localhost RABBITMQ_NODE_PORT=$2 RABBITMQ_DIST_PORT=$3
    export RABBITMQ_CONFIG_FILE=$work/$1.conf RABBITMQ_MNESIA_BASE=$work/mnesia RABBITMQ_LOG_BASE=$work/log
    export RABBITMQ_ENABLED_PLUGINS_FILE=$work/plugins RABBITMQ_PID_FILE=$work/$1.pid ERL_EPMD_ADDRESS=127.0.0.1
}
each() { broker ra 45661 45681; "$@"; broker rb 45662 45682; "$@"; }

configure() {
    cat > "$work/r$1.conf" <<CONF
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
    broker ra 45661 45681
    local tls="cacertfile=$certs/ca.pem&certfile=$certs/a.pem&keyfile=$certs/a.key&verify=verify_peer&server_name_indication=localhost"
    rabbitmqctl -q set_parameter shovel s "{\"src-protocol\":\"amqp091\",\"src-uri\":\"amqps://guest:guest@localhost:45671?$tls\",\"src-queue\":\"q\",\"dest-protocol\":\"amqp091\",\"dest-uri\":\"amqps://guest:guest@localhost:45672?$tls\",\"dest-queue\":\"q\",\"ack-mode\":\"on-confirm\",\"src-prefetch-count\":1000}"
    sleep 2
}

case $1 in
up)
    "$(dirname "$0")/certificates.sh" "$certs"
    mkdir -p "$work"/{mnesia,log}
    echo '[rabbitmq_shovel].' > "$work/plugins"
    configure a 45671
    configure b 45672
    chmod 711 "$(dirname "$RUN")" "$RUN"
    chown -R rabbitmq:rabbitmq "$work"
    each rabbitmq-server -detached
    sleep 4
    each timeout 60 rabbitmqctl -q await_startup
    ;;
queues)
    "$DRIVER" "$certs" declare
    shovel
    ;;
one)
    shift
    "$DRIVER" "$certs" one "$@"
    ;;
down)
    each rabbitmqctl -q stop
    ;;
*)
    echo "usage: rabbit.sh up | queues | one COUNT BYTES RATE WINDOW | down" >&2
    exit 2
    ;;
esac
