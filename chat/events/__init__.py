"""The numbered log of a response's events: appended by its host, followed by its readers.

`log` is the host's side, `archive` the copy in Valkey, `follow` the reader's side.
"""

from chat.events.follow import Gone, follow
from chat.events.frame import ENDINGS, Frame
from chat.events.log import EventLog

LAST_NUMBER = 2**53  # beyond which JSON's readers lose count

__all__ = ["ENDINGS", "LAST_NUMBER", "EventLog", "Frame", "Gone", "follow"]
