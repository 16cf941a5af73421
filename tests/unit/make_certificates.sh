#!/bin/sh
# make_certificates.sh DIR: two authorities, certificates of a server and a client, and bad ones.
# `openssl ca` since it takes dates: OpenSSL 3.5's `x509 -days` takes no negative ones.
set -e
cd "$1"
exec >make_certificates.log 2>&1
cat >ca.cnf <<'EOT'
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
serial = serial
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
EOT
: >index.txt
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
authority() { # name
    # shellcheck disable=SC2086
    openssl req -x509 $key -keyout "$1.key" -out "$1.pem" -subj "/CN=$1" -days 30
}
certificate() { # name authority end names
    # shellcheck disable=SC2086
    openssl req $key -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
    printf 'subjectAltName=%s\n' "$4" >"$1.ext"
    openssl ca -batch -notext -config ca.cnf -cert "$2.pem" -keyfile "$2.key" -extfile "$1.ext" \
        -startdate 20200101000000Z -enddate "$3" -in "$1.csr" -out "$1.pem"
}
good=$(date -u -d "+10 days" +%Y%m%d%H%M%SZ)
authority ca
authority other-ca
certificate server ca "$good" DNS:mno.example,IP:127.0.0.1
certificate expired ca 20200102000000Z DNS:mno.example,IP:127.0.0.1
certificate elsewhere ca "$good" DNS:elsewhere.invalid
certificate client ca "$good" DNS:client
certificate other-client other-ca "$good" DNS:client
