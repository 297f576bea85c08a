"""The page of one job in a real browser, while a worker that is driven by hand runs it."""

import re

from playwright.sync_api import Browser, expect
from tests.browser import by_hand
from tests.browser.conftest import Signed, open_window
from tests.conftest import LiveServer

LIVE_MS = 15_000
"""What the server tells by itself is on the page within this."""


def show(window: Signed, job_id: str, tab: str | None = None) -> None:
    window.open(f"/jobs/{job_id}" + (f"?tab={tab}" if tab else ""))


def test_a_running_job_is_told_live_with_its_curve_warnings_and_checkpoints(
    window: Signed, live_server: LiveServer
) -> None:
    page = window.page
    job_id = by_hand.create(live_server, name="Globins")
    show(window, job_id)
    expect(page.get_by_role("heading", name="Globins", level=1)).to_be_visible()
    expect(page.get_by_text("Connect a worker", exact=False).first).to_be_visible()
    worker = by_hand.claim(live_server)
    worker.report(phase="training", step=1, total=40, eta_s=300, started=by_hand.STARTED)
    expect(page.get_by_text("First value in about")).to_be_visible(timeout=LIVE_MS)
    worker.report(
        step=12,
        total=40,
        eta_s=240,
        figures=by_hand.points(1, 12),
        warnings=["The loss is flat since step 6."],
        resources={"cpu_percent": 180, "memory_bytes": 1_500_000_000},
    )
    expect(page.get_by_text("In about 4 min")).to_be_visible(timeout=LIVE_MS)
    expect(page.get_by_text("step 12 of 40")).to_be_visible()
    expect(page.get_by_text("The loss is flat since step 6.")).to_be_visible(timeout=LIVE_MS)
    expect(page.get_by_text("Running, with a warning")).to_be_visible()
    expect(page.get_by_text("1.8 cores")).to_be_visible(timeout=LIVE_MS)
    chart = page.get_by_role("group", name=re.compile("^Loss by step"))
    expect(chart).to_be_visible(timeout=LIVE_MS)
    worker.put("published", 10, metrics={"train_loss": 2.1}, answers=by_hand.answers("WWWWW"))
    flag = page.get_by_role("button", name="Checkpoint at step 10")
    expect(flag).to_be_visible(timeout=LIVE_MS)
    flag.focus()
    expect(page.get_by_text("WWWWW")).to_be_visible()
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("step 11", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Show as a table").click()
    expect(page.get_by_role("group", name="Figures by step").get_by_role("row")).to_have_count(13)


def test_drawing_on_the_curve_looks_closer_and_a_double_click_shows_all(
    window: Signed, live_server: LiveServer
) -> None:
    page = window.page
    job_id = by_hand.create(live_server)
    worker = by_hand.claim(live_server)
    worker.report(phase="training", step=40, total=40, started=by_hand.STARTED, figures=by_hand.points(1, 40))
    show(window, job_id, "training")
    chart = page.get_by_role("group", name=re.compile("^Loss by step"))
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], y, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Whole run")).to_be_visible()
    page.mouse.dblclick(box["x"] + 0.5 * box["width"], y)
    expect(page.get_by_role("button", name="Whole run")).to_have_count(0)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0] == "step,grad_norm,learning_rate,train_loss"
    assert len(lines) == 41


def test_pause_and_resume(window: Signed, live_server: LiveServer) -> None:
    page = window.page
    job_id = by_hand.create(live_server)
    worker = by_hand.claim(live_server)
    worker.report(phase="training", step=5, total=40, started=by_hand.STARTED)
    show(window, job_id)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("It pauses after its next checkpoint")).to_be_visible()
    assert worker.report(step=6, total=40)["command"] == "pause"
    worker.put("resume", 6)
    worker.call("release", reason="paused")
    resume = page.get_by_role("button", name="Resume", exact=True)
    expect(resume.first).to_be_visible(timeout=LIVE_MS)
    resume.first.click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible(timeout=LIVE_MS)
    again = by_hand.claim(live_server)
    assert again.lease["resume"]["step"] == 6
    again.report(phase="training", step=7, total=40)
    expect(page.get_by_text("step 7 of 40")).to_be_visible(timeout=LIVE_MS)


def test_cancel_asks_first_and_a_name_and_priority_can_be_changed(window: Signed, live_server: LiveServer) -> None:
    page = window.page
    job_id = by_hand.create(live_server)
    show(window, job_id)
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("<b>Second</b> try")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="<b>Second</b> try", level=1)).to_be_visible()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="High: before the others").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Let it run").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("It was cancelled")).to_be_visible()
    expect(page.get_by_role("link", name="Clone", exact=True)).to_have_attribute("href", f"/tune?clone={job_id}")


def test_a_failed_job_leads_with_cause_and_fix_and_its_log_is_text(window: Signed, live_server: LiveServer) -> None:
    page = window.page
    job_id = by_hand.create(live_server)
    for _ in range(2):  # memory that ran out is tried once more by itself
        worker = by_hand.claim(live_server)
        trace = ["Traceback (most recent call last):", '  File "run.py", line 1', "RuntimeError: <b>no memory</b>"]
        logs = ["<script>alert(1)</script>", *trace, "the end"]
        worker.report(phase="training", step=3, total=40, started=by_hand.STARTED, logs=logs)
        worker.call("fail", failure_class="oom", code="out_of_memory", message="<img src=x onerror=alert(1)>")
    show(window, job_id)
    why = page.get_by_role("region", name="The run needed more memory than its worker has.")
    expect(why.get_by_text("Start it again with a smaller batch and shorter records")).to_be_visible()
    expect(why.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    fix = why.get_by_role("link", name="Start again with a smaller batch")
    expect(fix).to_have_attribute("href", f"/tune?clone={job_id}&batch_size=4&max_seq_len=256")
    log = page.get_by_role("log")
    expect(log.get_by_text("<script>alert(1)</script>").first).to_be_visible()
    folded = log.get_by_role("button", name=re.compile("RuntimeError"))
    expect(folded.first).to_contain_text("RuntimeError: <b>no memory</b>")
    expect(folded.first).to_have_attribute("aria-expanded", "false")
    folded.first.click()
    expect(log.get_by_text('File "run.py", line 1').first).to_be_visible()
    page.get_by_label("Search the log").fill("the end")
    expect(log.locator("mark").first).to_have_text("the end")
    expect(log.get_by_text("alert(1)")).to_have_count(0)
    assert page.locator("img[src=x]").count() == 0


def test_a_finished_job_leads_with_its_verdict_and_goes_on_to_code_and_files(
    window: Signed, live_server: LiveServer
) -> None:
    page = window.page
    job_id = by_hand.create(live_server)
    worker = by_hand.claim(live_server)
    worker.report(phase="training", step=40, total=40, started=by_hand.STARTED, figures=by_hand.points(1, 40))
    worker.put("published", 40, metrics={"train_loss": 2.0}, answers=by_hand.answers("<i>WWWWW</i>"))
    show(window, job_id)
    worker.complete()
    expect(page.get_by_role("tab", name="Result")).to_be_visible(timeout=LIVE_MS)
    expect(page.get_by_role("heading", name="The tuned model is better than its base")).to_be_visible()
    expect(page.get_by_text("Held out at random", exact=True)).to_be_visible()
    expect(page.get_by_text("Held out by cluster", exact=True)).to_be_visible()
    expect(page.get_by_text("on 4 records no difference can be told from chance")).to_be_visible()
    expect(page.get_by_text("<i>WWWWW</i>")).to_be_visible()
    page.get_by_role("tab", name="Use it").click()
    expect(page).to_have_url(re.compile("tab=use"))
    expect(page.get_by_label("curl code", exact=True)).to_contain_text("ft:protein-mini:")
    expect(page.get_by_role("link", name="adapter_model.safetensors")).to_be_visible()
    page.get_by_role("tab", name="Training").click()
    expect(page.locator("text=base").first).to_be_visible()
    page.get_by_role("tab", name="Settings").click()
    expect(page.get_by_role("row", name=re.compile("^learning_rate .*0.003"))).to_be_visible()
    expect(page.get_by_text("f" * 16)).to_be_visible()


def test_two_jobs_on_the_same_data_are_compared_setting_by_setting(window: Signed, live_server: LiveServer) -> None:
    first = by_hand.create(live_server, name="Two epochs", seed=1, method=epochs(2))
    same_file = {"training_file": by_hand.job(live_server, first)["training_file"]}
    second = by_hand.create(live_server, name="Five epochs", seed=1, method=epochs(5), **same_file)
    show(window, second, "config")
    row = window.page.get_by_role("row", name="n_epochs 5 2")
    expect(row).to_be_visible()
    expect(window.page.get_by_text("1 setting differs")).to_be_visible()


def epochs(n: int) -> dict[str, object]:
    return {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": n}}}


def test_another_persons_job_does_not_exist_here(built_page: None, chromium: Browser, live_server: LiveServer) -> None:
    hers = by_hand.create(live_server, key=live_server.new_user("ada"), name="Hers alone")
    live_server.new_user("bob")
    window = open_window(chromium, live_server.base_url, live_server.admin_key, user="bob")
    show(window, hers)
    expect(window.page.get_by_text("This job does not exist")).to_be_visible()
    expect(window.page.get_by_text("Hers alone")).to_have_count(0)
    window.page.get_by_role("link", name="See your jobs").click()
    expect(window.page).to_have_url(re.compile("/jobs$"))
    window.page.context.close()
    assert window.faults == []


def test_no_section_scrolls_sideways_on_a_phone(window: Signed, live_server: LiveServer) -> None:
    job_id = by_hand.create(live_server, name="A name of a job that is rather long, to see where it breaks")
    worker = by_hand.claim(live_server)
    figures, logs = by_hand.points(1, 40), ["x" * 500]
    worker.report(phase="training", step=40, total=40, started=by_hand.STARTED, figures=figures, logs=logs)
    worker.put("published", 40, answers=by_hand.answers("W" * 300))
    worker.complete()
    page = window.page
    page.set_viewport_size({"width": 390, "height": 844})
    show(window, job_id)
    for tab in ("Result", "Use it", "Training", "Log", "Events", "Settings"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()
        expect(page.locator("[aria-label^=Loading]")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab
