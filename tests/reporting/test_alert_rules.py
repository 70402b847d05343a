import pytest

from blocklists.rulebook import NEVER_VISITED, Severity
from reporting import alert_rules, shipped_rules
from reporting.alert_rules import DAY, MINUTE, RuleError, may_alert, occasions, read

HEAD = "theme,kind,severity,times,within,raised_to,note"
FLOOR = ["*,*,ILLEGAL,1,,ILLEGAL,", "*,*,URGENT,1,,URGENT,"]
THEMES = {"bypass", "self-harm"}


def breach(**fields):
    usual = {"theme": "self-harm", "kind": "stopped", "severity": Severity.NOTE, "background": False}
    return {**usual, "reason": "category", "category": "self_harm", **fields}


@pytest.mark.parametrize(
    ("fields", "column", "severity"),
    [
        ({"severity": Severity.ILLEGAL, "theme": "illegal"}, "ks2", Severity.ILLEGAL),
        ({"severity": Severity.URGENT}, "ks2", Severity.URGENT),
        ({"severity": Severity.CONCERN, "theme": "hate"}, "ks3", Severity.CONCERN),
        ({"severity": Severity.NOTE, "theme": "sexual"}, "ks3", Severity.NONE),
        ({"severity": Severity.NONE, "theme": "", "kind": "got_through"}, "ks3", Severity.URGENT),
        ({"severity": Severity.CONCERN, "theme": "malware"}, "ks3", Severity.NONE),
    ],
)
def test_what_ships_alerts_as_the_policy_says(fields, column, severity):
    assert shipped_rules.shipped().at_once(breach(**fields), column) == severity


@pytest.mark.parametrize(
    ("theme", "severity", "raised_to"),
    [
        ("sexual", Severity.NOTE, Severity.CONCERN),
        ("bypass", Severity.NOTE, Severity.CONCERN),
        ("radicalisation", Severity.CONCERN, Severity.URGENT),
    ],
)
def test_what_ships_raises_the_patterns_of_the_policy(theme, severity, raised_to):
    [rule] = shipped_rules.shipped().patterns(breach(theme=theme, severity=severity), "ks3")
    assert (rule.times, rule.raised_to) == (3, raised_to)


@pytest.mark.parametrize(
    "fields",
    [{"background": True}, {"reason": "always_open"}, {"theme": "malware"}]
    + [{"category": name} for name in sorted(NEVER_VISITED)],
)
def test_what_nobody_is_watched_for_alerts_nobody_and_the_illegal_always_does(fields):
    assert not may_alert(breach(severity=Severity.URGENT, **fields), "ks2")
    assert may_alert(breach(**fields | {"severity": Severity.ILLEGAL}), "ks2")
    assert shipped_rules.shipped().patterns(breach(severity=Severity.CONCERN, **fields), "ks2") == ()


@pytest.mark.parametrize(
    ("theme", "alerts"), [("self-harm", False), ("sexual", False), ("radicalisation", True), ("bypass", True)]
)
def test_staff_are_watched_for_four_themes_only(theme, alerts):
    assert may_alert(breach(theme=theme, severity=Severity.URGENT), "staff") is alerts
    assert may_alert(breach(theme=theme, severity=Severity.URGENT), "ks2")


def test_a_rule_is_asked_of_few_breaches():
    none, some = breach(theme="", severity=Severity.NOTE), breach(theme="sexual", severity=Severity.NOTE)
    urgent, through = breach(theme="", severity=Severity.URGENT), breach(theme="", kind="got_through")
    told = [none, some, none, urgent, some, through]
    assert list(shipped_rules.shipped().may_ask(told)) == [some, urgent, some, through]


@pytest.mark.parametrize(
    ("minutes", "count"),
    [([], 0), ([0], 1), ([0, 1, 4], 1), ([5, 0], 2), ([0, 4, 6], 2), ([0, 60, 120], 3), ([0, 1000, 1500, 3000], 2)],
)
def test_what_happens_within_five_minutes_is_one_occasion(minutes, count):
    assert occasions((minute * MINUTE for minute in minutes), DAY) == count


def test_the_windows_are_days():
    rules = read([HEAD, *FLOOR, "bypass,*,NOTE,3,week,CONCERN,x"], THEMES)
    assert rules.rules[-1].within == 7 * DAY


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("gardening,*,NOTE,1,,CONCERN,", "there is no theme 'gardening'"),
        ("*,open,NOTE,1,,CONCERN,", "'open' is no kind"),
        ("*,*,HIGH,1,,CONCERN,", "'HIGH' is no severity"),
        ("*,*,NOTE,1,,HIGH,", "'HIGH' is no severity"),
        ("*,*,NOTE,many,,CONCERN,", "'many' is no number"),
        ("*,*,NOTE", "no severity"),
        ("*,*,NOTE,0,,CONCERN,", "'0' is no number"),
        ("*,*,NOTE,3,,CONCERN,", "several times need a window"),
        ("*,*,NOTE,1,day,CONCERN,", "several times need a window"),
        ("*,*,NOTE,3,year,CONCERN,", "several times need a window"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_with_its_number(line, says):
    with pytest.raises(RuleError, match="line 4: ") as error:
        read([HEAD, *FLOOR, line], THEMES)
    assert says in str(error.value)


@pytest.mark.parametrize("left_out", [0, 1])
def test_no_table_can_leave_out_what_must_alert_at_once(left_out):
    with pytest.raises(RuleError, match="must alert at once"):
        read([HEAD, FLOOR[1 - left_out].replace("1,,", "1,,")], THEMES)


def test_another_first_line_is_refused():
    with pytest.raises(RuleError, match="the first line must be"):
        read(["theme,severity"], THEMES)


def test_a_schools_own_table_takes_the_place_of_what_ships(tmp_path):
    assert shipped_rules.of_school(None) is shipped_rules.of_school(tmp_path) is shipped_rules.shipped()
    own = tmp_path / "alert_rules.csv"
    own.write_text("\n".join([HEAD, *FLOOR]))
    assert len(shipped_rules.of_school(tmp_path).rules) == 2
    own.write_text("nonsense")
    with pytest.raises(RuleError, match=r"alert_rules\.csv"):
        shipped_rules.of_school(tmp_path)


def test_no_theme_stands_for_whom_somebody_is():
    assert alert_rules.TECHNICIANS_THEME in shipped_rules.themes()
    assert not shipped_rules.themes() & {"health", "faith", "information", "identity", "ethnicity", "sexuality"}
