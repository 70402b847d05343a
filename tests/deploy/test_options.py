"""What the commands have in common."""

import pytest

from deploy import options


def test_a_file_that_cannot_be_used_is_named_without_what_a_terminal_obeys(tmp_path, capsys):
    @options.refusals
    def command():
        (tmp_path / ("\x1b[2J\u202e\n" + "n" * 300)).open()

    with pytest.raises(SystemExit) as ended:
        command()
    said = capsys.readouterr().err
    assert ended.value.code == options.REFUSED
    assert said.startswith(f"{tmp_path}/ [2J  nnn")
    assert said.endswith(": File name too long\n")
    assert said[:-1].isprintable()


def test_a_sentence_keeps_the_line_at_its_end_that_says_what_to_do(capsys):
    says = f"The database {'x' * 300} cannot be used; as its administrator: CREATE SCHEMA elmwood"

    @options.refusals
    def command():
        raise OSError(says)

    with pytest.raises(SystemExit):
        command()
    assert capsys.readouterr().err == f"schoolgate: {says}\n"


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    @options.refusals
    def command():
        (tmp_path / "nowhere").open()

    with pytest.raises(SystemExit):
        command()
    assert capsys.readouterr().err == f"{tmp_path}/nowhere: No such file or directory\n"
