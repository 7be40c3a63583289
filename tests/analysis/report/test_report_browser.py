"""The report page in a real browser, opened from disk: does it do what it shows?"""

import os
import re
import shutil
from string import ascii_uppercase

import h5py
import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.interaction import POINTER_MOUSE, POINTER_TOUCH
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from aevae.config import DataConfig, EvaluationConfig, ModelConfig, RunConfig, TrainConfig
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.layout import SweepPaths
from aevae.training.run import execute
from analysis import commands
from analysis.maths.decoder import decode
from analysis.measures.study import Study
from analysis.report import page
from analysis.sweep.load import open_sweep

pytestmark = pytest.mark.browser

BINARY, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"""
PHONE, DESKTOP = (375, 812), (1280, 900)
DECODED = """
const [plane, latents, label] = arguments;
const type = (input, value) => { input.value = value; input.dispatchEvent(new Event("input")); };
const list = plane.querySelector("select");
if (label !== null && list) {
  list.value = label;
  list.dispatchEvent(new Event("change", { bubbles: true }));
} else if (label !== null) plane.querySelector(`[value="${label}"]`).click();
const canvas = plane.querySelector("canvas");
return latents.map((z) => {
  plane.querySelectorAll("[data-axis]").forEach((input, axis) => type(input, z[axis]));
  return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
});
"""
READY = """
const [count, done] = arguments;
const wait = () => document.querySelectorAll(".plane[data-ready]").length === count
    ? done() : setTimeout(wait, 10);
wait();
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, started once."""
    if not (BINARY and DRIVER):
        missing = "chromium and chromium-driver are not installed"
        if os.environ.get("AEVAE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"AEVAE_REQUIRE_BROWSER=1, but {missing}")
        pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = BINARY
    for option in [*OPTIONS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER)) as driver:
        yield driver


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Three models with two latents, really trained, below a folder with a hostile name."""
    sweep = SweepPaths(tmp_path_factory.mktemp("sweep") / "<b>ünï & 100 % #1?")
    evaluation = EvaluationConfig(importance_samples=2, samples_per_sampler=20, grid_size=4)
    for kind, activation in (("ae", "elu"), ("vae", "gelu"), ("cvae", "relu")):
        config = RunConfig(
            model=ModelConfig(
                kind=kind, latent_size=2, hidden_sizes=(64, 48), activation=activation
            ),
            train=TrainConfig(epochs=5, batch_size=128),
            data=DataConfig(dataset="digits"),
        )
        paths = sweep.run(config.run_id)
        paths.root.mkdir(parents=True)
        paths.config.write_text(config.canonical_json())
        execution = ExecutionConfig(device="cpu", threads=1)
        execute(sweep, config.run_id, execution, evaluation, StopRequest())
    return sweep


@pytest.fixture(scope="module")
def report(sweep):
    """The page, beside the sweep."""
    commands.write_report(sweep.root, None, allow_partial=False)
    return sweep.root / "analysis" / "report.html"


@pytest.fixture
def open_page(browser, report):
    """Open the page in a window of a size; in the end nothing may have been complained about."""

    def open_in(size=DESKTOP, scheme="light"):
        width, height = size
        metrics = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": size == PHONE,
        }
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.get(report.as_uri())
        browser.execute_async_script(READY, 3)
        return browser

    yield open_in
    assert browser.get_log("browser") == []


def plane(browser, model):
    return browser.find_element(By.CSS_SELECTOR, f".plane[data-model={model}]")


def latents(part):
    return [
        float(i.get_property("value")) for i in part.find_elements(By.CSS_SELECTOR, "[data-axis]")
    ]


@pytest.mark.parametrize("model", ["ae", "vae", "cvae"])
def test_what_is_decoded_in_the_page_is_what_the_model_gave(open_page, sweep, model):
    (path,) = sweep.root.glob(f"runs/{model}-*/evaluation.h5")
    with h5py.File(path, locking=False) as file:
        z, images = file["grid/quantile/z"][()], file["grid/quantile/image"][()]
    browser = open_page()
    said = re.search(r"more than (\d+) of 255", browser.find_element(By.CLASS_NAME, "hint").text)
    assert int(said[1]) <= 1
    part = plane(browser, model)
    for digit in range(10) if model == "cvae" else (None,):
        of_digit = slice(None) if digit is None else digit
        points, stored = z[of_digit].reshape(-1, 2), images[of_digit].reshape(-1, 784)
        pixels = np.array(browser.execute_script(DECODED, part, points.tolist(), digit))
        red, green, blue, alpha = pixels.reshape(-1, 784, 4).transpose(2, 0, 1)
        assert (red == green).all()
        assert (red == blue).all()
        assert (alpha == 255).all()
        # Half a grey level may tip over either way.
        assert np.abs(red - stored.astype(int)).max() <= 1
        assert np.ptp(red) > 100


def test_point_follows_arrow_keys(open_page):
    browser = open_page()
    part = plane(browser, "vae")
    surface = part.find_element(By.CSS_SELECTOR, ".map")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", part)
    assert latents(part) == [0, 0]
    surface.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_UP)
    across, up = latents(part)
    assert across == pytest.approx(2 * up, abs=0.02)
    assert up > 0
    surface.send_keys(Keys.HOME, Keys.SHIFT + Keys.ARROW_DOWN)
    assert latents(part) == [0, pytest.approx(-5 * up, abs=0.03)]


@pytest.mark.parametrize("pointer", [POINTER_MOUSE, POINTER_TOUCH])
def test_point_is_dragged(open_page, pointer):
    browser = open_page()
    part = plane(browser, "cvae")
    surface = part.find_element(By.CSS_SELECTOR, ".map")

    def drag(*offset):
        """Press in the middle, move, release; where the point is then."""
        actions = ActionChains(browser, devices=[PointerInput(pointer, pointer)])
        actions.scroll_to_element(surface).move_to_element(surface).click_and_hold()
        actions.move_by_offset(*offset).release().perform()
        return latents(part)

    middle, moved, edge = drag(0, 0), drag(30, -50), drag(200, -50)
    assert moved[0] > middle[0]
    assert moved[1] > middle[1]
    assert edge[0] > moved[0]
    box, point = surface.rect, part.find_element(By.CSS_SELECTOR, ".point").rect
    assert point["x"] + point["width"] / 2 == pytest.approx(box["x"] + box["width"], abs=3)
    assert "decoded in" in part.find_element(By.CSS_SELECTOR, ".time").text


def test_tables_are_sorted_from_the_keyboard(open_page):
    browser = open_page()
    table = browser.find_elements(By.CSS_SELECTOR, "#training details.table")[-1]
    table.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    headers = table.find_elements(By.TAG_NAME, "th")
    column = [header.text.strip(" ↕") for header in headers].index("test sse mean")
    button = headers[column].find_element(By.TAG_NAME, "button")
    cells = f"tbody td:nth-child({column + 1})"

    def values():
        return [
            float(c.get_dom_attribute("data-value"))
            for c in table.find_elements(By.CSS_SELECTOR, cells)
        ]

    unsorted = values()
    button.send_keys(Keys.ENTER)
    assert headers[column].get_dom_attribute("aria-sort") == "ascending"
    assert values() == sorted(unsorted)
    button.send_keys(Keys.SPACE)
    assert headers[column].get_dom_attribute("aria-sort") == "descending"
    assert values() == sorted(unsorted, reverse=True)


def test_page_is_no_wider_than_a_phone(open_page):
    browser = open_page(PHONE)
    browser.execute_script(
        "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") == 375
    overflowing = [
        b
        for b in browser.find_elements(By.CSS_SELECTOR, ".scroll")
        if b.get_dom_attribute("tabindex")
    ]
    assert overflowing  # wide tables scroll, and the keyboard reaches them


def test_dark_is_as_the_system_wants_it_until_told_otherwise(open_page):
    browser = open_page(scheme="dark")

    def lightness():
        colour = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        return sum(map(int, colour[colour.index("(") + 1 :].rstrip(")").split(",")[:3])) / 3

    assert lightness() < 60
    browser.find_element(By.ID, "theme").click()
    assert lightness() > 200


def test_nothing_is_fetched_and_every_picture_is_there(open_page, sweep):
    browser = open_page()
    assert (
        browser.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")
        == []
    )
    pictures = browser.execute_script(
        "return [...document.images].map((i) => [i.complete && i.naturalWidth, i.alt])"
    )
    assert len(pictures) > 10
    assert all(width and len(alt) > 20 for width, alt in pictures)
    assert sweep.root.name in browser.find_element(By.CSS_SELECTOR, ".facts").text


def test_without_scripts_the_page_says_what_is_missing(open_page):
    browser = open_page()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
        assert "runs no scripts" in browser.find_element(By.ID, "explorer").text
        assert not plane(browser, "vae").find_element(By.CSS_SELECTOR, ".decoded").is_displayed()
        assert plane(browser, "vae").find_element(By.TAG_NAME, "img").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


# --- images of one's own --------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["colour", "letters", "unlabelled"])
def own(request, tmp_path_factory, build_sweep, make_config, make_data):
    """A page about models with made-up weights: three classes in colour, 26, or none."""
    data = {
        "colour": make_data((6, 9, 3), ("a cat", "a dog", "x" * 40)),
        "letters": make_data((8, 12), ascii_uppercase, "letter"),
        "unlabelled": make_data((7, 7)),
    }[request.param]
    kinds = ("vae", "cvae") if data.class_names else ("vae",)
    configs = [make_config(kind, 2, data=data) for kind in kinds]
    root = build_sweep(tmp_path_factory.mktemp("own") / request.param, configs)
    study = Study(open_sweep(root))
    path = root / "report.html"
    path.write_text(page.render(page.gather(study, [], [], {}, [])), "utf-8")
    return study, path


def test_images_of_any_shape_are_decoded_in_the_page(browser, own):
    study, path = own
    data = study.data
    browser.get(path.as_uri())
    browser.execute_async_script(READY, len(study.sweep.runs))
    assert "digit" not in path.read_text("utf-8").lower()
    latents = np.random.default_rng(0).normal(size=(5, 2)).astype("f4")
    for run in study.sweep.runs:
        part = plane(browser, run.model)
        with study.sweep.open(run) as results:
            weights = results.weights()
        for label in (0, data.classes - 1) if run.kind.conditional else (None,):
            told = None if label is None else np.full(len(latents), label)
            wanted = decode(run.config, weights, latents, told)
            wanted = wanted.reshape(*wanted.shape[:3], -1)  # of one channel, or of three
            pixels = browser.execute_script(DECODED, part, latents.tolist(), label)
            shown = np.reshape(pixels, (len(latents), *data.image_shape[:2], 4))
            assert np.abs(shown[..., :3] - 255 * wanted).max() <= 1
            assert (shown[..., 3] == 255).all()
    assert browser.get_log("browser") == []


def test_classes_are_chosen_by_their_names(browser, own):
    study, path = own
    browser.get(path.as_uri())
    names = list(study.data.class_names)
    buttons = browser.find_elements(By.CSS_SELECTOR, ".classes span")
    entries = browser.find_elements(By.CSS_SELECTOR, ".classes option")
    assert [part.get_property("textContent") for part in buttons] == names[: 12 * (len(names) < 12)]
    assert [part.text for part in entries] == names[: 26 * (len(names) > 12)]
    legend = [
        part.get_property("textContent")
        for part in browser.find_elements(By.CSS_SELECTOR, ".legend li")
    ]
    assert legend == names * 2 * (len(names) == 3)  # letters stand on the map itself
