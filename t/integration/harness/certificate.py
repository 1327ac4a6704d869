"""A self-signed certificate, for servers that test TLS."""

import subprocess


def make_certificate(directory):
    """Writes certificate.pem and key.pem."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-keyout", directory / "key.pem"),
            *("-out", directory / "certificate.pem"),
        ],
        check=True,
        capture_output=True,
    )
