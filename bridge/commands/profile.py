"""Check a business profile: who answers, what is asked, in which words, when meetings can be.

    kav profile check              the profile that the settings name
    kav profile check office.yaml  a file of yours

A profile is one YAML file. To write your own, copy one that comes with kav (engine/profiles/) and
change it step by step:

  languages, name, agent, greeting   who answers, and in which languages; the greeting says that
                                     an automated assistant speaks
  outbound_opening   optional: the greeting of calls that kav places, which says why it calls; then
                                     she asks whether it is a good time
  topics       what a caller may be asked about, in this order. Each has a key, a type and its
               wordings (ask, again, other_words; narrow for choices, confirm for money,
               another_day for the time). `required: false` is never asked, but kept when told.
               Types: choice (its choices), money (least, most, amounts), number (its units),
               name, phone, and time, which stands there once
  summary      what is said back of a wish, the topics that belong together in one bracket
  people       keys of those to whom a caller can be given
  hours, meeting_minutes, timezone, calendars   when meetings can be

Hebrew that is spoken carries its points. A reply has at most 20 words and one question: a text
that is too long is refused. Exit code 0: the profile is sound; 2: it is not, and the message names
the file, the line, the field and what is wrong.
"""

import argparse
from pathlib import Path

from bridge.settings import BadSettings, read_profile, read_settings
from engine.dialogue.profile import Profile
from engine.profile import ProfileBroken, load_profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check"])
    parser.add_argument("file", nargs="?", type=Path, help="default: that of the settings")


async def run(args: argparse.Namespace) -> int:
    try:
        profile = load_profile(args.file) if args.file else read_profile(read_settings())
    except ProfileBroken as broken:
        raise BadSettings(str(broken)) from broken
    print(summary(profile))
    return 0


def summary(profile: Profile) -> str:
    language = profile.languages[0]
    told = [topic.key for topic in profile.topics if not topic.required]
    return "\n".join(
        [
            f"{profile.agent[language]} of {profile.name[language]}: the profile is sound.",
            f"speaks:  {', '.join(profile.languages)}",
            f"asks:    {', '.join(profile.asked)}",
            f"keeps:   {', '.join(told) or 'nothing else'}",
            f"people:  {', '.join(profile.people) or 'nobody'}",
        ]
    )
