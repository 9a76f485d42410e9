#!/bin/bash
# One CA and certificates for a, b and client (ECDSA P-256), for localhost only. usage: certificates.sh FOLDER
set -e
mkdir -p "$1"
cd "$1"
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"; }
key ca
openssl req -x509 -new -key ca.key -days 30 -subj /CN=bench-ca -out ca.pem
for name in a b client; do
    key $name
    openssl req -new -key $name.key -subj /CN=$name -out $name.csr
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n' > $name.ext
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile $name.ext -out $name.pem 2>/dev/null
done
