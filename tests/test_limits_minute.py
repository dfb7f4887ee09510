"""Limits a minute: exact under parallel requests, all buckets of a request or none, put right afterwards."""

import socket
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deny_web import valkey
from tenants import limits
from tenants.limits import REQUESTS, TOKENS, Bucket, Limited, Permit

TENANT = UUID(int=5)


def bucket(what: str, limit: int, name: str = "a") -> Bucket:
    return Bucket(f"limit:{{t}}:{name}:{what}", what, "this key's", limit)


def take(*found: Bucket, sent: int = 10, answer: int | None = 0) -> Permit:
    return limits.take(found, sent, answer, 1000)


def went_through(count: int, *found: Bucket, **asked: int) -> int:
    """How many of so many requests at once are let through."""

    def one(_: int) -> bool:
        try:
            take(*found, **asked)
        except Limited:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(one, range(count)))


def test_parallel_requests_get_exactly_the_limit() -> None:
    assert went_through(60, bucket(REQUESTS, 7)) == 7


def test_parallel_requests_get_exactly_the_tokens() -> None:
    assert went_through(60, bucket(TOKENS, 1000), sent=90, answer=10) == 10


def test_a_request_takes_from_all_of_its_buckets_or_from_none() -> None:
    wide, narrow = bucket(REQUESTS, 100, "wide"), bucket(REQUESTS, 2, "narrow")
    assert went_through(20, wide, narrow) == 2
    assert take(wide).levels[0].left == 97


def test_headers_say_what_is_left_in_openais_format() -> None:
    told = take(bucket(REQUESTS, 10), bucket(TOKENS, 6000), sent=500, answer=100).headers
    assert told["x-ratelimit-limit-requests"] == "10"
    assert told["x-ratelimit-remaining-requests"] == "9"
    assert told["x-ratelimit-reset-requests"] == "6s"
    assert told["x-ratelimit-limit-tokens"] == "6000"
    assert told["x-ratelimit-remaining-tokens"] == "5400"
    assert told["x-ratelimit-reset-tokens"] == "6s"


def test_of_two_limits_the_headers_tell_the_one_with_less_left() -> None:
    told = take(bucket(REQUESTS, 50, "wide"), bucket(REQUESTS, 5, "narrow")).headers
    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("5", "4")


@pytest.mark.parametrize(
    ("microseconds", "told"),
    [(0, "0ms"), (1, "1ms"), (12_000, "12ms"), (1_000_000, "1s"), (1_500_000, "1.5s"), (360_000_000, "6m0s")],
)
def test_durations_are_written_as_openai_does(microseconds: int, told: str) -> None:
    assert limits._duration(microseconds) == told


def test_who_is_refused_is_told_when_to_come_back() -> None:
    found = bucket(REQUESTS, 2)
    take(found)
    take(found)
    with pytest.raises(Limited) as refused:
        take(found)
    assert refused.value.retry_after == pytest.approx(30, abs=1)
    assert refused.value.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.value.sentence.startswith("This key's limit of 2 requests a minute is reached. Try again in ")


def test_a_request_above_the_limit_is_told_that_waiting_does_not_help() -> None:
    with pytest.raises(Limited) as refused:
        take(bucket(TOKENS, 100), sent=101, answer=None)
    assert refused.value.retry_after is None


def test_an_answer_that_names_no_most_takes_what_room_there_is() -> None:
    assert take(bucket(TOKENS, 500), sent=100, answer=None).tokens == 500
    assert take(bucket(TOKENS, 5000, "b"), sent=100, answer=None).tokens == 1100


def test_what_was_taken_too_much_comes_back() -> None:
    found = bucket(TOKENS, 1000)
    take(found, sent=900)
    limits.correct([(found, -400)])
    assert take(found, sent=0, answer=0).levels[0].left == pytest.approx(500, abs=1)


def test_what_was_taken_too_little_is_owed() -> None:
    found = bucket(TOKENS, 1000)
    take(found, sent=900)
    limits.correct([(found, 2000)])
    with pytest.raises(Limited) as refused:
        take(found, sent=100)
    assert refused.value.retry_after == pytest.approx(2000 / 1000 * 60, abs=1)


def test_a_correction_never_gives_more_than_a_minute() -> None:
    found = bucket(TOKENS, 1000)
    limits.correct([(found, -5000)])
    assert went_through(20, found, sent=100) == 10


def test_a_bucket_goes_away_by_itself(valkey_flushed: redis.Redis) -> None:
    take(bucket(REQUESTS, 60))
    assert 0 < valkey_flushed.pttl(bucket(REQUESTS, 60).name) <= 2100


def test_without_valkey_nothing_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    away = redis.Redis(port=port, socket_timeout=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(valkey, "sync", lambda: away)
    assert limits.take([bucket(REQUESTS, 1)], 1, 1, 1) == Permit((), 0)
    limits.correct([(bucket(TOKENS, 1), 1)])
    limits.forget(TENANT, None)
    away.close()
