"""Is a claim found by its name or file, or the reason told why not?"""

import pytest

from batchnorm.errors import InputError
from batchnorm.study import CLAIMS
from batchnorm.study._own_claim import ClaimSource, find_claim

from .claim_files import write_claim


def test_a_file_gives_its_claim(tmp_path):
    assert find_claim(write_claim(tmp_path)).claim().id == "gain"


def test_a_claim_keeps_the_text_that_was_read(tmp_path):
    source = find_claim(write_claim(tmp_path, margin=0.1))
    write_claim(tmp_path, margin=0.7)
    assert source.claim().comparisons[0].margin == 0.1


def test_another_text_has_another_digest(tmp_path):
    first, second = (find_claim(write_claim(tmp_path, margin=margin)) for margin in (0.1, 0.7))
    assert first.digest != second.digest


def test_a_file_may_import_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_a_claim.py").write_text("GAIN = 2.0\n")
    path = write_claim(tmp_path, measure="import neighbour_of_a_claim\ndef measure(run):\n    return {}\n")
    assert find_claim(path).claim().id == "gain"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CLAIM = 3", "expected CLAIM to be a batchnorm.study.Claim, got an int"),
        ("", "expected CLAIM to be a batchnorm.study.Claim, got none"),
        ("\n1 / 0", r"running it raised ZeroDivisionError: division by zero \(line 2\)"),
        ("import sys; sys.exit('bye')", "running it raised SystemExit: bye"),
        ("CLAIM = (", "running it raised SyntaxError: '\\(' was never closed"),
    ],
)
def test_a_file_without_a_claim_is_refused_with_the_reason(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        find_claim(str(path))


@pytest.mark.parametrize("name", ["../up", "", "a b", "a/b"])
def test_an_id_that_no_folder_can_have_is_refused(tmp_path, name):
    path = tmp_path / "mine.py"
    text = (tmp_path / "gain.py").read_text() if write_claim(tmp_path) else ""
    path.write_text(text.replace('id="gain"', f"id={name!r}"))
    with pytest.raises(InputError, match="expected an id of letters, digits and hyphens"):
        find_claim(str(path))


def test_an_id_of_the_library_is_refused(tmp_path):
    with pytest.raises(InputError, match="is that of a claim of the library"):
        find_claim(write_claim(tmp_path, name=CLAIMS[0].id))


def test_a_misspelt_name_is_told_the_near_one():
    with pytest.raises(InputError, match=f"Did you mean {CLAIMS[0].id!r}"):
        find_claim(CLAIMS[0].id + "x")


def test_an_unknown_name_is_told_where_all_are():
    with pytest.raises(InputError, match=r"got 'xyzzy'.*batchnorm study list"):
        find_claim("xyzzy")


def test_a_claim_of_the_library_has_no_digest_for_its_version_says_what_it_computes():
    assert ClaimSource("cost").digest is None
