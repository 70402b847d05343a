"""What the demo says to the person who started it."""

import json
import os
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy import config
from deploy.demo import plan
from deploy.demo.clients import Outcome
from deploy.demo.origin import Origin


def welcome(settings: config.Settings, origin: Origin, trusted: Path, password: str, codes: list[str]) -> bool:
    """Say what is running where, and the exact lines to try it with; whether somebody is there to read it."""
    port = settings.config.dns.listen[0].rpartition(":")[2]
    proxy = settings.config.peek.listen[0]
    suffix = "" if origin.https_port == 443 else f":{origin.https_port}"
    clients = "\n".join(f"      {name:9}{address}" for name, address in plan.CLIENTS.items())
    curl = f"curl --cacert {trusted} -x http://{proxy} --interface"
    return _say(
        f"""
Schoolgate is ready: a demo school on this machine's loopback. Ctrl-C ends all of it.

  Who asks is told by the source address:
{clients}

  Ask a name (KS2: closed; staff: {plan.staff_social_now()}):
      dig -p {port} -b {plan.CLIENTS["ks2"]} @127.0.0.1 gambling.test
      dig -p {port} -b {plan.CLIENTS["staff"]} @127.0.0.1 social.test

  Ask a page (KS2: closed, then open; KS1: not on its list; KS4: closed, and a mail to the DSL is shown here):
      {curl} {plan.CLIENTS["ks2"]} https://gambling.test{suffix}/
      {curl} {plan.CLIENTS["ks2"]} https://positive.test{suffix}/
      {curl} {plan.CLIENTS["ks1"]} https://positive.test{suffix}/
      {curl} {plan.CLIENTS["ks4"]} https://self-harm.test{suffix}/

  See the page where DNS leads a closed name:
      curl --cacert {trusted} --interface {plan.CLIENTS["ks2"]} --connect-to ::{settings.config.closed.listen_tls[0]} https://gambling.test/

  Ask why:
      .venv/bin/schoolgate explain social.test --profile staff --at 2027-01-11T10:00 --config {settings.file}

  In a browser, as KS2 (in a container or as root add --no-sandbox):
      chromium --proxy-server=http://{proxy} --proxy-bypass-list='<-loopback>' --ignore-certificate-errors \\
          --user-data-dir=$(mktemp -d) https://gambling.test{suffix}/

  Staff pages (breach log and alerts):
      {settings.config.reporting.public_url}/    name: demo    password: {password}
      Codes for the second step, each works once: {", ".join(codes[:4])}

  Metrics: http://127.0.0.1:{settings.config.metrics.dns}/metrics (DNS), :{settings.config.metrics.peek} (front door), \
:{settings.config.metrics.worker} (proxy), :{settings.config.metrics.closed} (closed address), \
:{settings.config.metrics.reporting} (reporting)
  Files:   {settings.folder}
"""
    )


def _say(text: str) -> bool:
    """Print *text*; False where the terminal or pipe is closed, and then what is left of it goes nowhere at the end."""
    try:
        print(text, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return False
    return True


def mail(recipients: list[str], message: EmailMessage) -> None:
    """Show a message as it arrived."""
    _say(f"\nMail to {', '.join(recipients)}\nSubject: {message['Subject']}\n\n{message.get_content()}")


def outcome(
    outcomes: list[Outcome],
    breaches: list[dict[str, Any]],
    messages: list[tuple[list[str], EmailMessage]],
    problems: list[str],
    *,
    as_json: bool,
) -> None:
    """Print what was asked and answered, the breaches as recorded, the mail as received, and what is wrong."""
    if as_json:
        print(json.dumps(_as_json(outcomes, breaches, messages, problems), indent=2))
        return
    console = Console(width=150, soft_wrap=False, highlight=False)
    console.print(_answers(outcomes))
    console.print(_breach_log(breaches))
    for recipients, message in messages:
        console.print(
            Text(f"\nMail to {', '.join(recipients)}\nSubject: {message['Subject']}\n\n{message.get_content()}")
        )
    for problem in problems:
        console.print(Text(f"NOT AS IT SHOULD BE: {problem}", style="bold red"))
    if not problems:
        console.print(f"All {len(outcomes)} rows are as the policy says.")


def _answers(outcomes: list[Outcome]) -> Table:
    table = Table(title="Who asked what, and what they met", title_justify="left")
    for column in ("who", "what", "verdict", "reason", "where"):
        table.add_column(column, overflow="fold")
    table.add_column("ms", justify="right")
    table.add_column("policy says")
    for one in outcomes:
        row = one.question
        verdict = Text("open", "green") if one.is_open else Text("closed", "red")
        right = f"{'open' if row.is_open else 'closed'} ({row.why})"
        table.add_row(
            f"{row.profile} {row.source}",
            f"{row.way} {row.target}",
            verdict,
            Text(one.reason),
            one.where,
            f"{one.ms:.0f}",
            Text(right, "" if one.as_expected else "bold red"),
        )
    return table


def _breach_log(breaches: list[dict[str, Any]]) -> Table:
    table = Table(title="Breaches, as the database has them", title_justify="left")
    columns = ("profile", "source", "host", "path", "why", "category", "severity", "list", "rule", "held")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in breaches:
        table.add_row(*(Text(str(row.get(column) or "")) for column in columns))
    return table


def _as_json(
    outcomes: list[Outcome],
    breaches: list[dict[str, Any]],
    messages: list[tuple[list[str], EmailMessage]],
    problems: list[str],
) -> dict[str, Any]:
    return {
        "rows": [
            {
                "who": one.question.profile,
                "client": one.question.source,
                "way": one.question.way,
                "what": one.question.target,
                "open": one.is_open,
                "expected_open": one.question.is_open,
                "reason": one.reason,
                "where": one.where,
                "ms": round(one.ms, 1),
            }
            for one in outcomes
        ],
        "breaches": breaches,
        "mail": [{"to": to, "subject": str(m["Subject"]), "text": m.get_content()} for to, m in messages],
        "problems": problems,
    }
