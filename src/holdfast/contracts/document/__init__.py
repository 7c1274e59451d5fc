"""The contract as a document that people review: YAML in and out, its JSON Schema, diff in words.

Example:
    >>> from holdfast.contracts import model as m
    >>> age = m.Field(name="Age", kind=m.Kind.INTEGER, rules=(m.RangeRule(low=18, high=75),))
    >>> text = dump_yaml(m.ContractData(name="loan", fields=(age,)))
    >>> print(text[text.index("fields:") :].rstrip())
    fields:
      Age:
        kind: integer
        range: {low: 18, high: 75}
    >>> load_yaml(text) == m.ContractData(name="loan", fields=(age,))
    True
"""

from holdfast.contracts.document.changes import Change, diff
from holdfast.contracts.document.reading import load_yaml
from holdfast.contracts.document.schema import json_schema
from holdfast.contracts.document.writing import dump_yaml

__all__ = ["Change", "diff", "dump_yaml", "json_schema", "load_yaml"]
