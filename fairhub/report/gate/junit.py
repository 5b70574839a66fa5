"""A gate as JUnit XML, the format in which build servers show tests: a test case a limit."""

from xml.etree import ElementTree

from fairhub.errors import plain
from fairhub.report.gate.checks import Check, Gate

_MOST = 400


def junit(gate: Gate) -> bytes:
    """Return the file, UTF-8: one suite, a case for each limit, a failure in each that is broken.

    Names of models are a stranger's text: they are made printable, since XML takes no control characters, and escaped.
    """
    broken = str(len(gate.broken))
    counts = {"tests": str(len(gate.checks)), "failures": broken, "errors": "0", "skipped": "0"}
    suites = ElementTree.Element("testsuites", {"name": "fairhub audit"} | counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": f"fairhub audit {plain(gate.model)}"} | counts)
    if gate.against is not None:
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", {"name": "against", "value": plain(gate.against)})
    for check in gate.checks:
        _add(suite, gate.model, check)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n"


def _add(suite: ElementTree.Element, model: str, check: Check) -> None:
    names = {"classname": f"fairhub.audit.{plain(model)}", "name": plain(check.limit.typed, _MOST), "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", names)
    said = plain(check.said, _MOST)
    if check.held:
        ElementTree.SubElement(case, "system-out").text = said
    else:
        kind = "limit" if check.measured is not None else "not measured"
        ElementTree.SubElement(case, "failure", {"message": said, "type": kind}).text = said
