"""The last line of the page: what the run cost, and what can be taken away or brought back."""

import panel as pn
import param

from explorer.app.rail import module


class Foot(pn.custom.AnyWidgetComponent):
    """`facts` says all that is written; `asked` comes back; `file` goes out when `file_facts` names it."""

    _esm = module("foot.css", "foot.js")

    facts = param.String("{}")
    asked = param.String("")
    upload = param.Bytes(b"")
    file = param.Bytes(b"")
    file_facts = param.String("{}")
