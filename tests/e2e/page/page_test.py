"""The playground in a headless Chromium, against a running rosim: what a visitor types, clicks, tabs to and looks at.

Closes with `N passed, N failed`. Scores are compared with what the routes answer to Python, accessibility is judged by
axe-core, and the copied curl command is run by a shell.
"""

from __future__ import annotations

import re
import subprocess
import sys
import traceback
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Browser, Page, Route, expect

from visit import VIEWS, Server, Visit, chromium

SIZES = [(360, 740), (390, 844), (820, 1180), (1280, 900), (1920, 1080)]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
KEY = "sk-page"


def score_of(server: Server, a: str, b: str, **more: Any) -> float:
    return float(server.ask("/v1/similarity", {"pairs": [[a, b]], **more})["scores"][0])


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


# ---- the score ----


def score_changes_as_one_types(v: Visit) -> None:
    page = v.open()
    v.settled()
    page.fill("#a", "")
    expect(page.locator("#score")).to_have_text("–")
    page.fill("#b", "How do I reset my password?")
    seen = set()
    before = ""
    for word in ("I", " forgot", " my", " password"):
        page.locator("#a").press_sequentially(word, delay=10)
        before = v.settled(before)
        seen.add(before)
    assert len(seen) == 4, seen
    assert abs(number(before) - score_of(v.server, "I forgot my password", "How do I reset my password?")) < 6e-4
    assert re.search(r"\d+(\.\d)? m?s · \d+ tokens · softmax attention", page.locator("#facts").inner_text())
    expect(page.locator("#spoken")).to_have_text(re.compile(r"^Similarity 0\.\d{3}$"))
    assert page.locator("#spoken").get_attribute("aria-live") == "polite"


def stale_answers_are_dropped(v: Visit) -> None:
    held: list[Route] = []
    page = v.open()
    v.settled()
    page.route("**/v1/similarity", lambda r: held.append(r) if "slow" in (r.request.post_data or "") else r.continue_())
    page.fill("#a", "a slow one")
    page.wait_for_timeout(400)
    assert held, "nothing was asked"
    page.fill("#a", "a quick one")
    shown = v.settled()
    assert abs(number(shown) - score_of(v.server, "a quick one", page.input_value("#b"))) < 6e-4
    for route in held:
        try:
            route.fulfill(json={"scores": [0.123], "attention": "softmax", "usage": {"tokens": 1}})
        except Exception:  # noqa: BLE001  the browser has given it up, as it should
            pass
    page.wait_for_timeout(300)
    assert page.locator("#score").inner_text() == shown


def nothing_is_asked_while_a_character_is_composed(v: Visit) -> None:
    asked: list[str] = []
    page = v.open()
    v.settled()
    page.on("request", lambda r: asked.append(r.url) if r.url.endswith("/v1/similarity") else None)
    page.wait_for_timeout(600)
    asked.clear()
    for composing in ("true", "false"):
        page.evaluate("(c) => document.getElementById('a').dispatchEvent("
                      "new InputEvent('input', { isComposing: c, bubbles: true }))", composing == "true")
        page.wait_for_timeout(400)
        assert (len(asked) > 0) == (composing == "false"), asked


def attention_is_chosen_among_the_models_kinds(v: Visit) -> None:
    page = v.open()
    v.settled()
    kinds = v.server.ask("/v1/models")["data"][0]["attention"]
    assert page.locator("#attention span").all_inner_texts() == [*kinds, "auto"]
    a, b = page.input_value("#a"), page.input_value("#b")
    for kind in kinds:
        page.get_by_role("radio", name=kind).check(force=True)
        expect(page.locator("#facts")).to_contain_text(f"{kind} attention")
        assert abs(number(v.settled()) - score_of(v.server, a, b, attention=kind)) < 6e-4
    page.get_by_role("radio", name="auto").check(force=True)
    expect(page.locator("#curl-text")).to_contain_text('"attention":"auto"')


def tokens_are_those_of_the_tokenizer(v: Visit) -> None:
    text = "naïve tea \U0001f600 天气"
    page = v.open()
    page.fill("#a", text)
    expect(page.locator("#tokens-a .unknown")).to_have_count(1)
    wanted = v.server.ask("/tokenize", {"inputs": [text]})[0]
    assert page.locator("#tokens-a b").all_inner_texts() == [t["text"] for t in wanted]
    assert page.locator("#tokens-a small").all_inner_texts() == [str(t["id"]) for t in wanted]
    last = [t for t in wanted if not t["special"]][-1]
    assert f"bytes {last['start']} to {last['stop']}" in (
        page.locator("#tokens-a li:not(.special)").last.get_attribute("title") or "")
    expect(page.locator("#facts")).to_contain_text("1 unknown token in the first text")


# ---- the explanation ----


def explained(contributions: list[list[float]]) -> dict[str, Any]:
    tokens = [{"token": t, "start": 0, "stop": 1} for t in ("x", "y")]
    return {"a": tokens, "b": tokens, "contributions": contributions, "method": "by hand"}


def explanation_shows_what_adds_up_to_the_score(v: Visit) -> None:
    page = v.open()

    def answer(route: Route) -> None:
        whole = {"scores": [0.5], "attention": "softmax", "usage": {"tokens": 4}}
        if "explain" in (route.request.post_data or ""):
            whole["explanations"] = [explained([[0.4, -0.1], [0.0, 0.2]])]
        route.fulfill(json=whole)

    page.route("**/v1/similarity", answer)
    page.fill("#a", "x y")
    expect(page.locator("#explanation-sum")).to_contain_text("all together 0.500, the score 0.500")
    cells = page.locator("#explanation-grid td[tabindex]")
    assert cells.all_inner_texts() == ["400", "\u2212100", "0", "200"]
    assert page.locator("#explanation-grid small").all_inner_texts() == ["400", "100", "300", "200"]
    assert cells.evaluate_all("(all) => all.map((c) => c.hasAttribute('data-minus'))") == [False, True, False, False]
    cells.nth(1).hover()
    expect(page.locator("#explanation-grid .readout")).to_have_text("x × y adds \u22120.1000")


def explanation_hides_where_there_is_none(v: Visit) -> None:
    refuse = [True]
    page = v.open()
    v.settled()

    def answer(route: Route) -> None:
        if "explain" not in (route.request.post_data or ""):
            route.continue_()
        elif refuse[0]:
            route.fulfill(status=422, json={"error": {"code": "invalid_value", "message": "no", "param": "explain"}})
        else:
            route.fulfill(json={"scores": [0.5], "attention": "softmax", "usage": {"tokens": 4}})

    page.route("**/v1/similarity", answer)
    for refuse[0] in (True, False):
        page.reload()
        v.settled()
        expect(page.locator("#tokens")).to_be_visible()
        page.wait_for_timeout(300)
        expect(page.locator("#explanation")).to_be_hidden()
    v.complaints[:] = [c for c in v.complaints if "422" not in c]    # the browser's own line about the answer


def long_texts_are_shown_in_part(v: Visit) -> None:
    asked: list[str] = []
    page = v.open()
    v.settled()
    expect(page.locator("#explanation")).to_be_visible()    # that of the first texts has come
    page.on("request", lambda r: asked.append(r.url) if '"explain"' in (r.post_data or "") else None)
    page.fill("#b", "a word " * 400)
    expect(page.locator("#facts")).to_contain_text("Second text cut to ")
    expect(page.locator("#tokens-b")).to_contain_text(" more", timeout=20000)
    assert page.locator("#tokens-b li").count() == 300
    expect(page.locator("#explanation")).to_be_visible()
    page.fill("#a", "a word " * 400)
    expect(page.locator("#tokens-a")).to_contain_text(" more", timeout=20000)
    expect(page.locator("#explanation")).to_be_hidden()
    assert len(asked) == 1, asked
    page.fill("#a", "")
    expect(page.locator("#angle")).to_have_text("")


def explanation_of_this_server_adds_up(v: Visit) -> None:
    page = v.open()
    v.settled()
    pair = [page.input_value("#a"), page.input_value("#b")]
    mine = v.server.ask("/v1/similarity", {"pairs": [pair], "explain": True}).get("explanations")
    if not mine:
        expect(page.locator("#explanation")).to_be_hidden()
        return
    expect(page.locator("#explanation")).to_be_visible()
    assert page.locator("#explanation-grid td[tabindex]").count() == len(mine[0]["a"]) * len(mine[0]["b"])
    total, score = re.findall(r"[\u2212\d.]+\d", page.locator("#explanation-sum").inner_text())
    assert abs(number(total) - number(score)) < 0.0021, (total, score)


# ---- the other views ----


def ranking_is_the_routes(v: Visit) -> None:
    page = v.open("rank")
    texts = [t for t in page.input_value("#candidates").split("\n") if t]
    wanted = v.server.ask("/v1/rank", {"query": page.input_value("#query"), "candidates": texts})["results"]
    expect(page.locator("#ranked li")).to_have_count(len(texts))
    shown = page.locator("#ranked p").all_inner_texts()
    assert [s.split("\n")[0] for s in shown] == [texts[r["index"]] for r in wanted], shown
    assert f"margin {wanted[0]['margin']:.2f}".replace("-", "\u2212") in shown[0]
    expect(page.locator("#verdict")).to_have_text(f"Best: {texts[wanted[0]['index']]}")
    page.locator("#abstain").fill("12")
    expect(page.locator("#verdict")).to_have_text("Not sure enough to answer")
    expect(page.locator("#curl-text")).to_contain_text('"abstain_below":12')
    page.fill("#candidates", "the only one")
    expect(page.locator("#ranked li")).to_have_count(1)
    expect(page.locator("#verdict")).to_have_text("Best: the only one")


def matrix_is_the_routes_and_opens_a_pair(v: Visit) -> None:
    page = v.open("matrix")
    left, right = (page.input_value(f"#{side}").split("\n") for side in ("left", "right"))
    wanted = v.server.ask("/v1/similarity", {"left": left, "right": right})["scores"]
    cells = page.locator("#matrix-grid td[tabindex]")
    expect(cells).to_have_count(len(left) * len(right))
    shown = [number(t) for t in cells.all_inner_texts()]
    assert all(abs(s - w) < 6e-3 for s, w in zip(shown, sum(wanted, []))), (shown, wanted)
    colours = cells.evaluate_all("(all) => all.map((c) => getComputedStyle(c).backgroundColor)")
    assert colours[shown.index(max(shown))] != colours[shown.index(min(shown))]
    cells.first.focus()
    for key in ("ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("#matrix-grid .readout")).to_contain_text(f"{left[1]} × {right[1]}: ")
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_be_visible()
    assert (page.input_value("#a"), page.input_value("#b")) == (left[1], right[1])
    assert abs(number(v.settled()) - wanted[1][1]) < 6e-4


def a_calibration_gives_probabilities(v: Visit) -> None:
    page = v.open()
    v.settled()
    page.get_by_role("button", name="Paraphrase").click()
    expect(page.locator("#probability")).to_be_hidden()
    page.select_option("#calibration", "questions")
    expect(page.locator("#probability-value")).to_have_text(re.compile(r"^\d+(\.\d)? %$"))
    expect(page.locator("#probability-name")).to_contain_text("questions")
    pair = [page.input_value("#a"), page.input_value("#b")]
    answer = v.server.ask("/v1/similarity", {"pairs": [pair], "calibration": "questions"})
    shown = float(page.locator("#probability-value").inner_text().split()[0])
    assert abs(shown - 100 * answer["probabilities"][0]) < 0.6
    page.get_by_role("tab", name="Rank").click()
    expect(page.locator("#ranked .warm")).to_have_count(5)
    page.get_by_role("radio", name="linear").check(force=True)    # it was made with softmax attention
    expect(page.locator("#calibration-field")).to_be_hidden()
    expect(page.locator("#ranked .warm")).to_have_count(0)


def trust_shows_calibrations_and_drift(v: Visit) -> None:
    page = v.open("trust")
    drift = {d["baseline"]: d for d in v.server.ask("/v1/drift")["data"]}
    expect(page.locator("#calibrations h3")).to_have_text("questions")
    assert page.locator("#calibrations circle").count() >= 2
    expect(page.locator("#drift article")).to_have_count(2)
    assert drift["loans"]["drifted"] is True
    expect(page.locator("#drift article").first.locator(".badge")).to_have_text("drifted")
    assert page.locator("#drift article").first.locator(".lane").count() == len(drift["loans"]["statistics"])


def the_server_now_is_shown(v: Visit) -> None:
    page = v.open()
    expect(page.locator("#live-state")).to_have_text("ready")
    expect(page.locator("#live-queue")).to_have_text(re.compile(r"^\d+ tokens$"))
    page.wait_for_timeout(3200)
    page.fill("#a", "something else")
    expect(page.locator("#live-median")).to_have_text(re.compile(r"^\d+(\.\d)? m?s$"), timeout=10000)
    page.route("**/metrics", lambda r: r.fulfill(status=404, json={"error": {"message": "elsewhere"}}))
    page.reload()
    expect(page.locator("#live-queue")).to_be_hidden()
    expect(page.locator("#live-state")).to_be_visible()
    v.complaints[:] = [c for c in v.complaints if "404" not in c]


# ---- curl, errors ----


def the_copied_command_gives_the_same_score(v: Visit) -> None:
    v.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = v.open()
    page.fill("#a", "it's \"quoted\" $HOME `x` \\ 天气")
    shown = number(v.settled())
    page.click("#curl-copy")
    expect(page.locator("#copied")).to_have_text("Copied")
    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'"scores":\[([\d.]+)\]', done.stdout)
    assert found and abs(float(found.group(1)) - shown) < 6e-4, done.stdout


def errors_are_said_where_one_looks(v: Visit) -> None:
    page = v.open()
    v.settled()
    busy = [True]
    full = {"error": {"code": "overloaded", "message": "the queue is full"}}
    page.route("**/v1/similarity", lambda r: r.continue_() if not busy[0] else r.fulfill(
        status=503, headers={"Retry-After": "1"}, json=full))
    page.fill("#a", "again and again")
    expect(page.locator("#compare-error")).to_have_text("the queue is full; trying again in 1 s")
    assert page.locator("#compare-error").get_attribute("role") == "alert"
    busy[0] = False
    expect(page.locator("#compare-error")).to_be_hidden(timeout=5000)
    v.settled()
    page.route("**/v1/similarity", lambda r: r.abort())
    page.fill("#a", "and again")
    expect(page.locator("#compare-error")).to_have_text("The server cannot be reached.")
    v.complaints.clear()


# ---- the key ----


def a_key_is_asked_for_and_kept_in_the_tab_only(v: Visit) -> None:
    page = v.open()
    expect(page.locator("#key-notice")).to_contain_text("wants an API key")
    expect(page.locator("#compare-error")).to_be_visible()
    for value, good in (("wrong", False), (KEY, True)):
        page.get_by_role("button", name="Enter a key").click()
        expect(page.locator("#key")).to_be_visible()
        page.keyboard.type(value)
        page.keyboard.press("Enter")
        if good:
            expect(page.locator("#key-notice")).to_be_hidden()
        else:
            expect(page.locator("#key-notice")).to_contain_text("does not know")
    assert abs(number(v.settled()) - score_of(v.server, page.input_value("#a"), page.input_value("#b"))) < 6e-4
    expect(page.locator("#compare-error")).to_be_hidden()
    stores = page.evaluate("[JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie]")
    assert KEY in stores[0] and KEY not in stores[1] + stores[2], stores
    text = page.locator("#curl-text").text_content() or ""
    assert KEY not in text and 'Authorization: Bearer $ROSIM_API_KEY"' in text
    page.reload()
    v.settled()
    page.get_by_role("button", name="API key").click()
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("#key-notice")).to_contain_text("wants an API key")
    assert KEY not in page.evaluate("JSON.stringify(sessionStorage)")
    v.complaints[:] = [c for c in v.complaints if "401" not in c]


# ---- two models ----


def each_model_has_its_own_attention_and_explanation(v: Visit) -> None:
    page = v.open()
    v.settled()
    expect(page.locator("#explanation")).to_be_visible()
    expect(page.locator("#tokens")).to_be_visible()
    first, second = page.locator("#model option").all_inner_texts()
    assert second == "soft"
    page.select_option("#model", second)
    expect(page.locator("#attention")).to_be_hidden()    # it has one kind
    expect(page.locator("#calibration-field")).to_be_hidden()
    pair = page.input_value("#a"), page.input_value("#b")
    assert abs(number(v.settled()) - score_of(v.server, *pair, model=second)) < 6e-4
    expect(page.locator("#tokens")).to_be_hidden()       # /tokenize is the first one's
    page.wait_for_timeout(500)
    offered = True
    try:
        v.server.ask("/v1/similarity", {"pairs": [pair], "model": second, "explain": True})
    except urllib.error.HTTPError as refused:
        offered = refused.code >= 500
    assert page.locator("#explanation").is_visible() == offered
    page.get_by_role("tab", name="Rank").click()
    expect(page.locator("#curl-text")).to_contain_text('"model":"soft"')
    page.select_option("#model", first)
    expect(page.locator("#attention")).to_be_visible()
    v.complaints[:] = [c for c in v.complaints if "422" not in c]


# ---- how it looks ----


def no_size_scrolls_sideways(v: Visit) -> None:
    long = "w" * 300 + " 天" * 80
    for width, height in SIZES:
        v.page.set_viewport_size({"width": width, "height": height})
        for view in VIEWS:
            page = v.open(view)
            page.reload()
            if view == "compare":
                v.settled()
                page.fill("#a", long)
                expect(page.locator("#tokens")).to_be_visible()
                page.get_by_text("Show it").click()
            elif view == "rank":
                page.fill("#candidates", "\n".join([long, "short"]))
                expect(page.locator("#ranked li")).to_have_count(2)
            elif view == "matrix":
                page.fill("#left", "\n".join(f"{i} {long}" for i in range(12)))
                page.fill("#right", "\n".join(f"column {i}" for i in range(20)))
                expect(page.locator("#matrix-grid td[tabindex]")).to_have_count(240)
            else:
                expect(page.locator("#drift article")).to_have_count(2)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{view} at {width}: {wide} wide"


def background(page: Page) -> int:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(x) for x in re.findall(r"\d+", colour)[:3])


def dark_follows_the_system_and_the_button(v: Visit) -> None:
    page = v.open()
    button = page.get_by_role("button", name="Theme")
    for scheme, dark in (("dark", True), ("light", False)):
        page.emulate_media(color_scheme=scheme)
        assert (background(page) < 120) == dark, scheme
    for name, dark in (("light", False), ("dark", True)):
        button.click()
        expect(button).to_have_text(f"Theme: {name}")
        assert (background(page) < 120) == dark, name
    page.reload()    # chosen, so kept
    assert background(page) < 120
    button.click()
    expect(button).to_have_text("Theme: auto")
    assert background(page) > 600


def the_keyboard_reaches_everything_in_reading_order(v: Visit) -> None:
    page = v.open()
    v.settled()
    expect(page.locator("#tokens")).to_be_visible()
    names: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        at = page.evaluate("(() => { const e = document.activeElement;"
                           " return e === document.body ? null : e.id || e.name || e.textContent.trim(); })()")
        if at is None or at in names:
            break
        names.append(at)
    wanted = ["key-open", "theme", "tab-compare", "calibration", "attention", "a", "b",
              "curl-copy", "Show it", "models", "API", "metrics"]
    places = [names.index(w) for w in wanted]
    assert places == sorted(places), names
    assert all(name in names for name in ("天气", "Paraphrase")), names
    page.keyboard.press("Home")
    page.locator("#tab-compare").focus()
    for view in ("rank", "matrix", "trust", "compare"):
        page.keyboard.press("ArrowRight")
        expect(page.locator(f"#{view}")).to_be_visible()
        assert page.evaluate("document.activeElement.id") == f"tab-{view}"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.locator("#key-open").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#key")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "key-open"


def axe_finds_nothing(v: Visit) -> None:
    for scheme in ("light", "dark"):
        v.page.emulate_media(color_scheme=scheme)
        for view in VIEWS:
            page = v.open(view)
            page.reload()
            page.wait_for_timeout(1500)
            page.evaluate(AXE)    # from outside, as a debugger: the policy lets no script of a page do so
            found = page.evaluate("axe.run().then((r) => r.violations.map((x) => x.id + ': '"
                                  " + x.nodes.map((n) => n.html + n.any.map((a) => a.message)).join(' | ')))")
            assert not found, f"{view}, {scheme}: {found}"
    v.page.evaluate("document.documentElement.style.setProperty('--soft', '#555')")    # and it would find something
    assert v.page.evaluate("axe.run().then((r) => r.violations.map((x) => x.id))") == ["color-contrast"]


# ---- what the browser thinks of it ----


def nothing_is_complained_of_and_no_stranger_called(v: Visit) -> None:
    page = v.open()
    v.settled()
    for name in ("Rank", "Matrix", "Trust", "Compare"):
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(500)
    for chip in page.locator("#compare-examples button").all():
        chip.click()
        v.settled()
    page.wait_for_timeout(500)    # run() looks at what was collected


def the_policy_stops_what_is_not_the_pages(v: Visit) -> None:
    page = v.open()
    v.settled()
    page.evaluate("window.broken = [];"
                  " addEventListener('securitypolicyviolation', (e) => broken.push(e.effectiveDirective))")
    page.evaluate("(() => { const s = document.createElement('style'); s.append('body { color: red }');"
                  " document.head.append(s); document.body.setAttribute('style', 'color: red');"
                  " const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i);"
                  " try { document.body.insertAdjacentHTML('beforeend', '<p>x</p>'); } catch {} })()")
    page.wait_for_timeout(300)
    broken = set(page.evaluate("broken"))
    assert {"style-src-elem", "style-src-attr", "img-src", "require-trusted-types-for"} <= broken, broken
    assert page.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    v.complaints.clear()
    v.strangers.clear()


OPEN = [
    score_changes_as_one_types, stale_answers_are_dropped, nothing_is_asked_while_a_character_is_composed,
    attention_is_chosen_among_the_models_kinds, tokens_are_those_of_the_tokenizer,
    explanation_shows_what_adds_up_to_the_score, explanation_hides_where_there_is_none,
    long_texts_are_shown_in_part, explanation_of_this_server_adds_up,
    ranking_is_the_routes, matrix_is_the_routes_and_opens_a_pair,
    a_calibration_gives_probabilities, trust_shows_calibrations_and_drift, the_server_now_is_shown,
    the_copied_command_gives_the_same_score, errors_are_said_where_one_looks, no_size_scrolls_sideways,
    dark_follows_the_system_and_the_button, the_keyboard_reaches_everything_in_reading_order, axe_finds_nothing,
    nothing_is_complained_of_and_no_stranger_called, the_policy_stops_what_is_not_the_pages,
]
LOCKED = [a_key_is_asked_for_and_kept_in_the_tab_only]
TWO = [each_model_has_its_own_attention_and_explanation]


def run(test: Callable[[Visit], None], browser: Browser, server: Server) -> bool:
    """No test may leave a line on the console, or a request to another host."""
    visit = Visit(browser, server)
    try:
        test(visit)
        assert not visit.complaints, visit.complaints
        assert not visit.strangers, visit.strangers
        return True
    except Exception:  # noqa: BLE001  one failure must not hide the others
        print(f"FAILED {test.__name__}\n{traceback.format_exc()}")
        return False
    finally:
        visit.close()


def main() -> int:
    binary, path, *only = sys.argv[1:]
    results = []
    with chromium(path) as browser:
        for tests, options in ((OPEN, []), (LOCKED, ["--api-key", KEY]),
                               (TWO, ["--model", "soft=tests/golden/encoder/bert"])):
            chosen = [t for t in tests if not only or t.__name__ in only]
            if not chosen:
                continue
            server = Server(binary, *options)
            try:
                server.fill()
                results += [run(test, browser, server) for test in chosen]
            finally:
                server.stop()
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
