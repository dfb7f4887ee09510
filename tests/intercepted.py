"""Hosts of the internet, played on loopback: a client reaches them through its environment alone (a proxy and a
certificate authority), as it would behind a company's gateway."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.tool_api import ToolApi


@contextmanager
def played(host: str, api: ToolApi, folder: Path, *others: str) -> Iterator[dict[str, str]]:
    """The environment in which `https://HOST` is `api` (plain HTTP behind this TLS), and so are `others`. No further
    host is reached."""
    hosts = (host, *others)
    certificate = folder / f"{host}.pem"
    certificate.write_bytes(_certificate(hosts))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, hosts, api.port, context), daemon=True).start()
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield {"https_proxy": proxy, "HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(certificate)}


def _serve(listener: socket.socket, hosts: tuple[str, ...], port: int, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # closed: the test is over
            return
        threading.Thread(target=_tunnel, args=(client, hosts, port, context), daemon=True).start()


def _tunnel(client: socket.socket, hosts: tuple[str, ...], port: int, context: ssl.SSLContext) -> None:
    """One CONNECT, then TLS ends here and the plain bytes go on to the API."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(4096)
    if not request.startswith(tuple(f"CONNECT {host}:443 ".encode() for host in hosts)):
        client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        return client.close()
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with context.wrap_socket(client, server_side=True) as inside, socket.create_connection(("127.0.0.1", port)) as api:
        back = threading.Thread(target=_copy, args=(api, inside), daemon=True)
        back.start()
        _copy(inside, api)
        back.join()
    return None


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _certificate(hosts: tuple[str, ...]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])]), datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    signed = builder.add_extension(names, False).sign(key, SHA256())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed.public_bytes(Encoding.PEM)
