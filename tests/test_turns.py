"""Turns: in the order of coming, bounded for all and for each, and given back whatever happens."""

import threading
import time
from collections.abc import Iterator

import gradio as gr
import httpx2
import pytest

from fairhub.errors import UserError
from fairhub.space import callers
from fairhub.space.turns import Turns


def test_who_came_first_goes_first_and_few_go_at_once():
    turns, order, going, most = Turns("work", running=2, waiting=20, each=9), [], [], []
    lock = threading.Lock()

    def work(name):
        with turns.turn(name):
            with lock:
                order.append(name)
                going.append(name)
                most.append(len(going))
            time.sleep(0.01)
            with lock:
                going.remove(name)

    threads = [threading.Thread(target=work, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    assert order == [str(i) for i in range(8)] and max(most) == 2


def test_nobody_fills_the_queue_alone_and_nobody_waits_for_ever():
    turns = Turns("a repair", running=1, waiting=2, each=1)
    with turns.place("a") as first, turns.place("b") as second:
        assert turns.before(first) == 0 and turns.before(second) == 1
        with pytest.raises(UserError, match="one of yours at a time"), turns.place("a"):
            pass
        with turns.place("c"), pytest.raises(UserError, match="3 are waited for"), turns.place("d"):
            pass
    with turns.place("a") as again:  # given back
        assert turns.before(again) == 0


def test_a_place_is_given_back_by_who_fails():
    turns = Turns("work", running=1, waiting=0, each=1)
    with pytest.raises(ZeroDivisionError), turns.turn("a"):
        raise ZeroDivisionError
    with turns.turn("a"):
        pass


def test_who_takes_up_no_answer_is_gone(monkeypatch):
    now, unread = [0.0], [0]
    monkeypatch.setattr(callers.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(callers, "_unread", lambda: unread[0])
    listener = callers.Listener()
    for now[0] in (100.0, 200.0):
        listener.check()  # nothing is unread, however long
    unread[0] = 3
    now[0] += callers.DEAF - 1
    listener.check()
    now[0] += 2
    with pytest.raises(UserError, match="while somebody listens"):
        listener.check()


@pytest.mark.parametrize(
    ("told", "who"),
    [
        ("8.8.4.4", "8.8.4.4"), ("1.1.1.1, 8.8.4.4", "8.8.4.4"), ("8.8.4.4, 10.0.0.7", "8.8.4.4"),
        ("x, 10.0.0.1", "127.0.0.1"), ("", "127.0.0.1"),
    ],
)  # fmt: skip
def test_a_caller_is_the_last_outer_address_that_the_proxy_wrote(monkeypatch, told, who):
    class Inner:
        headers = {"x-forwarded-for": told}
        client = type("Client", (), {"host": "127.0.0.1"})

    monkeypatch.setattr(callers, "on_space", lambda: True)
    token = callers.LocalContext.request.set(type("Asked", (), {"request": Inner}))
    try:
        assert callers.caller() == who
        monkeypatch.setattr(callers, "on_space", lambda: False)
        assert callers.caller() == "127.0.0.1"  # elsewhere anybody can write that header
    finally:
        callers.LocalContext.request.reset(token)
    assert callers.caller() is None


def test_gradio_still_says_what_was_not_taken_up():
    """What `Listener` goes by is not of Gradio's public interface: a program that listens, and one that does not."""
    counts = {"heard": [], "unheard": []}

    def talk(name: str) -> Iterator[str]:
        for step in range(30):
            counts[name].append(callers._unread())
            yield f"{step}"
            time.sleep(0.05)

    with gr.Blocks() as demo:
        gr.api(talk, concurrency_limit=2)
    demo.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    try:
        url = f"{demo.local_url}gradio_api/call/talk"
        for name in counts:
            answer = httpx2.post(url, json={"data": [name]}).json()
            if name == "heard":
                httpx2.get(f"{url}/{answer['event_id']}", timeout=20)
        deadline = time.monotonic() + 20
        while len(counts["unheard"]) < 30 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        demo.close()
    assert len(counts["heard"]) == 30 and max(counts["heard"][5:]) <= 2
    assert min(counts["unheard"][5:]) >= 5 and counts["unheard"][-1] >= 25
