"""The images that ship: what is in them, who they run as, and that the list of it is true."""
import hashlib
import json
import os
import re

import pytest

from pod import podman

IMAGES = {"session-agent": ("smpp-session-agent", 10001), "bridge": ("smpp-bridge", 10002)}
SBOM = "usr/share/doc/sbom.spdx.json"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


class Image:
    def __init__(self, name):
        self.program, self.uid = IMAGES[name]
        self.name = f"localhost/smpp-connector/{name}:1"
        self.config = json.loads(podman("image", "inspect", self.name))[0]["Config"]
        self.root = podman("image", "mount", self.name)
        with open(os.path.join(self.root, SBOM), encoding="utf-8") as f:
            self.sbom = json.load(f)

    def files(self):
        """{path from the root: full path} of what is no directory and no link."""
        found = {}
        for directory, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(directory, name)
                if not os.path.islink(path):
                    found["/" + os.path.relpath(path, self.root)] = path
        return found


@pytest.fixture(scope="module", params=list(IMAGES))
def image(request):
    made = Image(request.param)
    yield made
    podman("image", "umount", made.name)


def installed():
    """{package: version} as dpkg says, where the images were made."""
    with open(os.path.join(os.environ["POD_DPKG"], "status"), encoding="utf-8") as f:
        stanzas = [dict(re.findall(r"^([\w-]+): (.*)$", s, re.M)) for s in f.read().split("\n\n")]
    return {s["Package"]: s["Version"] for s in stanzas if s.get("Status") == "install ok installed"}


def owners():
    """{path: package} as dpkg says; /lib and /usr/lib are one."""
    info, found = os.path.join(os.environ["POD_DPKG"], "info"), {}
    for name in os.listdir(info):
        if name.endswith(".list"):
            with open(os.path.join(info, name), encoding="utf-8") as f:
                found.update((re.sub(r"^/usr/lib", "/lib", line.rstrip("\n")), name[:-5].split(":")[0]) for line in f)
    return found


def test_user_entry_and_labels(image):
    assert image.config["User"] == f"{image.uid}:20000"
    assert image.config["Entrypoint"] == ["/" + image.program]
    labels = {k.rsplit(".", 1)[-1]: v for k, v in image.config["Labels"].items() if k.startswith("org.opencontainers.image.")}
    assert (labels["title"], labels["version"], labels["licenses"]) == (image.program, os.environ["POD_VERSION"], "Apache-2.0")
    assert labels["description"]
    assert podman("run", "--rm", "--network", "none", image.name, "--version").split() == [image.program, labels["version"]]


def test_nothing_is_in_it_that_the_program_does_not_need(image):
    allowed = (r"/lib\S*\.so(\.\S+)?|/usr/lib\S*\.so(\.\S+)?|/usr/share/doc/[^/]+/copyright|"
               rf"/{SBOM}|/{CERTIFICATES}|/etc/(passwd|group|nsswitch\.conf)|/{image.program}")
    assert [p for p in image.files() if not re.fullmatch(allowed, p)] == []
    with open(os.path.join(image.root, CERTIFICATES), encoding="ascii") as f:
        assert f.read().count("-----BEGIN CERTIFICATE-----") > 50
    assert os.readlink(os.path.join(image.root, "usr/lib/ssl/cert.pem")) == "/" + CERTIFICATES


def test_the_list_of_its_contents_is_true(image):
    sbom, versions, owner_of = image.sbom, installed(), owners()
    assert sbom["spdxVersion"] == "SPDX-2.3" and sbom["dataLicense"] == "CC0-1.0"
    packages = {p["SPDXID"]: p for p in sbom["packages"]}
    (own,) = [p for p in packages.values() if "supplier" not in p]
    assert (own["name"], own["versionInfo"]) == (image.program, os.environ["POD_VERSION"])
    debian = {p["name"]: p["versionInfo"] for p in packages.values() if p is not own}
    assert debian == {name: versions[name] for name in debian}
    for p in packages.values():
        if p is not own:
            assert p["externalRefs"][0]["referenceLocator"].endswith(f"distro=debian-{os.environ['POD_DEBIAN']}")
            assert os.path.exists(os.path.join(image.root, f"usr/share/doc/{p['name']}/copyright"))

    listed = {f["fileName"].lstrip("."): f for f in sbom["files"]}
    there = image.files()
    assert set(listed) == set(there) - {"/" + SBOM}
    for path, entry in listed.items():
        with open(there[path], "rb") as f:
            data = f.read()
        sums = {c["algorithm"]: c["checksumValue"] for c in entry["checksums"]}
        assert sums == {"SHA1": hashlib.sha1(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}, path

    ids = {f["SPDXID"]: path for path, f in listed.items()}
    assert len(ids) == len(listed)
    origin = {ids[r["spdxElementId"]]: packages[r["relatedSpdxElement"]]["name"]
              for r in sbom["relationships"] if r["relationshipType"] == "GENERATED_FROM"}
    libraries = {path for path in there if ".so" in os.path.basename(path)}
    assert set(origin) == libraries | {"/" + CERTIFICATES}
    for path in libraries:
        assert owner_of[re.sub(r"^/usr/lib", "/lib", path)] == origin[path], path
    assert set(origin.values()) == set(debian)


def test_the_same_inputs_make_the_same_image():
    """Built twice, without any cache; the other images are made by the same steps."""
    digest = "{{.Digest}}"
    assert podman("image", "inspect", "-f", digest, "localhost/smpp-connector/session-agent:1") == \
        podman("image", "inspect", "-f", digest, "localhost/smpp-connector/session-agent:again")


@pytest.mark.skipif(os.environ["POD_DEBIAN"] != "13", reason="made by their Containerfile only")
def test_the_simulators_run():
    name = "localhost/smpp-connector/simulators:1"
    assert "mno-sim" in podman("run", "--rm", "--network", "none", name, "/mno-sim", "--help")
    assert "usage" in podman("run", "--rm", "--network", "none", name, "/operator-mgmt-sim", "--help").lower()
