"""From a goal to examples that a job can learn from: what is told of a file, and what mends it."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Dialog, Locator, Page, expect
from tests.browser.conftest import Signed

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
ATTACK = "<img src=x onerror=alert(1)>"


def test_a_table_of_unknown_columns_becomes_examples_and_each_repair_can_be_undone(
    window: Signed,
) -> None:
    page = window.page
    begin(window, "Answer in my style")
    upload(page, "support tickets.csv", table_of_tickets())
    expect(page.get_by_role("heading", name="Say what the columns are")).to_be_visible()
    expect(role_of(page, "Customer question")).to_have_value("Instruction: what is asked")
    expect(role_of(page, "ticket")).to_have_value("Not used")
    page.get_by_role("button", name="Use these columns").click()
    expect(page.get_by_text("27 questions with their answers")).to_be_visible()

    expect(page.get_by_text("3 records say what another has before, exactly.")).to_be_visible()
    page.get_by_role("button", name="Drop the duplicates").click()
    expect(page.get_by_text("Version 3: 3 records fewer: duplicates dropped.")).to_be_visible()
    expect(page.get_by_text("24 questions with their answers")).to_be_visible()
    expect(page.get_by_role("button", name="Drop the duplicates")).to_have_count(0)

    page.reload()
    expect(page.get_by_text("24 questions with their answers")).to_be_visible()
    window.open(f"/tune?dataset={the_dataset(window)}")
    page.get_by_text("Answer in my style", exact=True).click()
    page.get_by_role("button", name="Add examples").click()
    expect(page.get_by_text("24 questions with their answers")).to_be_visible()
    page.get_by_role("button", name="Undo, use version 2").click()
    expect(page.get_by_text("27 questions with their answers")).to_be_visible()
    expect(page.get_by_role("button", name="Choose a model")).to_be_visible()


def test_markup_in_a_cell_a_name_and_an_error_shows_as_text(window: Signed) -> None:
    page = window.page
    asked: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    begin(window, "Sort texts into classes")
    rows = [("text", "label"), (ATTACK, ATTACK), *((f"message {i}", "plain") for i in range(12))]
    upload(page, f"{ATTACK}.csv", as_csv(rows))
    expect(page.get_by_text("What the model will read")).to_be_visible()
    expect(page.get_by_text(ATTACK, exact=True).first).to_be_visible()
    expect(page.locator("img[src=x]")).to_have_count(0)
    assert asked == []


def test_a_wrong_file_is_refused_with_the_reason_and_lines_that_cannot_be_read_are_left_out(window: Signed) -> None:
    page = window.page
    begin(window, "Answer in my style")
    upload(page, "book.csv", b"PK\x03\x04 not a table")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("book.csv could not be taken")
    expect(alert).to_contain_text("This file is a zip archive (or an Excel workbook). Unpack or convert it")
    expect(page.get_by_text("Add your examples to go on.")).to_be_visible()
    expect(page.get_by_role("link", name="Model")).to_have_count(0)

    good = [chat(f"question {i}", f"answer number {i}") for i in range(20)]
    upload(page, "chats.jsonl", "\n".join([*good, '{"messages": []}', "{broken"]).encode())
    expect(page.get_by_text("2 lines cannot be read", exact=True)).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Line 21")).to_be_visible()
    expect(page.get_by_text("Leave out the lines that cannot be read to go on.")).to_be_visible()
    page.get_by_role("button", name="Leave out the 2 lines").click()
    expect(page.get_by_text("2 lines cannot be read", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Choose a model")).to_be_visible()


def test_pasted_text_says_what_it_was_taken_for_and_offers_the_goal_that_it_fits(window: Signed) -> None:
    page = window.page
    begin(window, "Answer in my style")
    page.get_by_role("tab", name="Paste text").click()
    page.get_by_label("Your examples", exact=True).fill("text\tlabel\nWhere?\tplace\nWhen?\ttime")
    expect(page.get_by_text("Taken for a table of 2 rows with the columns text, label")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Use this text").click()
    expect(page.get_by_text("These examples do not fit “Answer in my style”")).to_be_visible()
    expect(page.get_by_text("Choose examples that fit the goal to go on.")).to_be_visible()
    page.get_by_role("button", name="Change the goal to “Sort texts into classes”").click()
    expect(page.get_by_text("2 examples are too few to learn from")).to_be_visible()
    expect(page.get_by_role("button", name="Choose a model")).to_be_visible()


def test_goals_are_chosen_by_arrow_keys_and_back_leads_a_step_back(window: Signed) -> None:
    page = window.page
    window.open("/tune")
    page.get_by_role("radio", name="Answer in my style").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Pull facts out of text")).to_be_checked()
    page.get_by_role("button", name="Add examples").click()
    heading = page.get_by_role("heading", name="Your examples")
    expect(heading).to_be_focused()
    page.go_back()
    expect(page.get_by_role("radio", name="Pull facts out of text")).to_be_checked()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("radio", name="Pull facts out of text")).not_to_be_checked()
    page.get_by_role("button", name="Bring the draft before back").click()
    expect(heading).to_be_visible()


def test_the_steps_have_no_serious_fault_of_accessibility(window: Signed) -> None:
    page = window.page
    begin(window, "Design protein sequences")
    assert serious_faults(page) == []
    page.get_by_role("button", name="Go on with it").click()
    expect(page.get_by_text("24 protein sequences")).to_be_visible()
    expect(page.get_by_text("What the model will read")).to_be_visible()
    assert serious_faults(page) == []
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    assert serious_faults(page) == []


def begin(window: Signed, goal: str) -> None:
    """The examples step of the goal."""
    window.open("/tune")
    window.page.get_by_text(goal, exact=True).click()
    window.page.get_by_role("button", name="Add examples").click()
    expect(window.page.get_by_text("Drop a file here, or click to choose one")).to_be_visible()


def upload(page: Page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})


def role_of(page: Page, column: str) -> Locator:
    return page.get_by_role("combobox", name=f"What the column {column} is")


def the_dataset(window: Signed) -> str:
    """Id of the one that is there."""
    return window.page.request.get(f"{window.url}/v1/datasets").json()["data"][0]["id"]


def serious_faults(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:200]}" for each in serious for node in each["nodes"][:3]]


def table_of_tickets() -> bytes:
    """24 different rows under names that no kind of record has, three of them twice."""
    rows = [
        (f"Where is order {i} of {i * 7} pieces?", f"It left us on day {i} by carrier {i * 37}.", i) for i in range(24)
    ]
    return as_csv([("Customer question", "Our reply", "ticket"), *rows, rows[3], rows[5], rows[7]])


def as_csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def chat(question: str, answer: str) -> str:
    return json.dumps({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]})
