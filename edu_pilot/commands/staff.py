"""The commands for accounts: roles, passwords, second factors, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from flask.cli import AppGroup

from edu_pilot.commands.console import Run, command, group
from edu_pilot.extensions import read
from edu_pilot.services import accounts, staffing, verification
from edu_pilot.workflow.reasons import N_

commands = AppGroup("staff")
users_group = group(commands, "users", "Accounts and their tokens.")
factor_group = group(users_group, "factor", "The second factor of an account.")


@command(users_group, "add")
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE[,ROLE]")
@click.option("--county", metavar="CODE")
@click.option("--person", required=True, metavar="ID_NUMBER")
def users_add(run: Run, name: str, role: str, county: str | None, person: str) -> None:
    """Add an account for a person and print its first password.

    Of an account added by an administrator the roles wait for another one, and a link sets the password.
    """
    password = staffing.add(name, role.split(","), county, person, run.actor)
    text = N_("Another administrator confirms the roles: edu-pilot users confirm %(name)s")
    run.answer({"name": name, "password": password}, [password or run.say(text, name=name)])


@command(users_group, "grant")
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE[,ROLE]")
@click.option("--county", metavar="CODE")
def users_grant(run: Run, name: str, role: str, county: str | None) -> None:
    """Ask for other roles for an account; asked for by a second administrator as well, they hold."""
    done = staffing.grant(name, role.split(","), county, run.actor)
    text = N_("Another administrator confirms the roles: edu-pilot users confirm %(name)s")
    run.answer({"name": name, "granted": done}, [run.say(N_("The roles hold now.") if done else text, name=name)])


@command(users_group, "confirm")
@click.argument("name")
def users_confirm(run: Run, name: str) -> None:
    """Confirm the roles that another administrator asked for."""
    staffing.confirm(name, run.actor)
    run.answer({"name": name, "granted": True}, [run.say(N_("The roles hold now."))])


@command(users_group, "end")
@click.argument("name")
@click.option("--hand-over-to", "successor", metavar="NAME", help="Who goes on: the same roles and county.")
def users_end(run: Run, name: str, successor: str | None) -> None:
    """End an account at once: sessions, token and links are dead; what it signed stays."""
    staffing.end(name, run.actor, successor)
    text = N_("%(name)s has ended; what it signed stays.")
    run.answer({"name": name, "ended": True, "handed_to": successor}, [run.say(text, name=name)])


@command(factor_group, "reset")
@click.argument("name")
def users_factor_reset(run: Run, name: str) -> None:
    """Take a lost second factor away; the next sign-in can only enrol a new one."""
    staffing.reset_factor(name, run.actor)
    text = N_("At the next sign-in %(name)s enrols a new authenticator.")
    run.answer({"name": name, "factor": False}, [run.say(text, name=name)])


def _line(run: Run, one: Mapping[str, Any]) -> str:
    off = "" if one["active"] else "  " + run.say(N_("(switched off)"))
    return f"{one['name']}  {run.roles(filter(None, one['roles'].split(',')))}  {one['county'] or ''}{off}"


@command(users_group, "list")
def users_list(run: Run) -> None:
    """List every account."""
    with read() as conn:
        value = [dict(row) | {"ended_at": verification.iso(row["ended_at"])} for row in accounts.everyone(conn)]
    run.answer(value, [_line(run, one) for one in value])


@command(users_group, "reset")
@click.argument("name")
def users_reset(run: Run, name: str) -> None:
    """Give an account a new password and print it."""
    password = staffing.reset(name, run.actor)
    run.answer({"name": name, "password": password}, [password])


@command(users_group, "person")
@click.argument("name")
@click.option("--study", required=True, metavar="REFERENCE")
def users_person(run: Run, name: str, study: str) -> None:
    """Say that an account is the student's of a study, under another number."""
    accounts.belongs_to(name, study, run.actor)
    run.answer({"name": name, "study": study}, [f"{name}: {study}"])


@command(users_group, "token")
@click.argument("name")
def users_token(run: Run, name: str) -> None:
    """Give an account a new API token and print it alone."""
    token = staffing.token(name, run.actor)
    run.answer({"name": name, "token": token}, [token])
