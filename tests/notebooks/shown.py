"""What the notebooks that teach are there to show."""

from __future__ import annotations

# What some cells show, by their ids: what the notebook is there to show.
SHOWN: dict[str, dict[str, list[str]]] = {
    "model-a-domain": {
        "aircraft": ["aircraft is created", "model many-to-one aircraft_model"],
        "push-aircraft": ["Upserted 3,322 rows into aircraft"],
        "groups": ["BOEING            1630"],
        "refused": ["engines must be at least 1", "a seat for the pilot", "Did you mean 'maker'?"],
        "restrict": ["RELATION_IN_USE"],
        "apply": ["built becomes year_built"],
        "losing": ["loses the column 'aircraft.year_built' and its values"],
        "back": ["year_built becomes built"],
    },
    "hooks-by-example": {
        "clean": ['"name": "Nowhere Field"', "not saved; --save does that"],
        "live": ["('QQQ', 'A New Field')"],
        "refused": ["409 CONFLICT"],
        "seen": ["'altMetres': 1655"],
        "nearest": ["'name': 'Wall Street Heliport', 'km': 0.8"],
        "wrong": ["ZeroDivisionError", "line 2"],
    },
    "permissions": {
        "try": ["delta@example.com    135 delays", "faa@example.com      610 delays"],
        "writes": ["Success", "not allowed to set minutes", "There is no 'delay'"],
        "why": ["row policy 'own delays'"],
        "why-not": ["Log in first"],
        "anonymous": ["'airline': 'Delta Air Lines Inc.'", "401"],
    },
    "flows-on-a-schedule": {
        "flow": ["every day at 06:00 (America/New_York)"],
        "run": ["(288, 21)"],
        "found": ["Gusts of 62 mph at LGA"],
        "counts": ["observation    288", "storm_warning  21"],
        "logs": ["288 observations"],
        "failed": ["FileNotFoundError"],
        "mended": ["is completed"],
    },
    "adopt-a-database": {
        "adopt": ["4 tables and 2 relations are defined"],
        "use": ["JetBlue Airways"],
        "tables": ["late_flights   187"],
    },
    "analytics": {
        "duckdb": ["UA    278"],
        "polars": ["EWR"],
        "back": ["into carrier_summary"],
        "large": ["True"],
    },
    "support-inbox": {
        "see": ["ann sees", "internalNote"],
        "answer": ["Success", "not allowed to set status", "not allowed to see the field"],
        "wait": ["Urgent: HA51 to HNL left 21 hours late"],
        "runs": ["completed"],
        "summary": ["'waiting': 1"],
    },
}
# Those whose tables, accounts and rules are there the second time; some cells show less then.
AGAIN = ("model-a-domain", "hooks-by-example", "permissions", "support-inbox")
FIRST_ONLY = {"aircraft", "summary"}
