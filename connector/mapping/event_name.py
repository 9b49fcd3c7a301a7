"""Event names: lower case, words joined by dashes, a past-tense verb first (Intercom's advice: `updated-plan`).

Also how a sender's own name becomes one: Order Completed → completed-order. Whether a word really is a verb is
`english`'s to know; here a small rule has to do, which is fast and needs no dictionary.
"""

from __future__ import annotations

import re
from functools import lru_cache

from connector.mapping.problem import Mistake

MAX_NAME = 100

NAME_FORM = r"[a-z0-9]+(-[a-z0-9]+)*"
_FORM = re.compile(NAME_FORM)
_REWRITTEN = re.compile(r"[.$\x00-\x1f\x7f]")
_LETTERS = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LONGEST_SOURCE = 255
_PARTICLES = frozenset({"up", "in", "out", "off", "on", "down", "over", "back", "away", "through"})
_IRREGULAR_FORMS = """
ate became began begun bent bet bit bled blew bought bound bred broke broken brought built burnt came caught chose
chosen clung cost crept cut dealt did done drank drawn dreamt drew driven drove drunk dug eaten fallen fed fell felt
flew flown forbidden forgave forgiven forgot forgotten fought found froze frozen gave given gone got grew grown had
heard held hid hidden hit hung hurt kept knew known laid learnt led left lent let lit lost made meant met mistaken
outgrown overdrawn overpaid overridden overrode overspent paid put quit ran rang read rebuilt redone remade repaid
resent reset resold rewritten rewrote ridden risen rode rose rung said sang sat saw seen sent set shaken shook shot
shown shrunk shut slept slid sold sought sown spent split spoke spoken spread sprung stole stolen stood struck stuck
sung sunk swept swung taken taught thought threw thrown told took torn unbound understood undid undone unsent upheld
upset went wept withdrawn withdrew withheld woke woken won wore worn wound written wrote
"""
_ENDING_LIKE_A_PAST_TENSE = """
bed bleed breed coed creed embed exceed feed freed greed heed hundred indeed kindred need newsfeed proceed red reed
sacred seed shed sled speed steed succeed thoroughbred weed wed
"""
_IRREGULAR = frozenset(_IRREGULAR_FORMS.split())
_NOT_PAST = frozenset(_ENDING_LIKE_A_PAST_TENSE.split())


def mistake_in_name(name: str) -> Mistake | None:
    """What is wrong with the form of `name`."""
    if not name.strip():
        return Mistake("an empty name", "write a name such as paid-invoice")
    if len(name) > MAX_NAME:
        return Mistake(f"a name of {len(name)} characters", f"keep it below {MAX_NAME}")
    if _FORM.fullmatch(name):
        return None
    better = "-".join(words_of(name))
    what = f"`{name}` is not lower-case words joined by dashes"
    remedy = f"write `{better}`" if better else "write a name such as paid-invoice"
    return Mistake(what, f"{remedy}; {{keep: {name}}} keeps a name that Intercom has already")


def mistake_in_kept_name(name: str) -> Mistake | None:
    """What Intercom would change about a name that is to be kept."""
    if _REWRITTEN.search(name) or name != name.strip():
        better = _REWRITTEN.sub("-", name).strip()
        return Mistake("Intercom keeps no `.`, `$` or blanks around a name", f"write `{better}`")
    if len(name) > MAX_NAME:
        return Mistake(f"a name of {len(name)} characters", f"keep it below {MAX_NAME}")
    return None


def same_name(name: str) -> str:
    """What is equal for names that are one to Intercom: case does not count, `.` and `$` are dashes."""
    return _REWRITTEN.sub("-", name).casefold()


def words_of(name: str) -> list[str]:
    """The words of `Order Completed`, `order_completed`, `orderCompleted` or `HTTPRequestSent`, in lower case."""
    return [word.lower() for run in _LETTERS.findall(name) for word in _HUMP.split(run)]


def is_past(word: str) -> bool:
    """Whether `word` looks like a past tense; right for what events are called, by ending and by a list."""
    regular = len(word) > 3 and word.endswith("ed") and word not in _NOT_PAST
    return regular or word in _IRREGULAR


def kept_name(name: str) -> str | None:
    """A sender's `name` as Intercom keeps it; None where it can keep none."""
    kept = _REWRITTEN.sub("-", name[:_LONGEST_SOURCE]).strip()
    return kept if kept and len(kept) <= MAX_NAME and _sound(kept) else None


def derive_name(name: str) -> str | None:
    """A sender's `name` as an event name, its verb first; None where no name can be made of it."""
    return _derived(name[:_LONGEST_SOURCE])


@lru_cache(maxsize=4096)
def _derived(name: str) -> str | None:
    derived = "-".join(_verb_first(words_of(name)))
    return derived if derived and len(derived) <= MAX_NAME and _sound(derived) else None


def _verb_first(words: list[str]) -> list[str]:
    """The verb and its particle moved to the front; a verb at the end counts before one at the beginning."""
    end = len(words) - 1 if words and words[-1] in _PARTICLES else len(words)
    past = [at for at, word in enumerate(words) if is_past(word)]
    if not past or (past[0] == 0 and past[-1] != end - 1):
        return words
    at = past[-1] if past[-1] == end - 1 else past[0]
    after = at + 2 if at + 1 < len(words) and words[at + 1] in _PARTICLES else at + 1
    return words[at:after] + words[:at] + words[after:]


def _sound(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
