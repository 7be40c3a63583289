"""A comparison of sweeps: the first, the others, and the cells that belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aevae.axes import KEYS
from analysis.comparison.members import Member, Pair, find_pairs, without_partner
from analysis.comparison.quantities import same_test_images
from analysis.comparison.settings import differences


@dataclass(frozen=True, eq=False)
class Comparison:
    """Sweeps whose cells are compared with those of the first.

    `same_images` tells of each other sweep whether its test images are those of the first. If the
    shapes of the images differ, `by_value` is true: errors are divided by the values of an image.
    """

    first: Member
    others: tuple[Member, ...]
    pairs: tuple[Pair, ...]
    same_images: Mapping[str, bool]
    by_value: bool

    @classmethod
    def of(cls, first: Member, others: Sequence[Member]) -> "Comparison":
        """Pair the cells of some sweeps.

        Raises
        ------
        InputError
            No cell of the first sweep has a partner.
        """
        pairs = find_pairs(first, others)
        same = same_test_images([first.sweep, *(member.sweep for member in others)])[1:]
        labels = [member.label for member in others]
        shapes = {member.sweep.data.image_shape for member in (first, *others)}
        same_images = dict(zip(labels, same, strict=True))
        return cls(first, tuple(others), tuple(pairs), same_images, len(shapes) > 1)

    @property
    def members(self) -> tuple[Member, ...]:
        """Every sweep, the first at the beginning."""
        return self.first, *self.others

    @property
    def axes(self) -> tuple[str, ...]:
        """Keys of the settings that some sweep varies."""
        varied = {key for member in self.members for key in member.axes}
        return tuple(key for key in KEYS if key in varied)

    def notes(self) -> list[str]:
        """Say what the sweeps differ in, which cells are not compared, and what is missing."""
        found = [
            differences(self.first, member, same_images=self.same_images[member.label])
            for member in self.others
        ]
        found.append(without_partner(self.first, self.others, self.pairs))
        found += [
            f"{member.label} is partial: {member.sweep.partial_note.removeprefix('partial: ')}."
            for member in self.members
            if member.sweep.gaps
        ]
        return [note for note in found if note]
