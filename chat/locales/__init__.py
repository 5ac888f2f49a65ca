"""In which language people are told something: English in the source, every other from one catalogue.

Drawing is done inside `speaking(locale)`. There `tr` and `many` return a sentence in that language, and `heard` says
what another room wrote down in English: records, errors and the audit log stay English, and command words everywhere.

The catalogue is gettext's (`<locale>/LC_MESSAGES/*.po`): `chat.po` holds what this room says, `rooms.po` what it hears.
`python -m tools.catalogue` brings both up to date with the source; a test fails while a sentence has no translation.
"""

from chat.locales.catalogue import Locale, locale_of, many, mark, speaking, spoken, tr
from chat.locales.hearing import heard

__all__ = ["Locale", "heard", "locale_of", "many", "mark", "speaking", "spoken", "tr"]
