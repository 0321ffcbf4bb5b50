"""TLS certificates made on the spot: a private authority and what it signs, good and bad."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Signed:
    """One certificate with its key, as a PEM file that a server loads."""

    pem: Path
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context


class Authority:
    """A private certificate authority that lives for one test run."""

    def __init__(self, folder: Path, name: str = "tests of topstepx") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        self.certificate = _builder(subject, subject, self._key, ca=True).sign(
            self._key, hashes.SHA256()
        )
        self.ca_file = folder / f"{name.replace(' ', '-')}.pem"
        self.ca_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, name: str = "127.0.0.1", *, expired: bool = False) -> Signed:
        """A certificate for `name` (an address or a host name), signed by this authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(
            _name(name), self.certificate.subject, key, ca=False, expired=expired, issuer=self._key
        )
        return self._save(name, builder.sign(self._key, hashes.SHA256()), key)

    def self_signed(self, name: str = "127.0.0.1") -> Signed:
        """A certificate for `name` that nobody vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), _name(name), key, ca=False)
        return self._save(f"self-{name}", builder.sign(key, hashes.SHA256()), key)

    def _save(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Signed:
        pem = self._folder / f"{name}-{certificate.serial_number}.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return Signed(pem, certificate)


@functools.cache
def authority() -> Authority:
    """The authority of this test process."""
    return Authority(Path(tempfile.mkdtemp(prefix="topstepx-tls-")))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer_name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
    expired: bool = False,
    issuer: ec.EllipticCurvePrivateKey | None = None,
) -> x509.CertificateBuilder:
    day = dt.timedelta(days=1)
    now = dt.datetime.now(dt.UTC)
    ends = now - day if expired else now + 30 * day
    common = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * day)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer or key).public_key()),
            critical=False,
        )
        .add_extension(_usage(ca=ca), critical=True)
    )
    if ca:
        return builder
    return builder.add_extension(
        x509.SubjectAlternativeName([_alternative(common)]), critical=False
    ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
