"""Logging in by a challenge: the words of both sides, and answers that do not hold."""

from __future__ import annotations

import base64
import hashlib
import itertools
import time

import pytest

from miso.live.errors import RefusedError
from miso.live.rtmp.adobe_login import MAX_USED, VALID_S, ClientLogin, Login, LoginFailedError, Logins, split_login

USERS = {"anna": "a pass+word&=?", "bert": "of bert"}
NOW_S = 1_000.0


class Server:
    """Its random numbers count from 1."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.logins = Logins(USERS.get, lambda size: next(self._numbers).to_bytes(size, "big"))

    def say(self, app: str, now_s: float = NOW_S) -> str:
        """What a client is told that connects so: its user's name, or why not."""
        _, login = split_login(app)
        try:
            return self.logins.check(login, now_s)
        except RefusedError as error:
            return str(error)

    def challenge(self, user: str = "anna") -> dict[str, str]:
        text = self.say(f"live?authmod=adobe&user={user}")
        _, _, query = text.partition("?reason=needauth&")
        return dict(part.split("=", 1) for part in query.split("&"))


def response(asked: dict[str, str], password: str, challenge: str) -> str:
    """As the documents of other servers have it."""

    def hashed(text: str) -> str:
        return base64.b64encode(hashlib.md5(text.encode()).digest()).decode()

    return hashed(hashed(asked["user"] + asked["salt"] + password) + asked["opaque"] + challenge)


def answer(asked: dict[str, str], password: str = USERS["anna"], challenge: str = "0a1b2c3d") -> str:
    proof = response(asked, password, challenge)
    return f"live?authmod=adobe&user={asked['user']}&challenge={challenge}&response={proof}&opaque={asked['opaque']}"


FAILED = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed"


def test_a_client_is_told_how_to_log_in_and_does() -> None:
    server = Server()
    assert server.say("live") == "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : "
    asked = server.challenge()
    assert asked.keys() == {"user", "salt", "challenge", "opaque"}
    assert server.say(answer(asked)) == "anna"


def test_a_challenge_fits_into_what_ffmpeg_keeps_of_it() -> None:
    assert len(Server().say(f"live?authmod=adobe&user={'u' * 49}")) < 256


@pytest.mark.parametrize("challenge", ["0a1b2c3d", "q+/8Bw==", ""], ids=["ffmpeg", "librtmp", "none"])
def test_a_clients_own_challenge_comes_as_it_is(challenge: str) -> None:
    server = Server()
    assert server.say(answer(server.challenge(), challenge=challenge)) == "anna"


def test_an_answer_holds_once() -> None:
    server = Server()
    said = answer(server.challenge())
    assert [server.say(said), server.say(said)] == ["anna", FAILED]
    opaque = said.rpartition("=")[2]
    assert server.say(said.replace(opaque, f"{opaque}=")) == FAILED  # the same bytes, spelled otherwise
    assert server.say(answer(server.challenge())) == "anna"


def test_what_is_wrong_is_refused_in_the_same_words() -> None:
    server = Server()
    asked = server.challenge()
    good = answer(asked)
    other = server.challenge("bert")
    wrong = {
        "password": answer(asked, "another"),
        "user": good.replace("user=anna", "user=bert"),
        "unknown user": answer(server.challenge("nobody")),
        "challenge": good.replace("challenge=0a1b2c3d", "challenge=0a1b2c3e"),
        "no challenge": good.replace("challenge=0a1b2c3d&", ""),
        "another's opaque": answer({**asked, "opaque": other["opaque"]}),
        "cut opaque": good[:-1],
        "made-up opaque": answer({**asked, "opaque": "A" * 38}),
        "no opaque": good.rpartition("&")[0],
        "response": good.replace("response=", "response=x"),
        "characters": good.replace("response=", "response=é\udc80"),
    }
    assert {what: server.say(said) for what, said in wrong.items()} == dict.fromkeys(wrong, FAILED)
    assert server.say(good) == "anna"  # they have not used it up


def test_a_challenge_must_be_answered_in_time() -> None:
    server = Server()
    first, second = server.challenge(), server.challenge()
    assert server.say(answer(first), NOW_S + VALID_S) == "anna"
    assert server.say(answer(second), NOW_S + VALID_S + 1) == FAILED


def test_another_server_does_not_take_its_challenges() -> None:
    other = Logins(USERS.get, lambda size: b"x" * size)
    _, login = split_login(answer(Server().challenge()))
    with pytest.raises(LoginFailedError):
        other.check(login, NOW_S)


def test_a_user_that_would_not_come_back_as_it_went_is_refused() -> None:
    for user in ("", "a b", "a/b", "u" * 50, "ä"):
        assert Server().say(f"live?authmod=adobe&user={user}") == FAILED


def test_who_is_not_known_is_found_out_in_the_same_time() -> None:
    server = Server()
    took_ns: dict[str, list[int]] = {"anna": [], "nobody": []}
    for _ in range(300):
        for user, times in took_ns.items():
            said = answer(server.challenge(user), "wrong")
            began_ns = time.thread_time_ns()
            assert server.say(said) == FAILED
            times.append(time.thread_time_ns() - began_ns)
    known, unknown = (sorted(times)[len(times) // 2] for times in took_ns.values())
    assert abs(known - unknown) < 0.25 * max(known, unknown)


def test_what_it_remembers_of_answers_is_bounded_and_ends() -> None:
    server = Server()
    for _ in range(MAX_USED):
        assert server.say(answer(server.challenge())) == "anna"
    late = server.challenge()
    assert server.say(answer(late)) == FAILED
    _, asked = split_login("live?authmod=adobe&user=anna")
    with pytest.raises(RefusedError) as caught:
        server.logins.check(asked, NOW_S + 2 * VALID_S)
    again = dict(part.split("=", 1) for part in str(caught.value).partition("needauth&")[2].split("&"))
    assert server.say(answer(again), NOW_S + 2 * VALID_S) == "anna"


@pytest.mark.parametrize(
    ("address", "rest", "login"),
    [
        ("live", "live", None),
        ("live?token=1", "live?token=1", None),
        ("live?authmod=adobe&user=u", "live", Login("u")),
        ("live?token=1?authmod=adobe&user=u", "live?token=1", Login("u")),  # ffmpeg
        ("live?token=1&authmod=adobe&user=u", "live?token=1", Login("u")),
        ("live?authmod=adobe&user=u&challenge=a+/=&response=b+==&opaque=o", "live", Login("u", "a+/=", "b+==", "o")),
        ("live?authmod=llnw&user=u", "live", None),
        ("live?authmod=", "live", None),
        ("live?authmod=adobe", "live", Login("")),
    ],
)
def test_takes_it_off_an_address(address: str, rest: str, login: Login | None) -> None:
    assert split_login(address) == (rest, login)


def test_a_client_and_a_server_of_ours_understand_each_other() -> None:
    server = Server()
    for password, expected in ((USERS["anna"], "anna"), ("another", FAILED)):
        client = ClientLogin("anna", password, bytes)
        assert client.answer(server.say("live" + client.suffix))
        assert client.suffix == "?authmod=adobe&user=anna"
        assert client.answer(server.say("live" + client.suffix))
        assert server.say("live" + client.suffix) == expected
        assert not client.answer(FAILED)


def test_a_client_answers_a_server_without_an_opaque() -> None:
    client = ClientLogin("anna", "word", bytes)
    assert client.answer("[ authmod=adobe ] : ?reason=needauth&user=anna&salt=s&challenge=c")
    proof = response({"user": "anna", "salt": "s", "opaque": "c"}, "word", "00000000")
    assert client.suffix == f"?authmod=adobe&user=anna&challenge=00000000&response={proof}"


@pytest.mark.parametrize(
    "description", ["", "no", "authmod=llnw code=403 need auth", FAILED, "?reason=needauth&salt=s&challenge=c"]
)
def test_a_client_knows_when_there_is_nothing_to_answer(description: str) -> None:
    assert not ClientLogin("anna", "word", bytes).answer(description)


def test_a_client_does_not_go_in_circles() -> None:
    need, challenge = Server().say("live"), Server().say("live?authmod=adobe&user=anna")
    client = ClientLogin("anna", "word", bytes)
    assert [client.answer(text) for text in (need, need, challenge, challenge, need)] == [
        True,
        False,
        True,
        False,
        False,
    ]
