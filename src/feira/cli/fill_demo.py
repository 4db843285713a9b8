"""The part of `feira demo` that needs the shop: accounts and listings."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import typer

from feira.cli.console import progress, say
from feira.cli.demo_facts import DemoFacts, read_demo, write_demo
from feira.cli.imports import follow_import
from feira.core.datasets.drawn.catalogue import draw_listing
from feira.core.errors import Refused
from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.listings.imports import start_import
from feira.shop.listings.records import Record, read_records
from feira.shop.listings.samples import with_sample_facts

SEED = 0
PEOPLE = (("staff", "staff@example.com", "Demo staff", True), ("member", "ana@example.com", "Ana", False))

app = typer.Typer()


@app.command()
def fill_demo() -> None:
    """Make the demo's accounts and import its listings; goes on where it was interrupted."""
    data_dir = load_settings().data_dir.resolve()
    facts = read_demo(data_dir)
    if facts is None:
        raise Refused("This data folder holds no demo. Start one with `feira demo`.")
    facts = replace(facts, accounts=[account(*person) for person in PEOPLE])
    write_demo(data_dir, facts)
    name = f"demo: {facts.folder or f'{facts.draw} drawn listings'}"
    run = start_import(source=name, records=records_of(facts, data_dir / "samples"), seller_name="Feira demo")
    result = follow_import(run)
    say(f"The shop holds {result.done} sample listings{f', {result.refused} were refused' if result.refused else ''}.")
    write_demo(data_dir, replace(facts, is_complete=not result.waiting))


def account(role: str, email: str, name: str, is_staff: bool) -> dict[str, str]:
    """Make an account, or give it a new password when it is there."""
    password = secrets.token_urlsafe(9)
    person = Account.objects.filter(email=email).first() or Account(email=email, display_name=name)
    person.is_staff = person.is_superuser = is_staff
    person.set_password(password)
    person.save()
    return {"role": role, "email": email, "password": password}


def records_of(facts: DemoFacts, samples_dir: Path) -> Iterator[Record]:
    """Return what is to be imported."""
    if facts.draw:
        return drawn_records(facts.draw, samples_dir / f"drawn-{SEED}")
    records = sorted(read_records(Path(facts.folder)), key=lambda record: record.key)
    return with_sample_facts(evenly(records, facts.count))


def evenly(records: list[Record], count: int) -> list[Record]:
    """Return `count` records spread over the whole list, so that every category is there; 0 stands for all."""
    if not 0 < count < len(records):
        return records
    return [records[place * len(records) // count] for place in range(count)]


def drawn_records(count: int, folder: Path) -> Iterator[Record]:
    """Draw listings one by one, with their photos as files."""
    folder.mkdir(parents=True, exist_ok=True)
    with progress("Drawing", count) as advance:
        for number in range(count):
            drawn = draw_listing(number, seed=SEED)
            photos = [folder / f"{drawn.key}-{place}.jpg" for place in range(len(drawn.photos))]
            for file, content in zip(photos, drawn.photos, strict=True):
                file.write_bytes(content)
            advance(1)
            yield Record(
                drawn.key,
                {
                    "title": drawn.title,
                    "description": drawn.description,
                    "category": list(drawn.category),
                    "price": str(drawn.price),
                    "condition": drawn.condition,
                    "attributes": {code: text for code, text in drawn.attributes.items() if code != "kind"},
                    "photos": [str(file) for file in photos],
                },
            )
