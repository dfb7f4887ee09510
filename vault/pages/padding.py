"""One size for a label's page, whatever value it shows: a proxy's log keeps the length of every answer.

The size goes by the entry's band, which is public. A proxy that compresses would undo it, so it is asked not to.
"""

from django.http import HttpResponse
from django.utils.cache import patch_cache_control

_PAGE = 64 * 1024  # bytes for a page without its value; it has half of that
_EACH = 12  # bytes of a page for one of a value: it stands there twice, and an escaped quotation mark takes six
_OPEN, _CLOSE = b"\n<!--", b"-->\n"


def pad(response: HttpResponse, band: int) -> HttpResponse:
    """Lengthen a page by a comment to the size of its band's pages; a longer one goes to a multiple of it."""
    size = _PAGE + _EACH * band
    missing = -(len(response.content) + len(_OPEN) + len(_CLOSE)) % size
    response.content = response.content + _OPEN + b"." * missing + _CLOSE
    patch_cache_control(response, no_transform=True)
    return response
