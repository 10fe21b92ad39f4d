"""The Asterisk of the settings, as `kav check` sees it."""

import asyncio

import pytest

from bridge.asterisk import outdated, pbx_beside
from bridge.commands.check import pbx_works
from bridge.settings import Settings
from tests.bridge.ami_server import SECRET, ami_server


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("16.28.0~dfsg-0+deb11u4", "no AudioSocket"),
        ("18.26.1", "100 %"),
        ("20.6.0~dfsg+~cs6.13.40431414-2build5", "100 %"),
        ("certified/20.7-cert5", "100 %"),
        ("19.8.1", "100 %"),
        ("22.3.0", "100 %"),
        ("22.4.0", "cut"),
        ("20.18.2", "cut"),
        ("21.12.0", "cut"),
        ("22.8.1", "cut"),
        ("23.2.0", "cut"),
    ],
)
def test_a_version_that_harms_calls_is_warned_of(version: str, word: str) -> None:
    assert word in outdated(version)


@pytest.mark.parametrize("version", ["20.19.0", "22.9.0", "22.10.1", "23.3.0", "24.0.0", "GIT-x"])
def test_others_are_not(version: str) -> None:
    assert outdated(version) == ""


def beside(port: int, **more: object) -> Settings:
    given = {"kav_ami_host": "127.0.0.1", "kav_ami_port": port, "kav_ami_secret": SECRET}
    return Settings.model_validate(given | more)


@pytest.mark.parametrize("version", ["22.10.1", "20.6.0"])
def test_check_tells_the_version_and_warns_of_an_old_one(
    version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> bool:
        async with ami_server() as server:
            server.version = version
            return await pbx_works(beside(server.port))

    assert asyncio.run(scene())
    told = capsys.readouterr()
    assert told.out == f"Asterisk {version}: works\n"
    assert ("100 % CPU" in told.err) == (version == "20.6.0")


@pytest.mark.parametrize(
    ("version", "warned"), [("22.10.1", []), ("20.6.0", ["asterisk_outdated"])]
)
def test_a_bridge_that_starts_warns_of_an_old_one(
    version: str, warned: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with ami_server() as server:
            server.version = version
            async with pbx_beside(beside(server.port)) as pbx:
                assert pbx is not None

    asyncio.run(scene())
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == warned


def test_check_tells_a_pbx_that_cannot_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    async def scene() -> bool:
        async with ami_server() as server:
            server.refused["CoreSettings"] = "Permission denied"
            return await pbx_works(beside(server.port))

    assert not asyncio.run(scene())
    assert capsys.readouterr().err == "kav: Asterisk: CoreSettings: Permission denied\n"


def test_without_ami_there_is_no_pbx() -> None:
    async def scene() -> None:
        assert await pbx_works(Settings.model_validate({}))
        async with pbx_beside(Settings.model_validate({})) as pbx:
            assert pbx is None

    asyncio.run(scene())


def test_the_settings_say_where_callers_may_go() -> None:
    async def scene() -> None:
        told = beside(9, kav_pbx_transfers="office")
        async with pbx_beside(told) as pbx:
            assert pbx is not None
            assert pbx.transfers == {"office"}

    asyncio.run(scene())
