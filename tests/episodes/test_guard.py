from __future__ import annotations

import pytest

from episodes import EpisodeError, Guard

GUARD = Guard(
    {"Waders": ("Heron", "Curlew"), "owls": ("Barn owl",)},
    reserved_pictures={"owls": {"a1", "b2"}},
)


def test_guard__evaluation_set_by_another_case__is_refused():
    with pytest.raises(EpisodeError, match=r"'waders' is the evaluation set 'Waders'.*Take it out"):
        GUARD.check("waders", ["robin"])


def test_guard__evaluation_class_where_classes_are_forbidden__is_named():
    with pytest.raises(EpisodeError, match=r"'garden' has 1 class of .* 'Waders': 'HERON'\. Leave"):
        GUARD.check("garden", ["robin", "HERON"], forbid_classes=True)


def test_guard__many_evaluation_classes__shows_the_first_five():
    guard = Guard({"letters": tuple("abcdefgh")})

    with pytest.raises(EpisodeError, match=r"8 classes of .*: 'a', 'b', 'c', 'd', 'e' and 3 more"):
        guard.check("alphabet", "hgfedcba", forbid_classes=True)


def test_guard__labels_of_one_name__are_one_class():
    guard = Guard({"zoo": ("n01 Lynx",)}, name_of=lambda label: label.removeprefix("n01 "))

    with pytest.raises(EpisodeError, match=r"1 class of .* 'zoo': 'lynx' \('n01 Lynx' there\)\."):
        guard.check("garden", ["lynx", "newt"], forbid_classes=True)


def test_guard__evaluation_picture__is_named():
    with pytest.raises(EpisodeError, match=r"'garden' has 1 picture of .* 'owls', with hash 'b2'"):
        GUARD.check("garden", ["robin"], ["c3", "b2"])


def test_guard__other_set__may_share_class_names_unless_forbidden():
    shares = ("garden", ["robin", "heron"], ["c3"])

    GUARD.check(*shares)

    with pytest.raises(EpisodeError, match="'heron'"):
        GUARD.check(*shares, forbid_classes=True)


def test_guard__neither_set_class_nor_picture__passes_with_classes_forbidden():
    GUARD.check("garden", ["robin"], ["c3"], forbid_classes=True)
