#!/bin/sh
# make_certificates.sh DIR: an authority, a server's and a client's certificate, and bad ones.
set -e
cd "$1"
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" \
        -out "$1.pem" -subj "/CN=$1" -days 30
}
certificate() { # name authority days names
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" \
        -out "$1.csr" -subj "/CN=$1"
    printf 'subjectAltName=%s\n' "$4" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -out "$1.pem" \
        -days "$3" -extfile "$1.ext"
}
{
    authority ca
    authority other-ca
    certificate server ca 30 IP:127.0.0.1
    certificate expired ca -1 IP:127.0.0.1
    certificate elsewhere ca 30 DNS:elsewhere.invalid
    certificate client ca 30 DNS:client
    certificate other-client other-ca 30 DNS:client
} >/dev/null 2>&1
