"""`feira user`: accounts from the command line."""

import sys
from typing import Annotated

import typer
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from feira.cli.console import say, show_json, show_table
from feira.core.errors import Refused
from feira.shop.accounts.models import Account

app = typer.Typer(help="Create accounts, list them, set passwords, form teams.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Address that the person signs in with.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin instead of asking.")]


@app.command(epilog="Example: [bold]feira user create ana@example.com --name Ana --staff[/].")
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="Name shown to others.")] = "",
    staff: Annotated[bool, typer.Option("--staff", help="May do everything, admin pages included.")] = False,
    password_stdin: FromStdin = False,
) -> None:
    """Create an account that can sign in."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise Refused(f"{email} is not an e-mail address.") from error
    if find(email) is not None:
        raise Refused(f"{email} has an account already. Use `feira user set-password {email}` to change its password.")
    account = Account(
        email=Account.objects.normalize_email(email), display_name=name, is_staff=staff, is_superuser=staff
    )
    account.set_password(ask_password(account, from_stdin=password_stdin))
    account.save()
    say(f"Created {email}{', with staff rights' if staff else ''}.")


@app.command("list", epilog="Example: [bold]feira user list --staff --json[/].")
def list_accounts(
    staff: Annotated[bool, typer.Option("--staff", help="Only those with staff rights.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List accounts, newest first."""
    accounts = Account.objects.order_by("-date_joined", "-pk")
    if staff:
        accounts = accounts.filter(is_staff=True)
    names = ("email", "display_name", "is_staff", "is_active", "date_joined")
    rows = [dict(zip(names, values, strict=True)) for values in accounts.values_list(*names)]
    if json:
        show_json(rows)
    else:
        show_table(rows)


@app.command("set-password", epilog="Example: [bold]feira user set-password ana@example.com[/].")
def set_password(email: Email, password_stdin: FromStdin = False) -> None:
    """Give an account a new password; who is signed in elsewhere is signed out."""
    account = find(email)
    if account is None:
        raise Refused(f"Nobody signs in as {email}. `feira user list` shows who does.")
    account.set_password(ask_password(account, from_stdin=password_stdin))
    account.save(update_fields=["password"])
    say(f"Set the password of {account.email}.")


@app.command(epilog="Example: [bold]feira user team ana@example.com 'ML team'[/].")
def team(
    email: Email,
    name: Annotated[str, typer.Argument(metavar="TEAM", help="Name of the team, such as `ML team`.")],
    leave: Annotated[bool, typer.Option("--leave", help="Take the account out of the team.")] = False,
) -> None:
    """Put an account into a team, whose permissions it gets."""
    account, group = find(email), Group.objects.filter(name__iexact=name).first()
    if account is None:
        raise Refused(f"Nobody signs in as {email}. `feira user list` shows who does.")
    if group is None:
        known = ", ".join(Group.objects.order_by("name").values_list("name", flat=True)) or "none"
        raise Refused(f"There is no team {name!r}. Known: {known}.")
    if leave:
        account.groups.remove(group)
    else:
        account.groups.add(group)
    say(f"{account.email} is {'no longer' if leave else 'now'} in the team {group.name}.")


def find(email: str) -> Account | None:
    """Return the account of an address, whatever its case."""
    return Account.objects.filter(email__iexact=email).first()


def ask_password(account: Account, *, from_stdin: bool) -> str:
    """Return a password that the shop's rules accept.

    Raises:
        Refused: they do not; the message says why.
    """
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from error
    return password
