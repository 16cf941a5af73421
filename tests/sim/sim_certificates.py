"""Certificates for tests, made with the openssl command line into one folder.

make(folder, names) leaves there, each as NAME.pem and NAME.key (EC P-256):
  ca                  signs the good ones
  server              for the given names, 127.0.0.1, ::1 and localhost
  client              a client of the good CA
  other-ca            nobody trusts it
  other-server, other-client    signed by the other CA
  expired-server, expired-client    of the good CA, long expired
  wrong-name-server   of the good CA, for wrong.invalid
What is there already is kept, so that a restart does not change the CA.
"""
import ipaddress
import os
import subprocess
import tempfile

CA_CONFIG = """
[ca]
default_ca = this
[this]
new_certs_dir = {work}
database = {work}/index.txt
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = none
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = subject
prompt = no
[subject]
CN = unused
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""

LEAF_EXTENSIONS = """
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = {usage}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""

LONG_AGO = "20200101000000Z"
LONG_OVER = "20210101000000Z"
FAR_AWAY = "20451231235959Z"


def _run(*args):
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(args[:3])} failed: {done.stderr.strip()}")


def _alternative_name(name):
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


class _Maker:
    def __init__(self, folder, work):
        self.folder = folder
        self.work = work
        self.config = os.path.join(work, "openssl.cnf")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(CA_CONFIG.format(work=work))
        with open(os.path.join(work, "index.txt"), "w", encoding="utf-8"):
            pass

    def path(self, name, ending):
        return os.path.join(self.folder, f"{name}.{ending}")

    def key(self, name):
        path = self.path(name, "key")
        old = os.umask(0o077)
        try:
            _run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-out", path)
        finally:
            os.umask(old)
        return path

    def authority(self, name):
        if os.path.exists(self.path(name, "pem")):
            return
        _run("openssl", "req", "-x509", "-new", "-key", self.key(name), "-days", "7300",
             "-config", self.config, "-extensions", "v3_ca", "-subj", f"/CN={name}",
             "-out", self.path(name, "pem"))

    def leaf(self, name, authority, usage, names, end=FAR_AWAY):
        if os.path.exists(self.path(name, "pem")):
            return
        request = os.path.join(self.work, f"{name}.csr")
        extensions = os.path.join(self.work, f"{name}.ext")
        alternatives = ",".join(_alternative_name(n) for n in names)
        with open(extensions, "w", encoding="utf-8") as out:
            out.write(LEAF_EXTENSIONS.format(usage=usage, names=alternatives))
        _run("openssl", "req", "-new", "-key", self.key(name), "-config", self.config,
             "-subj", f"/CN={name}", "-out", request)
        _run("openssl", "ca", "-batch", "-notext", "-config", self.config,
             "-cert", self.path(authority, "pem"), "-keyfile", self.path(authority, "key"),
             "-startdate", LONG_AGO, "-enddate", end, "-extfile", extensions,
             "-extensions", "leaf", "-in", request, "-out", self.path(name, "pem"))


def make(folder, names=()):
    """Makes what is missing in `folder`; `names` are further names of the good server."""
    os.makedirs(folder, exist_ok=True)
    good_names = ["127.0.0.1", "::1", "localhost", *names]
    with tempfile.TemporaryDirectory() as work:
        maker = _Maker(folder, work)
        maker.authority("ca")
        maker.authority("other-ca")
        for name, authority, end in (("server", "ca", FAR_AWAY),
                                     ("other-server", "other-ca", FAR_AWAY),
                                     ("expired-server", "ca", LONG_OVER)):
            maker.leaf(name, authority, "serverAuth", good_names, end)
        maker.leaf("wrong-name-server", "ca", "serverAuth", ["wrong.invalid"])
        for name, authority, end in (("client", "ca", FAR_AWAY),
                                     ("other-client", "other-ca", FAR_AWAY),
                                     ("expired-client", "ca", LONG_OVER)):
            maker.leaf(name, authority, "clientAuth", [f"{name}.invalid"], end)
