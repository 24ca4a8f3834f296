"""Write `study/claims/rates.json`, the learning rates that quick studies take, from a standard study's searches.

.venv/bin/python tools/write_rates.py runs/study-standard-fashion-mnist
"""

import json
import sys
from pathlib import Path

from batchnorm.files import atomic_write
from batchnorm.records import Study
from batchnorm.study import CLAIMS, read_study
from batchnorm.study._rates import FILE, FOUND_ON


def main(folder: Path) -> None:
    """Write what the searches of a study have found; a claim that it has not keeps what was found before."""
    study, _ = read_study(folder)
    if study.budget != "standard" or study.data not in FOUND_ON or study.model is not None:
        sys.exit(f"{folder}: expected a standard study on {FOUND_ON[0]} by the claims' own nets")
    found = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    found |= rows_of(study)
    claims = (
        f' "{claim}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n ]"
        for claim, rows in found.items()
    )
    with atomic_write(FILE, "w") as file:
        file.write("{\n" + ",\n".join(claims) + "\n}\n")
    print(f"{FILE}: {sum(map(len, found.values()))} rates")


def rows_of(study: Study) -> dict[str, list[dict[str, object]]]:
    """By claim, what was found for each of its arms."""
    versions = {claim.id: claim.version for claim in CLAIMS}
    rows: dict[str, list[dict[str, object]]] = {}
    for claim in study.claims:
        options = {arm.name: arm.options for arm in claim.arms}
        for found in claim.found if claim.id in versions else ():
            row = {"version": versions[claim.id], "options": options[found.arm], "value": found.value}
            if row not in rows.setdefault(claim.id, []):
                rows[claim.id].append(row)
    return rows


if __name__ == "__main__":
    main(Path(sys.argv[1]))
