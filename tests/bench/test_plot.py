"""A plot has a bar for each figure, as long as it says, and a colour for each worker; other files are refused."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.goals import Goal
from bench.plot import draw, main
from bench.report import Compared
from tests.bench.saved import save

SVG = "{http://www.w3.org/2000/svg}"
COMPARED = [
    Compared("paced", "µs", {"floor": 4.0, "ours": 6.0, "1:mediasoup": 12.0}),
    Compared("bursts", "µs", {"floor": 4.0, "ours": 3.0}),
    Compared("idle <5", "MB", {"ours": 38.0, "1:mediasoup": 0.0}),
]


def bars(svg: str) -> list[tuple[str, float]]:
    """Whose, and how long; without the legend."""
    figures = [rect for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    names = [rect.findtext(f"{SVG}title") or "" for rect in figures]
    legend = len(set(names))
    return [(name, float(rect.get("width", ""))) for name, rect in zip(names, figures, strict=True)][legend:]


def test_bars_of_one_unit_share_a_scale() -> None:
    paced_floor, paced, reference, bursts_floor, bursts, idle, nothing = bars(draw(COMPARED, "all"))
    assert [name for name, _ in (paced_floor, paced, reference, bursts)] == ["floor", "ours", "1:mediasoup", "ours"]
    assert reference[1] == pytest.approx(2 * paced[1], abs=0.1)
    assert paced_floor == bursts_floor
    assert bursts[1] == pytest.approx(paced[1] / 2, abs=0.1)
    assert (idle[1], nothing[1]) == (reference[1], 0)


def test_no_word_leaves_the_picture_or_runs_into_the_bars() -> None:
    long = Compared("W" * 60, "µs", {"ours": 6.0, "another worker of a long name": 6.0, "and one more of them": 1.0})
    root = ElementTree.fromstring(draw([long], "a long title " * 30))
    texts = [(float(text.get("x", "")), text.text or "") for text in root.iter(f"{SVG}text")]
    assert all(x + 7 * len(text) <= float(root.get("width", "")) for x, text in texts if not text.startswith("W"))
    first_bar = min(float(rect.get("x", "")) for rect in list(root.iter(f"{SVG}rect"))[-3:])
    assert first_bar > 60 * 7


def test_each_worker_has_a_colour_of_its_own_in_light_and_in_dark() -> None:
    svg = draw(COMPARED, "all")
    root = ElementTree.fromstring(svg)
    used = {rect.get("class") for rect in root.iter(f"{SVG}rect")}
    assert used == {"paper", "floor", "s0", "s1"}
    light, dark = (root.findtext(f"{SVG}style") or "").split("prefers-color-scheme: dark")
    assert all(f".{name} {{ fill:" in half for name in used for half in (light, dark))


def test_fifteen_workers_can_be_told_apart() -> None:
    figures = {"floor": 1.0} | {f"worker {index}": 2.0 for index in range(15)}
    root = ElementTree.fromstring(draw([Compared("paced", "µs", figures)], "all"))
    colours = [rect.get("class") or "" for rect in root.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    assert len(colours) == 2 * 16  # legend and bars
    assert len(set(colours)) == 16
    style = root.findtext(f"{SVG}style") or ""
    assert all(f".{name} {{" in style for name in " ".join(colours).split())


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (0.0671, "0.0671"), (999.4, "999"), (999.6, "1,000"), (2964.2, "2,964")]
)
def test_figures_are_written_out_in_pictures_and_tables(value: float, words: str) -> None:
    assert Goal("late", "µs", 5).measured(value) == f"{words} µs"
    root = ElementTree.fromstring(draw([Compared("late", "µs", {"ours": value})], "all"))
    assert words in [text.text for text in root.iter(f"{SVG}text")]


def test_saved_results_are_drawn(tmp_path: Path) -> None:
    files = [str(save(tmp_path / f"{index}.json", compared=[each])) for index, each in enumerate(COMPARED)]
    target = tmp_path / "all.svg"
    assert main([*files, "-o", str(target), "--title", "these & those"]) == 0
    svg = target.read_text()
    assert bars(svg) == bars(draw(COMPARED, "these & those"))
    assert "these &amp; those" in svg


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is no result of a benchmark: Input data was truncated"),
        (b'{"command": "python"}', "is no result of a benchmark: Object missing required field `time`"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_result_is_refused(
    content: bytes | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "strange.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit) as left:
        main([str(file), "-o", str(tmp_path / "out.svg")])
    assert left.value.code == 2
    told = capsys.readouterr().err
    assert reason in told
    assert str(file) in told
    assert not (tmp_path / "out.svg").exists()


def test_results_without_anything_to_draw_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(save(tmp_path / "old.json")), "-o", str(tmp_path / "out.svg")])
    assert "nothing to draw" in capsys.readouterr().err
