from pathlib import Path

import pytest

from blocklists import compile as compiler
from blocklists import gather, merge
from blocklists.gather import Source
from blocklists.index import Index


def compiled(folder: Path, *sources: Source) -> Index:
    return compiler.compile_lists({"one": sources}, folder / "index", built_ns=1)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_list_is_all_that_its_sources_say(tmp_path: Path):
    own = Source(written(tmp_path, "own.txt", "a.test\nb.test\n"))
    fetched = Source(
        written(tmp_path, "fetched.txt", "0.0.0.0 b.test c.test\nno name\n"), label="fetched", imported=True
    )
    opened = compiled(tmp_path, own, fetched)
    assert all(opened.listed(f"{letter}.test") for letter in "abc")
    assert opened.manifest.rules == {"one": 4}
    read = compiler.report(opened.folder)["one"]
    assert [(r.label, r.tally.names, r.tally.skipped_count) for r in read] == [("", 2, 0), ("fetched", 2, 1)]


def test_a_plain_mistake_is_taken_off_an_imported_source_and_off_no_other(tmp_path: Path):
    imported = Source(
        written(tmp_path, "imported.txt", "right.test\nwrong.test\nsub.wrong.test\nparent.test\n"),
        imported=True,
        except_=frozenset({"wrong.test", "child.parent.test"}),
    )
    opened = compiled(tmp_path, imported)
    listed = [
        bool(opened.listed(x))
        for x in ("right.test", "wrong.test", "sub.wrong.test", "parent.test", "child.parent.test")
    ]
    assert listed == [True, False, True, True, False]
    own = Source(written(tmp_path, "own.txt", "wrong.test\n"))
    assert compiler.compile_lists({"one": (own, imported)}, tmp_path / "two", built_ns=1).listed("wrong.test")


def test_more_names_than_a_run_holds_are_the_same_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = Source(written(tmp_path, "many.txt", "".join(f"n{n % 700}.x{n % 7}.test\n" for n in range(3000))))
    whole = compiled(tmp_path, source)
    monkeypatch.setattr(gather, "RUN", 10)
    parted = compiler.compile_lists({"one": (source,)}, tmp_path / "parted", built_ns=1)
    assert {p.name: p.read_bytes() for p in whole.folder.iterdir()} == {
        p.name: p.read_bytes() for p in parted.folder.iterdir()
    }


def test_progress_goes_through_every_step_and_ends(tmp_path: Path):
    steps: list[tuple[str, int, int]] = []
    source = Source(written(tmp_path, "few.txt", "a.test\n"))
    compiler.compile_lists(
        {"one": (source,)}, tmp_path / "index", built_ns=1, progress=lambda *step: steps.append(step)
    )
    assert list(dict.fromkeys(step for step, _, _ in steps)) == ["read", "merge", "index"]
    assert steps[-1] == ("index", 1, 1)


def test_an_exception_takes_nothing_off_what_another_source_of_its_list_says(tmp_path: Path):
    own = Source(written(tmp_path, "own.txt", "a.test\nb.test\nads3.test\n"))
    other = "||c.test^\n||a.test^\n@@||a.test^\n@@||b.test^$important\n@@/^ads[0-9]/\n/^tracker[0-9]/\n"
    opened = compiled(tmp_path, own, Source(written(tmp_path, "other.txt", other), label="other", imported=True))
    listed = [bool(opened.listed(f"{x}.test")) for x in ("a", "b", "c", "ads3", "tracker7", "ads4")]
    assert listed == [True, True, True, True, True, False]
    assert {name for host in ("a.test", "tracker7.test") for x in opened.listed(host) for name in x.lists} == {"one"}
    assert opened.manifest.listed == {"one": 5}


def test_no_source_leaves_the_others_without_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gather, "MAX_OF_ONE", 3)
    many = "".join(f"/^ads{n}x/\n" for n in range(9))
    first = Source(written(tmp_path, "first.txt", many), label="first", imported=True)
    second = Source(written(tmp_path, "second.txt", "/^bets[0-9]/\n||x.test^\n"), label="second", imported=True)
    opened = compiled(tmp_path, first, second)
    assert opened.listed("bets1.test")
    tally = compiler.report(opened.folder)["one"][0].tally
    assert (tally.patterns, tally.reasons) == (3, {"a pattern beyond the 3 of one source, or the 2000 of all": 6})


def test_a_pattern_that_is_a_known_mistake_is_left_out(tmp_path: Path):
    path = written(tmp_path, "some.txt", "/^good/\n/^bad/\n||x.test^\n")
    opened = compiled(tmp_path, Source(path, imported=True, except_=frozenset({"/^good/", "y.test"})))
    assert [bool(opened.listed(x)) for x in ("good.test", "bad.test", "x.test")] == [False, True, True]


def test_more_sources_than_four_digits_number_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = Source(written(tmp_path, "few.txt", "a.test\n"))
    monkeypatch.setattr(merge, "MAX_SOURCES", 2)
    assert compiled(tmp_path, source, source).listed("a.test")
    with pytest.raises(ValueError, match="more than 2 sources"):
        compiler.compile_lists({"one": (source,) * 3}, tmp_path / "three", built_ns=1)
