"""Signing in, and the settings, as a person goes through them."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

SECRETS = "JSON.stringify([location.href, history.state, {...localStorage}, {...sessionStorage}, document.cookie])"


def link_for(live_server, user: str | None = None) -> str:
    """A fresh sign-in link."""
    reply = httpx.post(
        f"{live_server.base_url}/v1/sign_in_links",
        json={"user": user},
        headers={"Authorization": f"Bearer {live_server.admin_key}"},
    )
    assert reply.status_code == 200, reply.text
    return reply.json()["url"]


@pytest.fixture
def visitor(built_page: None, chromium: Browser, live_server):
    """A window of somebody who is not signed in."""
    context = chromium.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def test_a_link_signs_in_leaves_no_trace_and_works_once(window, visitor: Page, live_server):
    link = link_for(live_server)
    token = link.partition("#")[2]
    window.page.goto(link)
    window.page.wait_for_url(f"{window.url}/")
    seen = window.page.evaluate(SECRETS)
    assert token not in seen
    assert "tsc_" not in seen, "the session's cookie is out of reach of scripts"
    visitor.goto(link)
    expect(visitor.get_by_role("alert")).to_contain_text("was used already")
    expect(visitor.get_by_text("tunesmith sign-in", exact=True)).to_be_visible()
    assert token not in visitor.url


def test_who_is_not_signed_in_comes_back_to_the_page_they_wanted(visitor: Page, live_server):
    visitor.goto(f"{live_server.base_url}/settings/server?x=1")
    visitor.wait_for_url(re.compile("/sign-in"))
    visitor.get_by_label("API key").fill("tsk_wrong")
    visitor.get_by_role("button", name="Sign in with the key").click()
    expect(visitor.get_by_text("This key is not known here")).to_be_visible()
    visitor.get_by_label("API key").fill(live_server.admin_key)
    visitor.get_by_role("button", name="Sign in with the key").click()
    visitor.wait_for_url(f"{live_server.base_url}/settings/server?x=1")
    expect(visitor.get_by_text("embedded in the data folder")).to_be_visible()


def test_a_link_never_leads_to_another_site(visitor: Page, live_server):
    link = link_for(live_server).replace("/sign-in#", "/sign-in?next=%2F%2Fevil.example%2F#")
    visitor.goto(link)
    visitor.wait_for_url(f"{live_server.base_url}/")


def test_another_users_link_shows_another_users_world(window, live_server):
    page = window.page
    made = httpx.post(
        f"{window.url}/v1/keys",
        json={"name": "the admin's secret key"},
        headers={"Authorization": f"Bearer {live_server.admin_key}"},
    )
    assert made.status_code == 200
    window.open("/settings/keys")
    expect(page.get_by_text("the admin's secret key")).to_be_visible()
    page.goto(link_for(live_server, "bea"))
    page.wait_for_url(f"{window.url}/")
    window.open("/settings/keys")
    expect(page.get_by_text("No keys yet")).to_be_visible()
    window.open("/settings/account")
    expect(page.get_by_text("Member", exact=True)).to_be_visible()
    expect(page.get_by_text("Invite a person")).to_have_count(0)
    window.open("/settings/server")
    expect(page.get_by_text("is shown to admins")).to_be_visible()
    expect(page.get_by_text("Data folder")).to_have_count(0)


def test_a_key_is_shown_once_and_refused_when_it_is_revoked(window):
    page = window.page
    window.open("/settings/keys")
    page.get_by_role("button", name="Create a key").click()
    page.get_by_role("button", name="Create the key").click()
    expect(page.get_by_text("Name what the key is for")).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill("Support <b>bot</b>")
    page.get_by_label("Only some").check()
    page.get_by_role("button", name="Create the key").click()
    key = page.get_by_role("region", name="The new key").inner_text().strip()
    bearer = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{window.url}/v1/models", headers=bearer).status_code == 200
    assert httpx.post(f"{window.url}/v1/keys", json={"name": "x"}, headers=bearer).status_code == 403
    expect(page.get_by_role("region", name="OpenAI SDK")).to_contain_text(f'base_url="{window.url}/v1"')
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="The new key")).to_be_visible()
    page.get_by_role("button", name="I have stored it").click()
    row = page.get_by_role("row").filter(has_text="Support <b>bot</b>")
    expect(row).to_contain_text("Read, Call models")
    page.reload()
    expect(row).to_be_visible()
    assert key not in page.content()
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("dialog")).to_contain_text("is refused from now on")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    assert httpx.get(f"{window.url}/v1/models", headers=bearer).status_code == 401
    page.get_by_label("Show revoked and expired").check()
    expect(row).to_contain_text("Revoked")


def test_an_invited_person_joins_a_project_and_works_in_it(window, visitor: Page):
    page = window.page
    window.open("/settings/account")
    page.get_by_role("textbox", name="New project").fill("lab")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("button", name="People in lab")).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill("bea")
    page.get_by_role("button", name="Make an invitation").click()
    link = page.get_by_text(re.compile(r"/sign-in#tsl_")).inner_text()
    page.get_by_role("button", name="People in lab").click()
    page.get_by_label("Add a person").fill("bea")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("button", name="Remove bea")).to_be_visible()
    visitor.goto(link)
    visitor.wait_for_url(re.compile(r":\d+/$"))
    visitor.goto(f"{window.url}/settings/account")
    visitor.get_by_role("button", name="Work in lab").click()
    expect(visitor.get_by_text("Chosen")).to_be_visible()
    visitor.goto(f"{window.url}/settings/keys")
    expect(visitor.get_by_text("the project lab")).to_be_visible()
    # When the project is no longer shared, the page goes back to their own by itself.
    page.get_by_role("button", name="Remove bea").click()
    expect(page.get_by_role("button", name="Remove bea")).to_have_count(0)
    visitor.reload()
    expect(visitor.get_by_text("the project bea")).to_be_visible()


def test_signing_out_leaves_nothing_to_see(window):
    page = window.page
    window.open("/settings/account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/sign-in"))
    expect(page.get_by_role("heading", name="Sign in to Tunesmith")).to_be_visible()
    window.open("/settings/keys")
    page.wait_for_url(re.compile("/sign-in"))
    assert page.context.cookies() == []


def test_the_catalogue_is_searched_and_filtered(window):
    page = window.page
    window.open("/settings/catalogue")
    expect(page.get_by_text("ProtGPT2", exact=True)).to_be_visible()
    page.get_by_label("Search base models").fill("llama community")
    expect(page.get_by_text("1 base model", exact=True)).to_be_visible()
    expect(page.get_by_text("Gated")).to_be_visible()
    page.get_by_label("Search base models").fill("")
    page.get_by_text("Protein", exact=True).first.click()
    expect(page.get_by_text("ProtGPT2", exact=True)).to_be_visible()
    expect(page.get_by_text("Llama 2 7B")).to_have_count(0)
