"""Which certificate the page is served with over HTTPS."""

from __future__ import annotations

import socket

from miso.demo.settings import Settings
from miso.demo.workers.addresses import local_addresses
from miso.serving.certificate import Certificate
from miso.serving.certificate_files import given, self_made


def certificate_for(settings: Settings) -> Certificate:
    """The certificate to serve HTTPS with; makes one when none is given and none fits.

    Raises:
        CertificateError: The given files are no certificate and its key, or ``data_dir`` cannot be written.
    """
    if settings.tls_certificate is not None and settings.tls_key is not None:
        return given("tls", settings.tls_certificate, settings.tls_key)
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname(), *local_addresses()}
    if settings.announced_address is not None:
        names.add(settings.announced_address)
    return self_made(settings.data_dir / "tls", names)
