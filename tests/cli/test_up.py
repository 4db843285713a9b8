"""`feira up` before anything is started: ports, hosts, data folders."""

import socket
from pathlib import Path

import pytest

from feira.cli.errors import Misused
from feira.cli.running import only_one
from feira.cli.up import free_ports, refuse_taken_port, shown_host
from tests.cli.conftest import Call


def test_a_taken_port_is_misuse_and_one_line(feira: Call, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = feira("up", "--port", port)
    assert said.code == 2
    assert said.err == f"feira: Port {port} is taken by another program. Choose another one: --port {port + 1}.\n"
    assert said.out == ""
    assert not (tmp_path / "data" / "feira.sqlite3").exists()


def test_a_second_start_on_the_same_data_is_refused_in_one_line(feira: Call, tmp_path: Path) -> None:
    with only_one(tmp_path / "data"):
        said = feira("up", "--port", free_ports(1)[0])
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    assert str(tmp_path / "data") in said.err


def test_a_data_folder_that_cannot_be_written_to_is_one_line(feira: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    said = feira("up", "--port", free_ports(1)[0], "--data", tmp_path / "file")
    assert said.code == 2
    assert said.err.startswith(f"feira: The data folder {tmp_path / 'file'} cannot be written to")
    assert len(said.err.splitlines()) == 1


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(Misused, match=r"192\.0\.2\.1 is not an address of this machine"):
        refuse_taken_port("192.0.2.1", 8000)


def test_a_port_that_is_none_is_misuse(feira: Call) -> None:
    said = feira("up", "--port", 99_999)
    assert said.code == 2
    assert "--port" in said.err


def test_a_host_that_is_unknown_is_misuse() -> None:
    with pytest.raises(Misused, match="Cannot listen on no such host"):
        refuse_taken_port("no such host", 8000)


def test_free_ports_differ_and_are_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports[:3]:
        refuse_taken_port("127.0.0.1", port)


def test_hosts_are_shown_as_people_type_them() -> None:
    assert [shown_host(host) for host in ("0.0.0.0", "::", "shop.local", "::1")] == [  # noqa: S104 - not bound
        "127.0.0.1",
        "127.0.0.1",
        "shop.local",
        "[::1]",
    ]
