"""No spelling of a private address is reached, and no name that leads to one."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants import addresses
from tenants.addresses import AddressRefused

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.01",
    "0",
    "0.0.0.0",  # noqa: S104 - to be refused, not bound to
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.0.0.192",
    "198.18.0.1",
    "192.88.99.1",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "[::1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::8.8.8.8]",
    "[2002:7f00:1::]",
    "[2002:808:808::]",
    "[2001::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[2600::5efe:7f00:1]",
    "[2600:0:0:0:0:5efe:7f00:1]",
    "[2600:0:0:0:200:5efe:7f00:1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[5f00::1]",
]
TRICKS = [
    "http://user@93.184.215.14/",
    "http://user:secret@93.184.215.14/",
    "http://93.184.215.14:80@127.0.0.1/",
    "http://93.184.215.14\\@127.0.0.1/",
    "http://93.184.215.14#@127.0.0.1:x/",
    "http://example.com./",
    "http://example.com:/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:80:80/",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://loc%61lhost/",
    "http://local\thost/",
    " http://example.com/",
    "http://exam ple.com/",
    "http:///example.com/",
    "http:example.com/",
    "http://[::1",
    "http://[::1]x/",
    "http://[v1.fe80::a]/",
    "http://[127.0.0.1]/",
    "gopher://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "example.com",
    "",
    "http://",
    "http://.example.com/",
    "http://example..com/",
    "http://-example.com/",
    f"http://{'a' * 64}.com/",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_refused_in_every_spelling(host):
    with pytest.raises(AddressRefused):
        addresses.parse(f"http://{host}:8080/x")


@pytest.mark.parametrize("url", TRICKS)
def test_an_address_that_parsers_read_differently_is_refused(url):
    with pytest.raises(AddressRefused):
        addresses.parse(url)


@pytest.mark.parametrize(
    "host", ["93.184.215.14", "[2606:4700::6810:84e5]", "[::ffff:93.184.215.14]", "[64:ff9b::8.8.8.8]"]
)
def test_a_public_address_is_taken(host):
    assert addresses.parse(f"https://{host}/").port == 443


def test_the_sentence_never_repeats_a_secret():
    with pytest.raises(AddressRefused) as raised:
        addresses.parse("http://user:hunter2@127.0.0.1/?key=hunter2")
    assert "hunter2" not in f"{raised.value.sentence}{raised.value!r}{raised.value}"


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_never_public(ip):
    assert not (addresses.is_public(str(ip)) and (ip.is_private or ip.is_multicast or ip.is_reserved or ip.is_loopback))


@given(st.ip_addresses(v=4))
def test_no_dress_makes_an_ipv4_address_public(ip):
    if addresses.is_public(str(ip)):
        return
    high, low = int(ip) >> 16, int(ip) & 0xFFFF
    for dress in (
        f"::ffff:{ip}",
        f"64:ff9b::{ip}",
        f"::{ip}",
        f"2002:{high:x}:{low:x}::1",
        f"2600::5efe:{high:x}:{low:x}",
    ):
        assert not addresses.is_public(dress)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_only_the_dotted_form_of_a_number_is_an_address(number):
    octets = number.to_bytes(4, "big")
    for odd in (
        str(number),
        hex(number),
        oct(number).replace("o", ""),
        ".".join(map(hex, octets)),
        f"{octets[0]}.{number & 0xFFFFFF}",
    ):
        with pytest.raises(AddressRefused):
            addresses.parse(f"http://{odd}/")


def test_the_operator_may_allow_a_host_and_port(settings):
    settings.TOOL_ALLOWED_HOSTS = ["127.0.0.1:9000", "LocalHost:9001", "[::1]:9002"]
    assert addresses.parse("http://127.0.0.1:9000/").allowed
    assert addresses.parse("http://localhost:9001/").allowed
    assert addresses.parse("http://[::1]:9002/").allowed
    with pytest.raises(AddressRefused):
        addresses.parse("http://127.0.0.1:9001/")


def test_a_name_that_leads_home_is_refused():
    with pytest.raises(AddressRefused):
        addresses.check("http://localhost:8000/")


async def test_the_resolver_refuses_at_the_moment_of_connecting():
    with pytest.raises(AddressRefused):
        await addresses.Resolver().resolve("localhost", 8000)


async def test_the_resolver_lets_an_allowed_host_through(settings):
    settings.TOOL_ALLOWED_HOSTS = ["localhost:8000"]
    found = await addresses.Resolver().resolve("localhost", 8000, socket.AF_INET)
    assert {row["host"] for row in found} == {"127.0.0.1"}


async def test_one_private_answer_refuses_them_all(monkeypatch):
    def answers(*args, **kwargs):
        return [(socket.AF_INET, 1, 6, "", (ip, 80)) for ip in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    with pytest.raises(AddressRefused):
        await addresses.Resolver().resolve("rebind.example", 80)
