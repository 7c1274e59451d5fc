"""The pages that the server mounts, and where what they show comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.app.cases import StoreCases
from holdfast.app.lately import LOOKED_AT, Lately, Reader
from holdfast.app.mounting import nothing, page, version
from holdfast.app.portraits import Kept, bars_of, kept, shape, usual
from holdfast.app.release_pages import ReleasePages
from holdfast.releases.switches import CODE
from holdfast.web import figures

if TYPE_CHECKING:
    from holdfast.contracts import Contract
    from holdfast.contracts.model import Field
    from holdfast.serving.metrics import Metrics
    from holdfast.serving.ports import Desk
    from holdfast.serving.service import Page
    from holdfast.storage import Store

#: columns of the small lines in a table of features
SPARK_BUCKETS = 24
#: newest values shown of a field that is not personal
LAST_VALUES = 10
#: an incident is drawn with at least so much time around it (microseconds)
HOUR = 3_600_000_000
#: codes that say that a value has not been seen before
UNSEEN = "unseen"


class Pages:
    """Dashboard, model, feature and incident pages.

    Args:
        store: the store.
        desk: what the reading endpoints show.
        metrics: counts since the server started.
        clock: microseconds since 1970 (UTC).
    """

    def __init__(
        self, store: Store, desk: Desk, metrics: Metrics, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._desk = desk
        self._metrics = metrics
        self._clock = clock
        self._cases = StoreCases(store, clock)
        self._lately = Reader(store, clock)

    def mounted(self) -> list[Page]:
        """Every page with its line of the table of routes."""
        login = "(browsers: HTTP Basic, any name, the token as password)"
        return [
            page("/", "dashboard", f"The dashboard page {login}.", lambda _: self.dashboard()),
            page(
                "/models/{model}",
                "model_page",
                "Page of a model: its answers over time, and every input with its state.",
                lambda request: self.model(request.names["model"]),
            ),
            page(
                "/models/{model}/features/{feature}",
                "feature_page",
                "Page of a feature: reference and now, missing over time, its contract in words.",
                lambda request: self.feature(request.names["model"], request.names["feature"]),
            ),
            page(
                "/incidents/{incident}",
                "incident_page",
                "Page of an incident: verdict, cause, evidence, impact, action, history.",
                lambda request: self.incident(request.names["incident"]),
            ),
            *ReleasePages(self._store, self._cases, self._clock).mounted(),
        ]

    def dashboard(self) -> bytes:
        """The dashboard."""
        from holdfast.diagnosis.storms import storms
        from holdfast.web.page import dashboard

        now = self._clock()
        rows: dict[str, dict[str, int]] = {}
        for key, count in self._metrics.total().rows.items():
            model, verdict = key.rsplit(" ", 1)
            rows.setdefault(model, {})[verdict] = count
        found = self._cases.records()
        return dashboard(
            models=[{**model, "numbers": []} for model in self._desk.models()],
            incidents=self._desk.incidents(),
            storms=[s.sentence for s in storms(i for i in found if i.standing(now))],
            releases=self._desk.releases(),
            rows=rows,
            now=now,
            version=version(),
        )

    def incident(self, name: str) -> bytes:
        """The page of one incident."""
        from holdfast.diagnosis.words import impact_in_words
        from holdfast.records import Impact
        from holdfast.web.incident import incident_page

        found = self._cases.shown(name)
        if found is None:
            raise nothing("incident", name)
        impact = found.get("impact")
        told = impact_in_words(msgspec.convert(impact, Impact)) if impact else []
        return incident_page(
            incident=found,
            impact=told,
            lines=self._lines(found),
            now=self._clock(),
            version=version(),
        )

    def model(self, name: str) -> bytes:
        """The page of one model."""
        from holdfast.web.model import model_page

        champion, release = self._release(name)
        lately = self._lately(name)
        incidents = self._desk.incidents(name)
        contract: Contract = release.contract
        return model_page(
            model=champion,
            features=[
                self._summary(field, release, lately, incidents)
                for field in contract.fields
                if field.role.value == "feature"
            ],
            answers={
                verdict: figures.over_time(lately.at, lately.verdict(verdict))
                for verdict in ("degraded", "abstained", "rejected")
            },
            incidents=incidents,
            rows=lately.rows.num_rows,
            now=self._clock(),
            version=version(),
        )

    def feature(self, model: str, name: str) -> bytes:
        """The page of one feature."""
        from holdfast.web.feature import feature_page

        champion, release = self._release(model)
        contract: Contract = release.contract
        field = next((f for f in contract.serving().fields if f.name == name), None)
        if field is None:
            raise nothing("feature", name)
        lately = self._lately(model)
        incidents = [i for i in self._desk.incidents(model) if name in i["features"]]
        shown = field.pii == "no"
        values = [None if row is None else row.get(name) for row in lately.values]
        known = shape(release, name)
        return feature_page(
            model=champion,
            field=field,
            summary=self._summary(field, release, lately, incidents),
            bars=bars_of(field, values, known, shown=shown),
            shape=known,
            unseen=figures.over_time(lately.at, lately.marked(f"{name}:{UNSEEN}"))
            if any(rule.__struct_config__.tag == "categories" for rule in field.rules)
            else None,
            usual_unseen=usual(release.reference, f"{name}:{UNSEEN}"),
            missing=figures.over_time(lately.at, lately.marked(f"{name}:null")),
            broken=figures.over_time(lately.at, lately.marked(*_other(lately, name))),
            last=values[: -LAST_VALUES - 1 : -1] if shown else None,
            incidents=incidents,
            looked_at=min(LOOKED_AT, len(values)),
            now=self._clock(),
            version=version(),
        )

    # -- parts --------------------------------------------------------------------------------

    def _release(self, model: str) -> tuple[dict[str, Any], Kept]:
        champion = next((m for m in self._desk.models() if m["model"] == model), None)
        if champion is None:
            raise nothing("model with a champion", model)
        try:
            return champion, kept(self._store.files / "releases" / champion["release"])
        except OSError:
            raise nothing("release of this model in the store", model) from None

    def _summary(
        self,
        field: Field,
        release: Kept,
        lately: Lately,
        incidents: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """State of a feature in a few numbers."""
        name = field.name
        missing = lately.marked(f"{name}:null")
        last = slice(max(len(missing) - LOOKED_AT, 0), None)
        other = lately.marked(*_other(lately, name))
        return {
            "name": name,
            "kind": field.kind.value,
            "policy": field.policy.value,
            "rows": len(missing[last]),
            "missing": float(missing[last].mean()) if len(missing) else None,
            "broken": float(other[last].mean()) if len(missing) else None,
            "codes": lately.codes(name),
            "usual": usual(release.reference, f"{name}:null"),
            "over_time": figures.over_time(lately.at, missing, SPARK_BUCKETS),
            "incidents": [
                i["id"] for i in incidents if i["status"] == "open" and name in i["features"]
            ],
        }

    def _lines(self, incident: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the incident's streams did over time, as far as the last rows show it."""
        lately = self._lately(incident["model"])
        begin = incident["since"]
        end = incident["closed_at"] if incident["closed_at"] is not None else self._clock()
        around = max(end - begin, HOUR)
        near = (lately.at >= begin - 2 * around) & (lately.at <= end + around)
        found = []
        for stream in incident["evidence"].get("streams", ())[:4]:
            mark = f"{stream.get('feature')}:{stream.get('code')}"
            hit = lately.marked(mark)[near]
            if not stream.get("feature") or not hit.any():
                continue
            found.append(
                {
                    "feature": stream["feature"],
                    "code": stream["code"],
                    "usual": stream.get("reference_share"),
                    "buckets": figures.over_time(lately.at[near], hit),
                }
            )
        return found


def _other(lately: Lately, field: str) -> list[str]:
    """Marks of a field that say that a value is there and wrong."""
    return [f"{field}:{code}" for code in lately.codes(field) if code not in ("null", UNSEEN, CODE)]
