"""The log's copy in Valkey, which outlives its host.

A response's log is one stream. An entry is a batch of frames, one JSON text a line, under the id ``LAST+1-0``, where
LAST is the batch's last number: Valkey itself then refuses a number that is not new. Beside it stands a hash with the
fence (the host's epoch) and the last number.

Every append goes through one script, so that a host that was taken over, and does not know it yet, cannot add to a log
that its successor has read.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

import redis.asyncio

from chat.events.frame import Frame, decode
from deny_web import valkey

TTL_SECONDS = 900
_BATCH_BYTES = 256 * 1024


class Verdict(Enum):
    APPENDED = 0
    FENCED = 1
    FORGOTTEN = 2  # the log is gone (a flush, a restart): seed it again from memory


class Append(NamedTuple):
    response_id: str
    epoch: int
    frames: Sequence[Frame]
    seed: bool  # the first batch, or all that memory holds after the log was forgotten


# KEYS: stream, hash; per append. ARGV: epoch, expected last number, new last number, seed, ttl, count, payloads…
_APPEND = """
local verdicts, a = {}, 1
for k = 1, #KEYS, 2 do
  local stream, hash = KEYS[k], KEYS[k + 1]
  local epoch, before, seed = tonumber(ARGV[a]), ARGV[a + 1], ARGV[a + 2]
  local ttl, count = ARGV[a + 3], tonumber(ARGV[a + 4])
  a = a + 5
  local known = redis.call('HMGET', hash, 'epoch', 'last')
  local verdict = 0
  if known[1] and tonumber(known[1]) > epoch then verdict = 1
  elseif known[2] ~= before and (known[2] or seed == '0') then verdict = 2 end
  if verdict == 0 then
    if seed == '1' and not known[2] then redis.call('DEL', stream) end
    for i = 1, count do
      local last = ARGV[a + (i - 1) * 2]
      redis.call('XADD', stream, (tonumber(last) + 1) .. '-0', 'd', ARGV[a + (i - 1) * 2 + 1])
      before = last
    end
    redis.call('HSET', hash, 'epoch', epoch, 'last', before)
    redis.call('EXPIRE', stream, ttl)
    redis.call('EXPIRE', hash, ttl)
  end
  a = a + count * 2
  verdicts[#verdicts + 1] = verdict
end
return verdicts
"""

# A successor raises the fence before it reads, so that nothing is appended behind it. Answers the last number.
_FENCE = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and tonumber(epoch) > tonumber(ARGV[1]) then return -2 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return tonumber(redis.call('HGET', KEYS[1], 'last') or -1)
"""


def _stream(response_id: str) -> str:
    return f"log:{response_id}"


def _hash(response_id: str) -> str:
    return f"log:{response_id}:h"


def _batches(frames: Sequence[Frame]) -> list[tuple[int, bytes]]:
    batches: list[tuple[int, bytes]] = []
    lines: list[bytes] = []
    size = 0
    for frame in frames:
        lines.append(frame.data)
        size += len(frame.data)
        if size >= _BATCH_BYTES:
            batches.append((frame.number, b"\n".join(lines)))
            lines, size = [], 0
    if lines:
        batches.append((frames[-1].number, b"\n".join(lines)))
    return batches


async def append(appends: Sequence[Append]) -> list[Verdict]:
    """Append a batch for each of several logs, in one round trip. Raises redis.RedisError when Valkey is away."""
    keys: list[str] = []
    args: list[bytes | str | int] = []
    for one in appends:
        keys += [_stream(one.response_id), _hash(one.response_id)]
        batches = _batches(one.frames)
        args += [one.epoch, one.frames[0].number - 1, int(one.seed), TTL_SECONDS, len(batches)]
        for last, payload in batches:
            args += [last, payload]
    script = _script(_APPEND)
    return [Verdict(code) for code in await script(keys=keys, args=args)]


async def fence(response_id: str, epoch: int) -> int | None:
    """Shut out every host with an older epoch. The log's last number, -1 for none, None when we are shut out."""
    last = await _script(_FENCE)(keys=[_hash(response_id)], args=[epoch, TTL_SECONDS])
    return None if last == -2 else int(last)


async def read(response_id: str, after: int, count: int = 64) -> list[Frame]:
    """Frames with a number above `after`, at most `count` batches of them."""
    entries: Any = await valkey.aio().xrange(_stream(response_id), min=f"{after + 2}-0", max="+", count=count)
    return [frame for _, fields in entries for frame in _frames(fields, after)]


async def wait(response_id: str, after: int, milliseconds: int, count: int = 64) -> list[Frame]:
    """Like `read`, but waits for the first batch up to `milliseconds`. Holds one connection meanwhile."""
    answer = await valkey.aio().xread({_stream(response_id): f"{after + 1}-0"}, count=count, block=milliseconds)
    if not answer:
        return []
    streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer]
    batches = [entry for stream in streams for entry in _flat(stream)]
    return [frame for _, fields in batches for frame in _frames(fields, after)]


async def exists(response_id: str) -> bool:
    return bool(await valkey.aio().exists(_stream(response_id)))


def _flat(stream: list[Any]) -> list[Any]:
    # RESP3 wraps the entries of a stream in one more list than RESP2 does.
    return stream[0] if stream and isinstance(stream[0], list) else stream


def _frames(fields: dict[bytes, bytes], after: int) -> list[Frame]:
    frames = [decode(line) for line in fields[b"d"].split(b"\n")]
    return [frame for frame in frames if frame.number > after]


_scripts: dict[tuple[int, str], "redis.commands.core.AsyncScript"] = {}


def _script(source: str) -> "redis.commands.core.AsyncScript":
    client = valkey.aio()
    return _scripts.setdefault((id(client), source), client.register_script(source))


async def forget(response_id: str) -> None:
    """Drop the copy, to be seeded again. The fence stays; without its last number, only a seed is taken."""
    async with valkey.aio().pipeline(transaction=True) as both:
        both.delete(_stream(response_id))
        both.hdel(_hash(response_id), "last")
        await both.execute()
