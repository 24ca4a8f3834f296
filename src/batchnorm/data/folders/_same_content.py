"""Which test images are training images, too, whatever the files are called?"""

from ._layout import named


def shared(train: dict[str, str], test: dict[str, str]) -> str:
    """Return what is said of test images that are training images, too; nothing if none is.

    Args:
        train: the digest of each training file's content, by its path; empty where it cannot be read.
        test: likewise of the test files.

    Example:
        >>> shared({"a/1": "one", "a/2": "two", "b/3": ""}, {"a/4": "four", "b/5": "one", "b/6": ""})
        '1 test image is a training image, too, byte for byte, so that the test flatters: a/1 = b/5'
    """
    trained = {digest: path for path, digest in reversed(train.items()) if digest}
    same = sorted((trained[digest], path) for path, digest in test.items() if digest in trained)
    if not same:
        return ""
    count = "1 test image is a training image" if len(same) == 1 else f"{len(same):,} test images are training images"
    return f"{count}, too, byte for byte, so that the test flatters: {named([' = '.join(pair) for pair in same])}"
