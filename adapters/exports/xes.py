"""XES (IEEE 1849-2016): a trace for every case, an event for every record of it."""

import re
from typing import Final, TextIO
from xml.sax.saxutils import quoteattr

from .happenings import Happening, Log

_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <global scope="trace">
    <string key="concept:name" value=""/>
  </global>
  <global scope="event">
    <string key="concept:name" value=""/>
    <string key="lifecycle:transition" value="complete"/>
    <date key="time:timestamp" value="1970-01-01T00:00:00.000000Z"/>
  </global>
  <classifier name="Activity" keys="concept:name"/>
"""

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_xes(log: Log, file: TextIO) -> int:
    """Write the cases of a log; answers how many events there are."""
    count = 0
    file.write(_HEAD)
    file.write(f"  {_attribute('string', 'concept:name', log.organisation)}\n")
    for case, happenings in log.cases():
        file.write(f"  <trace>\n    {_attribute('string', 'concept:name', case)}\n")
        for one in happenings:
            count += 1
            _write(one, file)
        file.write("  </trace>\n")
    file.write("</log>\n")
    return count


def _write(one: Happening, file: TextIO) -> None:
    texts = {
        "concept:name": one.activity,
        "lifecycle:transition": "complete",
        "org:resource": one.actor,
        "org:role": one.role,
        "org:group": one.unit,
        "record": one.record,
        "run": one.run,
        "routine": one.routine,
        "step": one.step,
        "from": one.source,
        "to": one.target,
        "person": one.person,
    }
    file.write("    <event>\n")
    for key, value in texts.items():
        if value:
            file.write(f"      {_attribute('string', key, value)}\n")
    file.write(f"      {_attribute('date', 'time:timestamp', one.happened)}\n")
    file.write(f"      {_attribute('date', 'entered', one.entered)}\n    </event>\n")


def _attribute(kind: str, key: str, value: str) -> str:
    said = quoteattr(_NOT_XML.sub("\ufffd", value))
    return f"<{kind} key={quoteattr(key)} value={said}/>"
