"""Names of classes: from files and tables to outputs, by one rule."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tf_fragile.data.class_index import CIFAR10, class_index, imagenet, imagenet_classes
from tf_fragile.data.classes import Classes, numbered
from tf_fragile.data.labelling import Named, assign, unlabelled
from tf_fragile.errors import InputError

FILES = {
    "lines": ("cat\ndog\nbird\n", ("cat", "dog", "bird"), None),
    "crlf": ("cat\r\ndog\r\nbird\r\n\r\n", ("cat", "dog", "bird"), None),
    "mac": ("cat\rdog\rbird", ("cat", "dog", "bird"), None),
    "bom": ("\ufeffcat\ndog\nbird", ("cat", "dog", "bird"), None),
    "umlauts": ("Vögel\nHunde\n", ("Vögel", "Hunde"), None),
    "commas": ("tench, Tinca tinca\ncat\n", ("tench, Tinca tinca", "cat"), None),
    "index": ("index,name\n1,dog\n0,cat\n", ("cat", "dog"), None),
    "three": (
        "index,wnid,name\n0,n01,cat\n1,n02,dog\n",
        ("cat", "dog"),
        ("n01", "n02"),
    ),
    "label": ("label;class\n0;cat\n1;dog\n", ("cat", "dog"), None),
    "swapped": ("class,label\ncat,1\ndog,0\n", ("dog", "cat"), None),
    "tabs": ("id\tname\n0\tcat\n1\tdog\n", ("cat", "dog"), None),
    "quoted": ('index,name\n0,"cat, tame"\n1,dog\n', ("cat, tame", "dog"), None),
    "two": ("0,cat\n1,dog\n", ("cat", "dog"), None),
    "reversed": ("cat,1\ndog,0\n", ("dog", "cat"), None),
    "wnids": ("n01440764,tench\nn01443537,goldfish\n", ("tench", "goldfish"), None),
    "numbered": ("0 cat\n1 guinea pig\n", ("cat", "guinea pig"), ("0 cat", "1 guinea pig")),
    "synsets": ("n01440764 tench, Tinca\nn01443537 goldfish\n", ("tench, Tinca", "goldfish"), None),
    "numbers": ("0\n1\n10\n2\n", ("0", "1", "10", "2"), None),
    "doubled": ("crane\ncrane\n", ("crane", "crane"), None),
}
FILES["wnids"] = (*FILES["wnids"][:2], ("n01440764", "n01443537"))
FILES["synsets"] = (*FILES["synsets"][:2], ("n01440764", "n01443537"))


@pytest.mark.parametrize("case", FILES)
def test_files_are_understood(tmp_path: Path, case: str) -> None:
    text, names, keys = FILES[case]
    path = tmp_path / "names.txt"
    path.write_bytes(text.encode())
    classes = Classes.read(path)
    assert (classes.names, classes.keys) == (names, keys)
    assert classes.origin == f"--classes={path}"


BAD_FILES = {
    "empty": ("\n\n", "The class names '{}' are empty; write one name a line."),
    "only a header": ("index,name\n", "The class names '{}' are empty; write one name a line."),
    "gap": (
        "cat\n\ndog\n",
        "Line 2 of the class names '{}' is empty, so the names after it may belong to other "
        "outputs; write one name a line, in the order of the outputs.",
    ),
    "nameless": (
        "index,name\n0,cat\n1,\n",
        "Line 3 of the class names '{}' has no name; give one.",
    ),
    "from one": (
        "index,name\n1,cat\n2,dog\n",
        "The numbers of the 2 classes in '{}' run from 1 to 2; number the outputs from 0 to 1, "
        "each once.",
    ),
    "twice": (
        "0,cat\n0,dog\n",
        "The numbers of the 2 classes in '{}' give 0 twice; number the outputs from 0 to 1, each "
        "once.",
    ),
    "no number": (
        "index,name\n0,cat\nb,dog\n",
        "The class names '{}' number an output 'b'; number the outputs from 0 to 1.",
    ),
    "ragged": (
        "index,name\n0,cat\n1,dog, tame\n",
        "Line 3 of the class names '{}' has 3 columns, but the header 2; put names with ',' in "
        "quotes.",
    ),
    "json": ('{"0": "cat"}', "The class names '{}' are no plain text; write one name a line."),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_files_that_may_shift_labels_are_refused(tmp_path: Path, case: str) -> None:
    text, said = BAD_FILES[case]
    path = tmp_path / "names.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        Classes.read(path)
    assert str(error.value) == said.format(path)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"There is no file .*nowhere'; give a file with one class"
    ):
        Classes.read(tmp_path / "nowhere")
    with pytest.raises(InputError, match="There is no file"):
        Classes.read(tmp_path)
    (tmp_path / "latin.txt").write_bytes("Vögel".encode("latin-1"))
    with pytest.raises(InputError, match="are no UTF-8 text; write one name a line in UTF-8"):
        Classes.read(tmp_path / "latin.txt")


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "names.txt").write_text("cat\ndog")
    assert Classes.read("~/names.txt").names == ("cat", "dog")


def test_names_are_found_in_their_spelling_first_and_then_in_others() -> None:
    classes = Classes(("Guinea pig", "guinea_pig", "Löwe"), "here", ("a", "b", "c"))
    assert classes.find("Guinea pig") == (0,) and classes.find("guinea_pig") == (1,)
    assert classes.find("GUINEA-PIG") == (0, 1)
    assert classes.find("b") == (1,) and classes.find("B") == (1,)
    assert classes.find(unicodedata.normalize("NFD", "Löwe")) == (2,)
    assert classes.find("guinea") == ()


def test_indexes_are_those_of_the_data_sets() -> None:
    assert len(imagenet()) == 1000 and imagenet().find("n01440764") == imagenet().find("tench")
    assert imagenet_classes()[0] == ("n01440764", "tench")
    assert class_index("imagenet") is imagenet()
    assert class_index("cifar10").names == CIFAR10 and sorted(CIFAR10) == list(CIFAR10)
    assert len(class_index("embedded")) == 10
    with pytest.raises(InputError, match="did you mean imagenet"):
        class_index("imagnet")


def test_the_first_three_and_the_last_are_said() -> None:
    assert numbered(("a", "b", "c", "d")) == "0 a, 1 b, 2 c, 3 d"
    assert numbered(tuple("abcdefgh")) == "0 a, 1 b, 2 c, …, 7 h"


def named(*names: str) -> Named:
    return Named("The folder 'photos'", "class folder", names, "in order")


GIVEN = Classes(("a_red", "b_green", "c_blue"), "--classes=names.txt")


def test_given_names_win_over_the_order_of_folders() -> None:
    found = assign(named("b_green", "c_blue"), outputs=3, classes=GIVEN)
    assert found.outputs == (1, 2) and found.names == GIVEN.names
    assert found.origin == "by name, from --classes=names.txt"
    assert assign(named("B Green"), outputs=3, classes=GIVEN).outputs == (1,)


def test_as_many_folders_as_outputs_are_numbered_in_their_order() -> None:
    found = assign(named("a", "b"), outputs=2, classes=None)
    assert (found.outputs, found.names, found.origin) == ((0, 1), ("a", "b"), "in order")
    assert assign(named("a", "b"), outputs=None, classes=None).origin == ""


def test_wordnet_ids_stand_for_imagenets_outputs_only_where_there_are_as_many() -> None:
    folders = named("n01440764", "n01484850")
    assert assign(folders, outputs=1000, classes=None).outputs == (0, 2)
    assert assign(folders, outputs=None, classes=None).outputs == (0, 2)
    own = assign(folders, outputs=2, classes=None)
    assert own.outputs == (0, 1) and own.names == ("tench", "great_white_shark")


def test_names_stand_for_imagenets_outputs_where_all_are_some() -> None:
    assert assign(named("goldfish", "Tench"), outputs=1000, classes=None).outputs == (1, 0)
    with pytest.raises(InputError, match=r"has 2 class folders .goldfish, mine.*1000 classes"):
        assign(named("goldfish", "mine"), outputs=1000, classes=None)


REFUSED = {
    "fewer": (
        (("b", "c"), 3, None),
        "The folder 'photos' has 2 class folders (b, c), but the model tells 3 classes apart; name "
        "the class of each output, in their order, with --classes=FILE, one a line.",
    ),
    "more": (
        (("a", "b", "c", "d"), 2, None),
        "The folder 'photos' has 4 class folders (a, b, c, …), but the model tells 2 classes "
        "apart; name the class of each output, in their order, with --classes=FILE, one a line, "
        "and move the other class folders away.",
    ),
    "stranger": (
        (("a_red", "pink"), 3, GIVEN),
        "The folder 'photos' has a class folder 'pink', which is no class of --classes=names.txt "
        "(a_red, b_green, c_blue); rename it or move it away, or name the class of each output, in "
        "their order, with --classes=FILE, one a line.",
    ),
    "too few names": (
        (("a_red",), 4, GIVEN),
        "--classes=names.txt names 3 classes, but the model tells 4 classes apart; give one name "
        "for each output, in their order.",
    ),
    "background": (
        (("a",), 2, Classes(("background", "a", "b"), "--classes=x")),
        "--classes=x names 3 classes, but the model tells 2 classes apart; its first line "
        "'background' names no output: leave it out.",
    ),
    "ambiguous": (
        (("crane",), 1000, imagenet()),
        "The folder 'photos' has a class folder 'crane', but ImageNet's class index has that name "
        "for the outputs 134 and 517; name it by its id (n02012849 or n03126707).",
    ),
    "ambiguous without ids": (
        (("crane",), 2, Classes(("crane", "crane"), "--classes=x")),
        "The folder 'photos' has a class folder 'crane', but --classes=x has that name for the "
        "outputs 0 and 1; name it so that each name occurs once.",
    ),
    "both": (
        (("n01440764", "tench"), 1000, imagenet()),
        "The folder 'photos' has the class folders 'n01440764' and 'tench', which both name output "
        "0 of ImageNet's class index; put them together.",
    ),
    "1000 of one's own": (
        (tuple(f"{i:04}" for i in range(1000)), 1000, imagenet()),
        "The folder 'photos' has a class folder '0000', which is no class of ImageNet's class "
        "index (tench, goldfish, great_white_shark, …); rename it or move it away, or name the "
        "class of each output, in their order, with --classes=FILE, one a line.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_classes_without_an_output_are_refused(case: str) -> None:
    (folders, outputs, classes), said = REFUSED[case]
    with pytest.raises(InputError) as error:
        assign(named(*folders), outputs=outputs, classes=classes)
    assert str(error.value) == said


def test_numbers_sorted_as_text_are_said_and_a_file_puts_them_right(tmp_path: Path) -> None:
    numbers = sorted(str(i) for i in range(11))
    found = assign(named(*numbers), outputs=11, classes=None)
    assert found.notes == (
        "The class folders are numbered, but sorted as text, as Keras does: '10' is output 2. "
        "If their numbers are the order of the outputs, list them so in --classes=FILE.",
    )
    (tmp_path / "names.txt").write_text("\n".join(map(str, range(11))))
    listed = assign(named(*numbers), outputs=11, classes=Classes.read(tmp_path / "names.txt"))
    assert listed.outputs[numbers.index("10")] == 10 and not listed.notes
    assert not assign(named("0", "1", "2"), outputs=3, classes=None).notes
    assert not assign(named("00", "01", "10"), outputs=3, classes=None).notes


@pytest.mark.parametrize("pattern", ["class{}", "{}_cat", "fold {} of 11", "{}. red"])
def test_numbers_in_names_that_are_sorted_as_text_are_said(tmp_path: Path, pattern: str) -> None:
    meant = [pattern.format(i) for i in range(1, 12)]
    (note,) = assign(named(*sorted(meant)), outputs=11, classes=None).notes
    assert f"{pattern.format(10)!r} is output 1." in note or f"{meant[9]!r} is output 0." in note
    (tmp_path / "names.txt").write_text("\n".join(meant))
    listed = assign(named(*sorted(meant)), outputs=11, classes=Classes.read(tmp_path / "names.txt"))
    assert [sorted(meant)[listed.outputs.index(i)] for i in range(11)] == meant
    assert not listed.notes


@pytest.mark.parametrize(
    "names",
    [
        ("class01", "class02", "class10"),
        ("class1", "class2"),
        ("a10", "b2", "c1"),
        ("cat10", "cat9b", "dog"),
        ("class10", "class9", "class1"),  # an order of its own, as in TFDS
    ],
)
def test_names_in_the_order_of_their_numbers_or_in_none_are_left_alone(names) -> None:
    assert not assign(named(*names), outputs=len(names), classes=None).notes


def test_outputs_have_names_without_labels_too() -> None:
    found = unlabelled(outputs=3, classes=GIVEN)
    assert found.names == GIVEN.names and found.origin == "--classes=names.txt"
    assert unlabelled(outputs=3, classes=None).names is None
    with pytest.raises(InputError, match="names 3 classes, but the model tells 2"):
        unlabelled(outputs=2, classes=GIVEN)
