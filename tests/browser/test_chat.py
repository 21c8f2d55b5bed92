"""People write to each other and to the server's bot."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Locator, expect

from tests.browser.people import Crowd, Person
from tests.browser.server import DemoServer, running

pytestmark = pytest.mark.asyncio(loop_scope="package")


def _panel(person: Person) -> Locator:
    return person.page.get_by_role("complementary", name="Chat")


def _log(person: Person) -> Locator:
    return person.page.get_by_role("log")


async def _open_chat(person: Person) -> Locator:
    """Opens the panel; gives the field to write in, once one can write."""
    await person.click("Chat")
    field = _panel(person).get_by_role("textbox", name="Message")
    await expect(field).to_have_attribute("placeholder", "Write to everybody")
    return field


async def _pair(crowd: Crowd, url: str, room: str) -> tuple[Person, Person]:
    """Two who hear each other's channel, though they send no media."""
    ana, bo = await asyncio.gather(*(crowd.join(url, room, name, produce="false") for name in ("Ana", "Bo")))
    for person in (ana, bo):
        await expect(person.tiles).to_have_count(1)
    return ana, bo


async def test_two_people_write_to_each_other(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _pair(crowd, server.url, "chat")
    from_ana, from_bo = await _open_chat(ana), await _open_chat(bo)
    await from_ana.fill("Tea at four?")
    await from_ana.press("Enter")
    await expect(_log(bo).get_by_role("article").filter(has_text="Ana")).to_contain_text("Tea at four?")
    await from_bo.fill("With biscuits.")
    await _panel(bo).get_by_role("button", name="Send").click()
    await expect(_log(ana).get_by_role("article").filter(has_text="Bo")).to_contain_text("With biscuits.")
    await expect(_log(ana).get_by_role("article").filter(has_text="(you)")).to_contain_text("Tea at four?")
    await expect(from_bo).to_have_value("")
    assert ana.errors + bo.errors == []


async def test_many_messages_arrive_whole_and_in_order(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _pair(crowd, server.url, "chat-order")
    await _open_chat(ana)
    await _open_chat(bo)
    texts = [f"message {number} ünïcödé 茶 {'x' * (1 + number % 40) * 40}" for number in range(100)]
    await ana.page.evaluate("texts => texts.forEach((text) => miso.client.chat.send(text))", texts)
    await bo.page.wait_for_function("() => miso.state.chat.messages.length >= 100")
    assert await bo.page.evaluate("miso.state.chat.messages.map(({text}) => text)") == texts


async def test_the_bot_answers_to_everybody(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _pair(crowd, server.url, "chat-bot")
    field = await _open_chat(ana)
    await _open_chat(bo)
    await field.fill("@bot hello there")
    await field.press("Enter")
    for person in (ana, bo):
        answer = _log(person).get_by_role("article").filter(has=person.page.get_by_text("Bot", exact=True))
        await expect(answer).to_contain_text('Ana said me: "hello there"')
    # what is said to the bot, only the bot reads
    await expect(_log(bo).get_by_text("@bot")).to_have_count(0)
    await field.fill(f"@bot {'long ' * 200}")
    await field.press("Enter")
    await expect(ana.page.get_by_text("too long for the bot")).to_be_visible()


async def test_unread_messages_are_counted_until_the_panel_is_opened(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _pair(crowd, server.url, "chat-unread")
    field = await _open_chat(ana)
    # a notice goes away by itself: who looks for it must not come late
    notice = asyncio.create_task(expect(bo.page.get_by_role("status")).to_contain_text("Ana: one"))
    for text in ("one", "two"):
        await field.fill(text)
        await field.press("Enter")
    button = bo.page.get_by_role("button", name="Chat, 2 unread")
    await expect(button).to_be_visible()
    await notice
    assert "2" in await bo.page.title()
    await button.click()
    await expect(bo.page.get_by_role("button", name="Chat", exact=True)).to_be_visible()
    await expect(_log(bo)).to_contain_text("two")
    # on a small screen the notices would lie over the panel that shows the same
    await expect(bo.page.get_by_role("status")).not_to_contain_text("Ana: one")


async def test_the_keyboard_alone_opens_writes_and_closes(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _pair(crowd, server.url, "chat-keys")
    await _open_chat(bo)
    await ana.page.keyboard.press("c")
    field = _panel(ana).get_by_role("textbox", name="Message")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("")
    await expect(field).to_have_attribute("placeholder", "Write to everybody")
    await ana.page.keyboard.type("mvp")  # letters that are shortcuts elsewhere
    await ana.page.keyboard.press("Shift+Enter")
    await ana.page.keyboard.type("second line")
    await ana.page.keyboard.press("Enter")
    await expect(_log(bo)).to_contain_text("second line")
    assert (await bo.page.evaluate("miso.state.chat.messages.at(-1).text")) == "mvp\nsecond line"
    await ana.page.keyboard.press("Escape")
    await expect(_panel(ana)).to_have_count(0)


async def test_links_can_be_followed_and_markup_stays_text(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _pair(crowd, server.url, "chat-links")
    field = await _open_chat(ana)
    await _open_chat(bo)
    await field.fill("see https://example.org/a?b=c. <img src=x onerror=alert(1)>")
    await field.press("Enter")
    link = _log(bo).get_by_role("link")
    await expect(link).to_have_attribute("href", "https://example.org/a?b=c")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    await expect(_log(bo)).to_contain_text("<img src=x onerror=alert(1)>")
    await expect(_log(bo).locator("img")).to_have_count(0)


async def test_what_was_said_stays_and_the_chat_goes_on_after_a_restart(crowd: Crowd, built_page: None) -> None:
    server = DemoServer()
    async with running(server):
        ana, bo = await _pair(crowd, server.url, "chat-restart")
        field = await _open_chat(ana)
        await _open_chat(bo)
        await field.fill("before")
        await field.press("Enter")
        await expect(_log(bo)).to_contain_text("before")
    await expect(field).to_have_attribute("placeholder", "No chat at the moment")
    async with running(server):
        await expect(field).to_have_attribute("placeholder", "Write to everybody")
        await expect(bo.tiles).to_have_count(1)
        await bo.page.wait_for_function("() => miso.state.chat.status === 'open'")
        await field.fill("after")
        await field.press("Enter")
        await expect(_log(bo)).to_contain_text("after")
        await expect(_log(bo)).to_contain_text("before")


async def test_a_link_without_data_channels_has_no_chat(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.join(server.url, "chat-none", "Ana", datachannel="false")
    await expect(ana.page.get_by_text("You are the only one here")).to_be_visible()
    await expect(ana.page.get_by_role("button", name="People")).to_be_visible()
    await expect(ana.page.get_by_role("button", name="Chat")).to_have_count(0)
