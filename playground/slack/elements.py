"""What stands inside blocks: text objects, buttons, selects, inputs, rich text.

Limits: docs.slack.dev /reference/block-kit.
"""

from __future__ import annotations

from playground.slack.schema import (
    Check,
    Checks,
    anything,
    array,
    boolean,
    by_type,
    choice,
    matching,
    number,
    one_of_keys,
    only_one_of_keys,
    shape,
    string,
)

TYPE: Checks = {"type": anything}
ACTION: Checks = {"action_id": string(255)}
URL = string(3000)


def plain(most: int) -> Check:
    """Check a plain_text object of 1 to `most` characters."""
    return by_type({"plain_text": shape({**TYPE, "text": string(most)}, {"emoji": boolean})})


def text(most: int) -> Check:
    """Check a plain_text or mrkdwn object of 1 to `most` characters."""
    return by_type(
        {
            "plain_text": shape({**TYPE, "text": string(most)}, {"emoji": boolean}),
            "mrkdwn": shape({**TYPE, "text": string(most)}, {"verbatim": boolean}),
        }
    )


CONFIRM = shape(
    {"title": plain(100), "text": text(300)},
    {"confirm": plain(30), "deny": plain(30), "style": choice("primary", "danger")},
)
OPTION = shape({"text": text(75), "value": string(150)}, {"description": text(75), "url": URL})
OPTIONS = array(OPTION, most=100)
GROUPS = array(shape({"label": plain(75), "options": OPTIONS}), most=100)
SELECT: Checks = {**ACTION, "placeholder": plain(150), "confirm": CONFIRM, "focus_on_load": boolean}
IMAGE_FILE = only_one_of_keys(shape({}, {"id": matching(r"F[A-Z0-9]{8,}"), "url": URL}), "id", "url")

IMAGE = one_of_keys(
    shape({**TYPE, "alt_text": string(2000)}, {"image_url": URL, "slack_file": IMAGE_FILE}), "image_url", "slack_file"
)
BUTTON = shape(
    {**TYPE, "text": plain(75)},
    {
        **ACTION,
        "value": string(2000, least=0),
        "url": URL,
        "style": choice("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)


def _select(optional: Checks) -> Check:
    return shape(TYPE, {**SELECT, **optional})


_STATIC: Checks = {"options": OPTIONS, "option_groups": GROUPS}
_MANY: Checks = {"max_selected_items": number(1, 1000)}
_IDS = array(string(255), most=1000, least=0)
_FILTER: Checks = {"filter": anything, "response_url_enabled": boolean, "default_to_current_conversation": boolean}
_BOXES: Checks = {"confirm": CONFIRM, "focus_on_load": boolean, **ACTION}
_TYPED: Checks = {
    **ACTION,
    "placeholder": plain(150),
    "focus_on_load": boolean,
    "dispatch_action_config": anything,
}

PICKERS: Checks = {
    "button": BUTTON,
    "static_select": one_of_keys(_select({**_STATIC, "initial_option": OPTION}), "options", "option_groups"),
    "multi_static_select": one_of_keys(
        _select({**_STATIC, **_MANY, "initial_options": OPTIONS}), "options", "option_groups"
    ),
    "external_select": _select({"min_query_length": number(0, 100), "initial_option": OPTION}),
    "multi_external_select": _select({**_MANY, "min_query_length": number(0, 100), "initial_options": OPTIONS}),
    "users_select": _select({"initial_user": string(255)}),
    "multi_users_select": _select({**_MANY, "initial_users": _IDS}),
    "channels_select": _select({"initial_channel": string(255), "response_url_enabled": boolean}),
    "conversations_select": _select({**_FILTER, "initial_conversation": string(255)}),
    "multi_conversations_select": _select({**_FILTER, **_MANY, "initial_conversations": _IDS}),
    "overflow": shape({**TYPE, "options": array(OPTION, most=5)}, {**ACTION, "confirm": CONFIRM}),
    "checkboxes": shape({**TYPE, "options": array(OPTION, most=10)}, {**_BOXES, "initial_options": OPTIONS}),
    "radio_buttons": shape({**TYPE, "options": array(OPTION, most=10)}, {**_BOXES, "initial_option": OPTION}),
    "datepicker": _select({"initial_date": string(10, least=10)}),
    "timepicker": _select({"initial_time": string(5, least=5), "timezone": string(100)}),
    "datetimepicker": shape(TYPE, {**_BOXES, "initial_date_time": number(1_000_000_000, 9_999_999_999)}),
}
TYPED_INPUTS: Checks = {
    "plain_text_input": shape(
        TYPE,
        {
            **_TYPED,
            "initial_value": string(3000, least=0),
            "multiline": boolean,
            "min_length": number(0, 3000),
            "max_length": number(1, 3000),
        },
    ),
    "number_input": shape(
        {**TYPE, "is_decimal_allowed": boolean},
        {**_TYPED, "initial_value": string(100), "min_value": string(100), "max_value": string(100)},
    ),
}
ACTION_ELEMENT = by_type(PICKERS)
ACCESSORY = by_type({**PICKERS, "image": IMAGE})
INPUT_ELEMENT = by_type(
    {
        **{kind: check for kind, check in PICKERS.items() if kind not in ("button", "overflow")},
        **TYPED_INPUTS,
    }
)
CONTEXT_ELEMENT = by_type(
    {
        "image": IMAGE,
        "plain_text": shape({**TYPE, "text": string(3000)}, {"emoji": boolean}),
        "mrkdwn": shape({**TYPE, "text": string(3000)}, {"verbatim": boolean}),
    }
)

_STYLE: Checks = {"style": shape({}, {"bold": boolean, "italic": boolean, "strike": boolean, "code": boolean})}
_LEAF = by_type(
    {
        "text": shape({**TYPE, "text": string(12000)}, _STYLE),
        "link": shape({**TYPE, "url": URL}, {**_STYLE, "text": string(3000), "unsafe": boolean}),
        "emoji": shape({**TYPE, "name": string(255)}, {"unicode": string(100)}),
        "user": shape({**TYPE, "user_id": string(255)}, _STYLE),
        "channel": shape({**TYPE, "channel_id": string(255)}, _STYLE),
        "usergroup": shape({**TYPE, "usergroup_id": string(255)}, _STYLE),
        "broadcast": shape({**TYPE, "range": choice("here", "channel", "everyone")}),
        "date": shape(
            {**TYPE, "timestamp": number(0, 9_999_999_999), "format": string(255)},
            {"url": URL, "fallback": string(255)},
        ),
    }
)
_LEAVES = array(_LEAF, most=1000, least=0)
_BORDER: Checks = {"border": number(0, 1)}
_SECTION = shape({**TYPE, "elements": _LEAVES})
RICH_PART = by_type(
    {
        "rich_text_section": _SECTION,
        "rich_text_preformatted": shape({**TYPE, "elements": _LEAVES}, {**_BORDER, "language": string(50)}),
        "rich_text_quote": shape({**TYPE, "elements": _LEAVES}, _BORDER),
        "rich_text_list": shape(
            {
                **TYPE,
                "style": choice("bullet", "ordered"),
                "elements": array(by_type({"rich_text_section": _SECTION}), most=1000),
            },
            {**_BORDER, "indent": number(0, 8), "offset": number(0, 1000)},
        ),
    }
)
